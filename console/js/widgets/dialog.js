// A question that has to be answered before anything else.

import { append, h, icon } from '../dom.js';
import { t } from '../i18n.js';
import { problemNotice } from './notice.js';

let number = 0;

/**
 * Opens a dialog. `actions`: `[{ label, primary?, danger?, run?(close) }]`; one without `run` closes it. `run`
 * may be async; what it throws is shown in the dialog, which stays. Gives back `{ element, close, closed }`.
 */
export function dialog({ title, body, actions = [], wide = false, onClose = () => {} }) {
  const id = `dialog-${(number += 1)}`;
  const before = document.activeElement;
  const trouble = h('div', { role: 'alert' });
  const element = h('dialog', { class: wide ? 'wide' : null, 'aria-labelledby': id },
    h('div', { class: 'dialog-head' }, h('h2', { id }, title),
      h('button', { type: 'button', class: 'plain small', 'aria-label': t('shell.close'), onclick: () => close() }, icon('close'))),
    h('div', { class: 'dialog-body' }, body, trouble),
    actions.length > 0 && h('div', { class: 'dialog-foot' }, actions.map((action) => button(action))));

  function button({ label, primary, danger, run, disabled }) {
    const made = h('button', { type: 'button', class: [primary && 'primary', danger && 'danger'], disabled, onclick: act }, label);
    async function act() {
      if (!run) return close();
      trouble.replaceChildren();
      made.disabled = true;
      try {
        await run(close);
      } catch (error) {
        append(trouble, problemNotice(error));
      } finally {
        made.disabled = false;
      }
      return undefined;
    }
    return made;
  }

  let told;
  const closed = new Promise((resolve) => (told = resolve));
  let result;
  const close = (value) => {
    result = value;
    element.close();
  };
  element.addEventListener('close', () => {
    element.remove();
    if (before instanceof HTMLElement && before.isConnected) before.focus();
    onClose(result);
    told(result);
  });
  document.body.append(element);
  element.showModal();
  return { element, close, closed };
}

/** Asks yes or no. Resolves to whether `run` was done. */
export async function confirm({ title, body, yes, danger = false, run = async () => {} }) {
  const asked = dialog({
    title, body: typeof body === 'string' ? h('p', null, body) : body,
    actions: [
      { label: t('shell.cancel') },
      { label: yes, primary: !danger, danger, run: async (close) => { await run(); close(true); } },
    ],
  });
  return (await asked.closed) === true;
}
