// A field with its name, a hint, and what is wrong with it.

import { fill, h, inline } from '../dom.js';

let number = 0;

/**
 * A labelled input. `type`: any of an input's, `textarea`, or `select` with `options: [{ value, label }]`.
 * Gives back `{ element, input, wrong(sentence|null), value }`.
 */
export function field({ label, hint, type = 'text', options, value, hideLabel = false, ...attributes }) {
  const id = `field-${(number += 1)}`;
  const about = `${id}-about`;
  const common = { id, 'aria-describedby': about, ...attributes };
  const input = type === 'select'
    ? h('select', common, options.map((option) => h('option', { value: option.value, selected: option.value === value, disabled: option.disabled }, option.label)))
    : h(type === 'textarea' ? 'textarea' : 'input', { ...common, type: type === 'textarea' ? null : type });
  if (type !== 'select' && value !== undefined && value !== null) input.value = value;
  const said = h('div', { id: about }, hint && h('span', { class: 'hint' }, hint));
  return {
    element: h('div', { class: 'field' }, h('label', { for: id, class: hideLabel ? 'aloud' : null }, label), input, said),
    input,
    get value() {
      return input.value;
    },
    wrong(sentence) {
      if (sentence) input.setAttribute('aria-invalid', 'true');
      else input.removeAttribute('aria-invalid');
      fill(said, sentence ? h('span', { class: 'wrong' }, inline(sentence, 1000)) : hint && h('span', { class: 'hint' }, hint));
    },
  };
}

/** A box to tick, with its words. */
export function check({ label, checked = false, ...attributes }) {
  const input = h('input', { type: 'checkbox', checked, ...attributes });
  return { element: h('label', { class: 'check' }, input, h('span', null, label)), input, get value() { return input.checked; } };
}
