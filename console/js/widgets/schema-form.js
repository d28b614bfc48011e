// A form made of a JSON Schema: what can be asked for plainly gets a field of its own, the rest is
// written as JSON. Whether an input fits is for the server to say; nothing is judged here.

import { h } from '../dom.js';
import { t } from '../i18n.js';

/** Texts that may be longer than this get several lines. */
const SHORT = 120;
/** Objects in objects beyond this depth are written as JSON. */
const DEEPEST = 4;

let numbered = 0;

/**
 * @param {object|null|undefined} schema the input schema; without one the whole input is JSON
 * @param {{value?: unknown, onChange?: () => void}} options
 * @returns {{element: HTMLElement, read(): {value: unknown, broken: string|null},
 *            refuse(pointer: string, words: string): boolean}}
 */
export function schemaForm(schema, { value, onChange = () => {} } = {}) {
  const fields = new Map();
  const root = field(schema ?? true, { pointer: '', label: t('try_it.input'), required: true, value, fields, onChange, depth: 0 });
  return {
    element: root.element,
    read() {
      const broken = { pointer: null };
      const read = root.read(broken);
      return { value: read === undefined ? {} : read, broken: broken.pointer };
    },
    refuse(pointer, words) {
      for (const one of fields.values()) one.say('');
      let at = pointer;
      while (!fields.has(at) && at !== '') at = at.slice(0, at.lastIndexOf('/'));
      const found = fields.get(at);
      found?.say(words);
      found?.focus();
      return Boolean(found);
    },
  };
}

function field(schema, place) {
  const kind = kindOf(schema, place.depth);
  if (kind === 'object') return objectField(schema, place);
  return simpleField(kind, schema, place);
}

function kindOf(schema, depth) {
  if (typeof schema !== 'object' || schema === null) return 'json';
  if (Array.isArray(schema.enum) && schema.enum.length) return 'choice';
  if (schema.const !== undefined) return 'constant';
  const type = Array.isArray(schema.type) ? schema.type.filter((one) => one !== 'null') : [schema.type];
  if (type.length !== 1 || schema.$ref || schema.oneOf || schema.anyOf) return 'json';
  if (type[0] === 'object') return schema.properties && depth < DEEPEST ? 'object' : 'json';
  if (type[0] === 'array') return schema.items?.type === 'string' && !schema.items.enum ? 'lines' : 'json';
  return { string: 'text', integer: 'number', number: 'number', boolean: 'yes_no' }[type[0]] ?? 'json';
}

function objectField(schema, { pointer, label, value, fields, onChange, depth, required }) {
  const wanted = new Set(schema.required ?? []);
  // Fields that must be filled come first; the rest as the schema lists them.
  const names = Object.keys(schema.properties).sort((a, b) => Number(wanted.has(b)) - Number(wanted.has(a)));
  const parts = names.map((name) => [
    name,
    field(schema.properties[name], {
      pointer: `${pointer}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`,
      label: name,
      required: wanted.has(name),
      value: value?.[name],
      fields,
      onChange,
      depth: depth + 1,
    }),
  ]);
  const elements = parts.map(([, part]) => part.element);
  const problem = h('p', { class: 'wrong', role: 'alert' });
  const element =
    depth === 0
      ? h('div', { class: 'fields' }, ...elements, problem)
      : h('fieldset', { class: 'fields' }, h('legend', {}, label), schema.description ? h('p', { class: 'quiet' }, schema.description) : null, ...elements, problem);
  fields.set(pointer, { say: (words) => (problem.textContent = words), focus: () => parts[0]?.[1].focus() });
  return {
    element,
    focus: () => parts[0]?.[1].focus(),
    read(broken) {
      const read = {};
      for (const [name, part] of parts) {
        const one = part.read(broken);
        if (one !== undefined) read[name] = one;
      }
      return required || Object.keys(read).length ? read : undefined;
    },
  };
}

