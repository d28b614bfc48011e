// Small words with a colour. The word says it all; the colour helps.

import { h } from '../dom.js';
import { word } from '../i18n.js';

/** A ticket's state. */
export const stateBadge = (state) => h('span', { class: ['badge', state] }, word('tickets.state_', state));

/** Any word: `good`, `bad`, `warning`, `accent`, or none. */
export const badge = (label, kind) => h('span', { class: ['badge', 'plain', kind] }, label);
