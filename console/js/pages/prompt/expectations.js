// What must hold of an answer: one line for each expectation, with the fields that its kind has.

import { h } from '../../dom.js';
import { t } from '../../i18n.js';

/** The kinds and their fields: how a field is written, and whether it may be left out. */
const KINDS = {
  contains: [{ name: null, as: 'text' }],
  not_contains: [{ name: null, as: 'text' }],
  fits_schema: [],
  matches: [{ name: null, as: 'text' }],
  json_equals: [{ name: 'path', as: 'text' }, { name: 'value', as: 'json' }],
  number_between: [{ name: 'path', as: 'text' }, { name: 'min', as: 'number', optional: true }, { name: 'max', as: 'number', optional: true }],
  length_between: [{ name: 'min', as: 'number', optional: true }, { name: 'max', as: 'number', optional: true }],
  language: [{ name: null, as: 'text' }],
  latency_under_ms: [{ name: null, as: 'number' }],
  tokens_under: [{ name: null, as: 'number' }],
  rubric: [{ name: 'text', as: 'long' }, { name: 'model', as: 'text', optional: true }],
};

export function expectationList(all, { onChange, readonly }) {
  const list = h('ul', { class: 'expectations' });
  let items = [];
  const draw = () => list.replaceChildren(...items.map((item) => item.element));
  const make = (kind, given) => {
    const item = expectation(kind, given, { onChange, readonly });
    if (!readonly) {
      item.element.append(
        h('button', { type: 'button', class: 'small', 'aria-label': t('prompts.remove_expectation', { kind: t(`prompts.expect_${kind}`) }), onclick: () => {
          items = items.filter((one) => one !== item);
          draw();
          onChange();
        } }, t('prompts.remove')),
      );
    }
    return item;
  };
  items = all.map((one) => (typeof one === 'string' ? make(one, undefined) : make(...Object.entries(one)[0])));
  draw();
  const choice = h('select', { 'aria-label': t('prompts.new_expectation') }, ...Object.keys(KINDS).map((kind) => h('option', { value: kind }, t(`prompts.expect_${kind}`))));
  const add = h('button', { type: 'button', class: 'small', onclick: () => {
    const item = make(choice.value, undefined);
    items.push(item);
    draw();
    item.focus();
    onChange();
  } }, t('prompts.add_expectation'));
  return {
    element: h('div', {}, list, readonly ? null : h('div', { class: 'inline-form' }, choice, add)),
    read: (broken) => items.map((item) => item.read(broken)),
    count: () => items.length,
  };
}

function expectation(kind, given, { onChange, readonly }) {
  const fields = (KINDS[kind] ?? [{ name: null, as: 'json' }]).map((field) => fieldOf(kind, field, field.name === null ? given : given?.[field.name], { onChange, readonly }));
  return {
    element: h('li', { class: 'expectation' }, h('span', { class: 'strong' }, t(`prompts.expect_${kind}`)), ...fields.map((field) => field.element)),
    focus: () => fields[0]?.input.focus(),
    read(broken) {
      if (!fields.length) return kind;
      const read = {};
      for (const field of fields) {
        const value = field.read(broken);
        if (field.name === null) return { [kind]: value ?? (field.as === 'number' ? 0 : '') };
        if (value !== undefined) read[field.name] = value;
      }
      return { [kind]: read };
    },
  };
}

function fieldOf(kind, { name, as, optional }, value, { onChange, readonly }) {
  const label = t(`prompts.field_${name ?? kind}`);
  const props = { 'aria-label': label, placeholder: label, readonly: readonly ? '' : null, oninput: onChange, autocomplete: 'off' };
  const input = as === 'long' ? h('textarea', { ...props, rows: '2', class: 'grows' }) : h('input', { ...props, type: 'text', inputmode: as === 'number' ? 'decimal' : null });
  if (value !== undefined && value !== null) input.value = as === 'json' ? JSON.stringify(value) : String(value);
  else if (as === 'json' && value === null) input.value = 'null';
  const read = (broken) => {
    const text = input.value;
    input.removeAttribute('aria-invalid');
    const wrong = () => {
      input.setAttribute('aria-invalid', 'true');
      broken.push(input);
      return undefined;
    };
    if (text === '' && optional) return undefined;
    if (as === 'number') return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : wrong();
    if (as !== 'json') return text;
    try {
      return JSON.parse(text);
    } catch {
      return wrong();
    }
  };
  return { element: input, input, name, as, read };
}
