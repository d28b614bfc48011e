// A word about what was just done. It goes by itself; what went wrong stays until it is read.

import { h, icon, inline } from '../dom.js';
import { t } from '../i18n.js';

const STAYS = 5000;
const MOST = 4;

let place = null;

function shelf() {
  if (!place?.isConnected) {
    place = h('div', { class: 'toasts', role: 'status', 'aria-live': 'polite' });
    document.body.append(place);
  }
  return place;
}

/** Says that something was done; with `bad`, that it was not. */
export function toast(sentence, { bad = false } = {}) {
  const made = h('div', { class: ['toast', bad && 'bad'] }, h('span', null, inline(sentence, 500)),
    h('button', { type: 'button', 'aria-label': t('shell.close'), onclick: () => made.remove() }, icon('close')));
  const on = shelf();
  on.append(made);
  while (on.children.length > MOST) on.firstElementChild.remove();
  if (!bad) setTimeout(() => made.remove(), STAYS);
}

/** Says what went wrong. */
export const toastProblem = (error) => toast(error?.detail || error?.message || t('shell.went_wrong'), { bad: true });