function simpleField(kind, schema, { pointer, label, required, value, fields, onChange }) {
  const id = `field-${(numbered += 1)}`;
  const input = inputOf(kind, schema, id, value, required);
  input.addEventListener('input', onChange);
  const hint = hintOf(kind, schema);
  const problem = h('p', { id: `${id}-problem`, class: 'wrong', role: 'alert' });
  input.setAttribute('aria-describedby', `${id}-hint ${id}-problem`);
  if (required) input.setAttribute('aria-required', 'true');
  const element = h(
    'div',
    { class: 'field' },
    h('label', { for: id }, label, required ? null : h('span', { class: 'quiet' }, ' ', t('try_it.optional'))),
    h('p', { id: `${id}-hint`, class: 'hint' }, [schema?.description, hint].filter(Boolean).join(' ')),
    input,
    problem,
  );
  const say = (words) => {
    problem.textContent = words;
    input.setAttribute('aria-invalid', words ? 'true' : 'false');
  };
  fields.set(pointer, { say, focus: () => input.focus() });
  return {
    element,
    focus: () => input.focus(),
    read(broken) {
      say('');
      try {
        return valueOf(kind, schema, input, required);
      } catch {
        say(t(kind === 'number' ? 'try_it.not_a_number' : 'try_it.not_json'));
        broken.pointer ??= pointer;
        return undefined;
      }
    },
  };
}

function inputOf(kind, schema, id, value, required) {
  const given = value ?? schema?.default;
  switch (kind) {
    case 'choice': {
      const select = h('select', { id }, required ? null : h('option', { value: '' }, t('try_it.not_given')), ...schema.enum.map((one, index) => h('option', { value: String(index) }, typeof one === 'string' ? one : JSON.stringify(one))));
      const chosen = schema.enum.findIndex((one) => JSON.stringify(one) === JSON.stringify(given));
      if (chosen >= 0) select.value = String(chosen);
      return select;
    }
    case 'yes_no': {
      const select = h('select', { id }, required ? null : h('option', { value: '' }, t('try_it.not_given')), h('option', { value: 'true' }, t('try_it.yes')), h('option', { value: 'false' }, t('try_it.no')));
      if (typeof given === 'boolean') select.value = String(given);
      return select;
    }
    case 'number': {
      const input = h('input', { id, type: 'text', inputmode: 'decimal', autocomplete: 'off' });
      if (typeof given === 'number') input.value = String(given);
      return input;
    }
    case 'text': {
      const long = !(schema.maxLength <= SHORT);
      const input = long ? h('textarea', { id, rows: '3', class: 'grows' }) : h('input', { id, type: 'text', autocomplete: 'off' });
      if (typeof given === 'string') input.value = given;
      return input;
    }
    case 'lines': {
      const input = h('textarea', { id, rows: '3', class: 'grows' });
      if (Array.isArray(given)) input.value = given.join('\n');
      return input;
    }
    case 'constant': {
      const input = h('input', { id, type: 'text', readonly: '' });
      input.value = JSON.stringify(schema.const);
      return input;
    }
    default: {
      const input = h('textarea', { id, rows: '5', class: 'grows code', spellcheck: 'false' });
      if (given !== undefined) input.value = JSON.stringify(given, null, 2);
      return input;
    }
  }
}

/** What was filled in; `undefined`: nothing. A text that must be there may be empty. */
function valueOf(kind, schema, input, required) {
  const text = input.value;
  switch (kind) {
    case 'choice':
      return text === '' ? undefined : schema.enum[Number(text)];
    case 'yes_no':
      return text === '' ? undefined : text === 'true';
    case 'number': {
      if (text.trim() === '') return undefined;
      const number = Number(text.trim());
      if (!Number.isFinite(number)) throw new TypeError('not a number');
      return number;
    }
    case 'text':
      return text === '' && !required ? undefined : text;
    case 'lines': {
      const lines = text.split('\n').filter((line) => line !== '');
      return lines.length || required ? lines : undefined;
    }
    case 'constant':
      return schema.const;
    default:
      return text.trim() === '' ? undefined : JSON.parse(text);
  }
}

function hintOf(kind, schema) {
  if (typeof schema !== 'object' || schema === null) return kind === 'json' ? t('try_it.as_json') : '';
  const { minLength, maxLength, minimum, maximum } = schema;
  if (kind === 'text') {
    if (minLength && maxLength) return t('try_it.length_between', { min: minLength, max: maxLength });
    if (maxLength) return t('try_it.length_at_most', { max: maxLength });
    if (minLength) return t('try_it.length_at_least', { min: minLength });
  }
  if (kind === 'number' && (minimum !== undefined || maximum !== undefined)) {
    if (minimum !== undefined && maximum !== undefined) return t('try_it.number_between', { min: minimum, max: maximum });
    return minimum !== undefined ? t('try_it.number_at_least', { min: minimum }) : t('try_it.number_at_most', { max: maximum });
  }
  if (kind === 'lines') return t('try_it.one_a_line');
  return kind === 'json' ? t('try_it.as_json') : '';
}
