// The parts that pages are made of: a heading with its buttons, and cards.

import { h, icon } from '../dom.js';

/** A page's heading. `back: { href, label }`, `actions`: buttons. */
export const head = ({ title, about, back, actions = [] }) => h('header', { class: 'page-head' },
  h('div', null,
    back && h('a', { class: 'crumb', href: back.href }, `← ${back.label}`),
    h('h1', { tabindex: -1 }, title),
    about && h('p', null, about)),
  h('div', { class: 'actions' }, actions));

/** A card. `span`: so many of twelve columns; `flush`: its body goes to the edges, for tables. */
export function card({ title, tools = [], span, flush = false, level = 2 }, ...children) {
  return h('section', { class: ['card', span && `span-${span}`] },
    (title || tools.length > 0) && h('div', { class: 'card-head' }, title && h(`h${level}`, null, title), tools),
    h('div', { class: ['card-body', flush && 'flush'] }, children));
}

/** A button. */
export const button = (label, onclick, { kind, picture, small = false, ...more } = {}) => h('button', { type: 'button', class: [kind, small && 'small'], onclick, ...more }, picture && icon(picture), label);
