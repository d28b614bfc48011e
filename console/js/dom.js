// Elements without markup: whatever stands in a text is a text node.
//
// There is no innerHTML in the console, and the page's policy (Trusted Types) would refuse it. Texts of
// others go through `visible` or `text`, which show what cannot be seen: control characters, and those that
// turn the order of words around.

import { t } from './i18n.js';

const SVG = 'http://www.w3.org/2000/svg';
const PROPERTIES = new Set(['value', 'checked', 'indeterminate', 'selected', 'disabled', 'hidden', 'open']);

/** An element. `props`: `class` (a text or a list), `on…` listeners, `data`, `vars` (custom properties), else attributes. */
export function h(tag, props, ...children) {
  return build(document.createElement(tag), props, children);
}

/** The same for pictures. */
export function svg(tag, props, ...children) {
  return build(document.createElementNS(SVG, tag), props, children);
}

function build(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    set(element, name, value);
  }
  append(element, children);
  return element;
}

function set(element, name, value) {
  if (value === undefined || value === null || value === false) {
    if (PROPERTIES.has(name) && name in element && value === false) element[name] = false;
    return;
  }
  if (name === 'class') {
    const names = Array.isArray(value) ? value.filter(Boolean).join(' ') : value;
    if (names) element.setAttribute('class', names);
  } else if (name.startsWith('on')) {
    if (typeof value !== 'function') throw new TypeError(`${name} is no function`);
    element.addEventListener(name.slice(2), value);
  } else if (name === 'data') {
    for (const [key, entry] of Object.entries(value)) if (entry !== undefined && entry !== null) element.dataset[key] = entry;
  } else if (name === 'vars') {
    for (const [key, entry] of Object.entries(value)) element.style.setProperty(key, entry);
  } else if (name === 'style' || name === 'srcdoc' || name === 'innerHTML') {
    throw new TypeError(`${name} is not for here`);
  } else if (name === 'href' && !/^(#|\/(?![/\\\t\n\r])|blob:)/.test(value)) {
    throw new TypeError('the console links to itself only');
  } else if (PROPERTIES.has(name) && name in element) {
    element[name] = value;
  } else {
    element.setAttribute(name, value === true ? '' : String(value));
  }
}

/** Adds children: nodes, texts, numbers and lists of them; nothing for null, undefined and false. */
export function append(element, ...children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === true) continue;
    element.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
  return element;
}

/** Puts new children in the place of the old. */
export function fill(element, ...children) {
  element.replaceChildren();
  return append(element, ...children);
}

