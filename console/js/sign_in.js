// The first page: a key, and what it is for.

import { fill, h } from './dom.js';
import { t } from './i18n.js';
import { languageChoice, themeChoice } from './choices.js';
import { field } from './widgets/field.js';
import { notice, problemNotice } from './widgets/notice.js';

// "PUNCHCARD" as a row of holes, for whoever looks closely: one column for each bit of its letters.
const HOLES = [...'PUNCHCARD'].flatMap((letter) => [...letter.charCodeAt(0).toString(2).padStart(8, '0')]).map(Number);

/** Asks for a key. `signIn(key)` throws what is wrong with it. */
export function openSignIn(root, { sentence, signIn, chooseLanguage }) {
  document.title = t('shell.sign_in_title');
  const trouble = h('div', { role: 'alert' }, sentence && notice('info', h('p', null, sentence)));
  const key = field({ label: t('shell.key'), hint: t('shell.key_hint'), type: 'password', autocomplete: 'off', spellcheck: 'false', autocapitalize: 'none' });
  const button = h('button', { type: 'submit', class: 'primary' }, t('shell.sign_in'));
  const form = h('form', { onsubmit: submit, novalidate: true }, key.element, button);

  async function submit(event) {
    event.preventDefault();
    const shown = key.input.value.trim();
    if (!shown) return key.wrong(t('shell.key_missing'));
    key.wrong(null);
    button.disabled = true;
    fill(trouble);
    try {
      await signIn(shown);
    } catch (problem) {
      if (problem.status === 401) key.wrong(t('shell.key_unknown'));
      else if (problem.status === 404) fill(trouble, problemNotice({ detail: t('shell.no_whoami') }));
      else fill(trouble, problemNotice(problem));
      key.input.focus();
      key.input.select();
    } finally {
      button.disabled = false;
    }
    return undefined;
  }

  root.append(h('div', { class: 'sign-in' }, h('main', { class: 'sign-in-card' },
    h('div', { class: 'punches', 'aria-hidden': 'true' }, HOLES.slice(0, 72).map((on) => h('i', { class: on ? 'on' : null }))),
    h('h1', { class: 'brand' }, h('img', { src: '/console/icon.svg', alt: '' }), 'Punchcard'),
    h('p', { class: 'second' }, t('shell.sign_in_about')),
    trouble, form,
    h('p', { class: 'quiet small' }, t('shell.key_kept')),
    h('div', { class: 'sign-in-foot' }, languageChoice(chooseLanguage), themeChoice()))));
  key.input.focus();
  return () => {};
}
