// Times, authors and sums in words of the chosen language.

import { h, inline } from '../dom.js';
import { ago, dayAndClock } from '../format.js';
import { t } from '../i18n.js';

/** A time within a sentence. */
export function when(at) {
  return h('time', { datetime: at, class: 'nowrap' }, dayAndClock(at));
}

/** Who did something, in a word. */
export function byName(by) {
  if (!by) return '';
  if (by.kind === 'key') return by.name ?? by.prefix;
  if (by.kind === 'configuration') return t('prompts.by_configuration');
  if (by.kind === 'runtime') return t('prompts.by_runtime');
  return by.name ?? by.prefix ?? String(by.kind ?? by);
}

/** How long ago something was done, and by whom. */
export function whenBy(at, by) {
  return h('span', { class: 'when' }, ago(at), by ? [' · ', inline(byName(by), 80)] : null);
}
