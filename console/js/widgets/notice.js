// Sentences that matter: what went wrong and what to do next, what is empty, what is being loaded.

import { h, inline } from '../dom.js';
import { t } from '../i18n.js';

/** A notice of a kind: `info`, `good`, `warning`, `bad`. */
export function notice(kind, ...children) {
  return h('div', { class: ['notice', kind] }, h('div', null, children));
}

/** What a problem says, and its remedy. */
export function problemNotice(error, retry) {
  const said = error?.detail || error?.message || t('shell.went_wrong');
  return h('div', { class: 'notice bad' },
    h('div', null,
      h('p', null, inline(said, 2000)),
      error?.remedy && h('p', { class: 'second' }, inline(error.remedy, 2000)),
      error?.fields?.request_id && h('p', { class: 'quiet small' }, t('shell.request_id'), ' ', h('code', null, error.fields.request_id))),
    retry && h('button', { type: 'button', class: 'small', onclick: retry }, t('shell.try_again')));
}

/** That there is nothing, and what to do about it. */
export const empty = (sentence, ...actions) => h('div', { class: 'empty' }, h('p', null, sentence), actions);

/** That something is on its way. */
export const loading = () => h('p', { class: 'loading', role: 'status' }, t('shell.loading'));