// What src/invisible.rs calls invisible, and the control characters but line feed and tab.
const HIDDEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb]|[\u{1bca0}-\u{1bca3}\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]|[\ud800-\udfff]/gu;
const PICTURE = /[\p{Extended_Pictographic}\p{Emoji_Modifier}#*0-9]$/u;
const PICTURE_NEXT = /^\p{Extended_Pictographic}/u;
const JOINED = /\p{Script=Arabic}|\p{Script=Devanagari}|\p{Script=Bengali}|\p{Script=Tamil}|\p{Script=Telugu}|\p{Script=Kannada}|\p{Script=Malayalam}|\p{Script=Sinhala}|\p{Script=Gujarati}|\p{Script=Gurmukhi}|\p{Script=Mongolian}/u;

// Joiners within pictures and letters that need them have work to do, and stay.
function isUseful(whole, at, mark) {
  const before = whole.slice(Math.max(0, at - 3), at);
  const after = whole.slice(at + mark.length, at + mark.length + 2);
  if (mark === '\ufe0e' || mark === '\ufe0f') return PICTURE.test(before);
  if (mark === '\u200d' && PICTURE.test(before.replace(/\ufe0f$/, ''))) return PICTURE_NEXT.test(after);
  if (mark === '\u200c' || mark === '\u200d') return JOINED.test(before.slice(-1)) && JOINED.test(after.slice(0, 1));
  return false;
}

const nameOf = (mark) => `U+${mark.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`;

/** A text of somebody else as nodes, with marks in the place of what cannot be seen. */
export function visible(value) {
  const whole = String(value ?? '').replaceAll('\r\n', '\n');
  const nodes = [];
  let from = 0;
  for (const found of whole.matchAll(HIDDEN)) {
    const [mark] = found;
    if (isUseful(whole, found.index, mark)) continue;
    if (found.index > from) nodes.push(document.createTextNode(whole.slice(from, found.index)));
    nodes.push(h('span', { class: 'mark' }, nameOf(mark)));
    from = found.index + mark.length;
    // A text of nothing but such characters must not become a million elements.
    if (nodes.length > 2000) {
      nodes.push(h('span', { class: 'mark' }, t('shell.more_hidden')));
      nodes.push(document.createTextNode(whole.slice(from).replace(HIDDEN, '\ufffd')));
      return nodes;
    }
  }
  if (from < whole.length) nodes.push(document.createTextNode(whole.slice(from)));
  return nodes;
}

/** The same as one text, for where no element can stand: an attribute, the window's title. */
export function plain(value) {
  const whole = String(value ?? '').replaceAll('\r\n', '\n');
  return whole.replace(HIDDEN, (mark, at) => (isUseful(whole, at, mark) ? mark : `[${nameOf(mark)}]`));
}

/** A short text of somebody else, within a line. */
export function inline(value, max = 200) {
  const whole = String(value ?? '');
  const isCut = whole.length > max;
  return h('bdi', isCut ? { title: plain(start(whole, 2000)) } : null, visible(isCut ? `${start(whole, max)}…` : whole));
}

/** The start of a text; no character is cut in two. */
const start = (whole, max) => whole.slice(0, /[\ud800-\udbff]/.test(whole.charAt(max - 1)) && max < whole.length ? max - 1 : max);

/** A text of somebody else as a block, the start of it where it is huge. */
export function text(value, { max = 6000, code = false, boxed = false } = {}) {
  const whole = String(value ?? '');
  const block = h('div', { class: ['text', code && 'code', boxed && 'boxed'], dir: 'auto', tabindex: boxed ? 0 : null, role: boxed ? 'group' : null, 'aria-label': boxed ? t('shell.text') : null });
  if (whole.length <= max) return append(block, visible(whole));
  const rest = h('button', { type: 'button', class: 'small', onclick: () => fill(block, visible(whole)) },
    t('shell.show_all', { count: whole.length }));
  return append(block, visible(start(whole, max)), '…\n', rest);
}

/** A small picture of strokes. */
export function icon(name) {
  const path = ICONS[name] ?? ICONS.dot;
  return svg('svg', { class: 'icon', viewBox: '0 0 16 16', 'aria-hidden': 'true' }, svg('path', { d: path }));
}

const ICONS = {
  dot: 'M8 7.5v1',
  now: 'M1.5 8.5h3l2-5.5 3 10 2-4.5h3',
  tickets: 'M4.5 2.5h9v11h-11v-9zM6 7v2M9 5.5v2M9 9.5v2M11.5 7v2',
  redrives: 'M13.5 8A5.5 5.5 0 1 1 11.6 3.8M13.5 1.5V5H10',
  prompts: 'M3 3.5h10M3 6.5h7M3 9.5h10M3 12.5h5',
  try: 'M4.5 3l8 5-8 5z',
  shadow: 'M5.5 2.5h8v8h-8zM10.5 10.5v3h-8v-8h3',
  tenants: 'M2.5 13.5v-11h6v11M8.5 6.5h5v7M1.5 13.5h13M5 5.5h1M5 8.5h1M11 9.5h.5',
  keys: 'M5.5 12.5a3 3 0 1 1 2.6-4.5h5.4v2.5h-2v-2.5M5.5 9.5h.01',
  webhooks: 'M8 6a2.5 2.5 0 1 0-2 1L4 11M8 6l2.5 4M4 13.5a1.5 1.5 0 1 0 0-3M4 12h7M11.5 13.5a1.5 1.5 0 1 0-1-3',
  usage: 'M2.5 13.5h11M4.5 11V7.5M8 11V3.5M11.5 11V6',
  menu: 'M2.5 4.5h11M2.5 8h11M2.5 11.5h11',
  close: 'M4 4l8 8M12 4l-8 8',
  copy: 'M5.5 5.5v-3h8v8h-3M2.5 5.5h8v8h-8z',
  back: 'M9.5 3.5L5 8l4.5 4.5',
  search: 'M7 12A5 5 0 1 0 7 2a5 5 0 0 0 0 10zM10.5 10.5l4 4',
  save: 'M8 2.5v8M4.5 7.5L8 11l3.5-3.5M2.5 13.5h11',
  fork: 'M4.5 2.5v11M4.5 9c4 0 7-1 7-5M9.5 5.5l2-2 2 2',
  stop: 'M4 4h8v8H4z',
  out: 'M6.5 2.5h-4v11h4M10 5l3 3-3 3M13 8H6',
};
