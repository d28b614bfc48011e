// The content of a prompt as fields: messages, model, parameters, schemas. It reads and marks; it neither
// saves nor checks.

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { editor, jsonFinding } from '../../widgets/editor.js';
import { findingList } from '../../widgets/findings.js';

const ROLES = ['system', 'user', 'assistant'];
const NUMBERS = ['temperature', 'top_p', 'max_tokens', 'seed'];
/** The most messages that a prompt may have, as the server has it. */
const MOST_MESSAGES = 100;

/**
 * @param {object} content as the server gives it
 * @param {{onChange: () => void, readonly: boolean, models: string[]}} options
 */
export function contentForm(content, { onChange, readonly, models }) {
  const messages = messageList(content.messages ?? [], { onChange, readonly });
  const settings = settingFields(content, { onChange, readonly, models });
  const schemas = {
    input_schema: schemaEditor('input_schema', content.input_schema, { onChange, readonly }),
    answer_schema: schemaEditor('answer_schema', content.answer_schema, { onChange, readonly }),
  };
  const rest = h('div', { class: 'findings-rest', 'aria-live': 'polite' });
  const element = h(
    'div',
    { class: 'content-form' },
    rest,
    messages.element,
    settings.element,
    h('details', { class: 'schema', open: Boolean(content.input_schema) }, h('summary', {}, t('prompts.input_schema')), h('p', { class: 'quiet' }, t('prompts.input_schema_about')), schemas.input_schema.element),
    h('details', { class: 'schema', open: Boolean(content.answer_schema) }, h('summary', {}, t('prompts.answer_schema')), h('p', { class: 'quiet' }, t('prompts.answer_schema_about')), schemas.answer_schema.element),
  );
  return {
    element,
    /** The content as it stands, and what is broken in it before any server is asked. */
    read() {
      const broken = [];
      const read = { messages: messages.read(), ...settings.read(broken) };
      for (const [name, one] of Object.entries(schemas)) {
        const text = one.value.trim();
        if (text === '') continue;
        const finding = jsonFinding(one.value, name);
        if (finding) broken.push(finding);
        else read[name] = JSON.parse(text);
      }
      return { content: read, broken };
    },
    /** The fields word for word, broken JSON too: what must not be lost. */
    words: () => ({ messages: messages.read(), settings: settings.words(), input_schema: schemas.input_schema.value, answer_schema: schemas.answer_schema.value }),
    /** Puts such words back. */
    restore(words) {
      messages.write(words.messages);
      settings.write(words.settings);
      for (const name of Object.keys(schemas)) {
        schemas[name].value = words[name];
        if (words[name]) schemas[name].element.closest('details').open = true;
      }
    },
    mark(findings) {
      const left = messages.mark(findings);
      const other = [];
      const of = { input_schema: [], answer_schema: [] };
      for (const one of left) {
        const name = Object.keys(of).find((key) => one.place === key || one.place.startsWith(`${key}.`));
        if (name) of[name].push(located(one, schemas[name].value));
        else other.push(one);
      }
      for (const [name, found] of Object.entries(of)) {
        schemas[name].mark(found);
        if (found.length) schemas[name].element.closest('details').open = true;
      }
      rest.replaceChildren(...(other.length ? [findingList(other, { places: true })] : []));
    },
  };
}

/** A finding about a property, at the line that names it. */
function located(finding, text) {
  const name = /\.properties\.(.+)$/.exec(finding.place)?.[1];
  if (!name || finding.line) return finding;
  const line = text.split('\n').findIndex((one) => one.includes(JSON.stringify(name))) + 1;
  if (!line) return finding;
  const column = [...text.split('\n')[line - 1].split(JSON.stringify(name))[0]].length + 2;
  return { ...finding, line, column };
}

function schemaEditor(name, schema, { onChange, readonly }) {
  return editor({ label: t(`prompts.${name}`), value: schema ? JSON.stringify(schema, null, 2) : '', onChange, readonly, code: true, rows: 6 });
}

function messageList(all, { onChange, readonly }) {
  const list = h('ol', { class: 'messages' });
  let items = [];
  const changed = () => {
    number();
    onChange();
  };
  const number = () => {
    list.replaceChildren(...items.map((item) => item.element));
    items.forEach((item, index) => item.name(index, items.length));
  };
  const make = ({ role, content }) => {
    const item = {};
    const select = h('select', { 'aria-label': t('prompts.speaker'), disabled: readonly, onchange: onChange }, ...ROLES.map((one) => h('option', { value: one }, t(`prompts.role_${one}`))));
    select.value = role;
    const text = editor({ label: t('prompts.text'), value: content, onChange, readonly });
    const heading = h('h3', {});
    const move = (by) => {
      const at = items.indexOf(item);
      items.splice(at, 1);
      items.splice(at + by, 0, item);
      changed();
      item.focusMove(by);
    };
    const up = h('button', { type: 'button', class: 'small', onclick: () => move(-1) }, t('prompts.move_up'));
    const down = h('button', { type: 'button', class: 'small', onclick: () => move(1) }, t('prompts.move_down'));
    const remove = h(
      'button',
      {
        type: 'button',
        class: 'small',
        onclick: () => {
          const at = items.indexOf(item);
          items.splice(at, 1);
          changed();
          undo.replaceChildren(
            t('prompts.message_removed', { number: at + 1 }),
            ' ',
            h('button', { type: 'button', class: 'link', onclick: () => {
              items.splice(at, 0, item);
              undo.replaceChildren();
              changed();
            } }, t('prompts.undo')),
          );
        },
      },
      t('prompts.remove'),
    );
    const tools = readonly ? null : h('span', { class: 'message-tools' }, up, down, remove);
    item.element = h('li', { class: 'message' }, h('div', { class: 'message-head' }, heading, select, tools), text.element);
    item.name = (index, count) => {
      heading.textContent = t('prompts.message_n', { number: index + 1 });
      text.area.setAttribute('aria-label', t('prompts.message_n', { number: index + 1 }));
      up.disabled = index === 0;
      down.disabled = index === count - 1;
      remove.disabled = count === 1;
    };
    item.focusMove = (by) => (by < 0 ? (up.disabled ? down : up) : down.disabled ? up : down).focus();
    item.read = () => ({ role: select.value, content: text.value });
    item.mark = text.mark;
    item.focus = text.focus;
    return item;
  };
  const undo = h('p', { class: 'quiet', 'aria-live': 'polite' });
  const add = h(
    'button',
    {
      type: 'button',
      onclick: () => {
        if (items.length >= MOST_MESSAGES) return;
        const item = make({ role: items.length ? 'user' : 'system', content: '' });
        items.push(item);
        changed();
        item.focus();
      },
    },
    t('prompts.add_message'),
  );
  const write = (messages) => {
    items = messages.map(make);
    number();
  };
  write(all);
  return {
    element: h('section', { class: 'message-list', 'aria-label': t('prompts.messages') }, h('p', { class: 'quiet' }, t('prompts.messages_about')), list, undo, readonly ? null : add),
    read: () => items.map((item) => item.read()),
    write,
    mark(findings) {
      items.forEach((item, index) => item.mark(findings.filter((one) => one.place === `messages[${index}]`)));
      return findings.filter((one) => !/^messages\[\d+\]$/.test(one.place) || Number(/\d+/.exec(one.place)[0]) >= items.length);
    },
  };
}

function settingFields(content, { onChange, readonly, models }) {
  const off = readonly;
  const model = h('input', { id: 'prompt-model', type: 'text', list: 'prompt-models', autocomplete: 'off', spellcheck: 'false', disabled: off, oninput: onChange });
  const answer = h('select', { id: 'prompt-answer', disabled: off, onchange: onChange }, h('option', { value: 'text' }, t('prompts.answer_text')), h('option', { value: 'json' }, t('prompts.answer_json')));
  const json = h('input', { id: 'prompt-json', type: 'checkbox', disabled: off, onchange: onChange });
  const numbers = Object.fromEntries(NUMBERS.map((name) => [name, h('input', { id: `prompt-${name}`, type: 'text', inputmode: 'decimal', autocomplete: 'off', disabled: off, oninput: onChange, 'aria-describedby': `prompt-${name}-hint` })]));
  const write = (words) => {
    model.value = words.model ?? '';
    answer.value = words.answer ?? 'text';
    json.checked = Boolean(words.json);
    for (const name of NUMBERS) numbers[name].value = words[name] ?? '';
  };
  const parameters = content.parameters ?? {};
  write({ model: content.model, answer: content.answer, json: parameters.json, ...Object.fromEntries(NUMBERS.map((name) => [name, parameters[name] === undefined ? '' : String(parameters[name])])) });
  const words = () => ({ model: model.value, answer: answer.value, json: json.checked, ...Object.fromEntries(NUMBERS.map((name) => [name, numbers[name].value])) });
  const row = (id, label, input, hint) => h('div', { class: 'field' }, h('label', { for: id }, label), hint ? h('p', { class: 'hint', id: `${id}-hint` }, hint) : null, input);
  const element = h(
    'fieldset',
    { class: 'settings' },
    h('legend', {}, t('prompts.settings')),
    h('datalist', { id: 'prompt-models' }, ...models.map((name) => h('option', { value: name }))),
    row('prompt-model', t('prompts.model'), model),
    row('prompt-answer', t('prompts.answer_kind'), answer),
    ...NUMBERS.map((name) => row(`prompt-${name}`, t(`prompts.${name}`), numbers[name], t(`prompts.${name}_hint`))),
    h('div', { class: 'field field-check' }, json, h('label', { for: 'prompt-json' }, t('prompts.json_mode'))),
  );
  return {
    element,
    words,
    write,
    read(broken) {
      const read = { model: model.value.trim(), parameters: {}, answer: answer.value };
      for (const name of NUMBERS) {
        const text = numbers[name].value.trim();
        if (text === '') continue;
        const number = Number(text);
        if (Number.isFinite(number)) read.parameters[name] = number;
        else broken.push({ severity: 'error', place: `parameters.${name}`, message: t('prompts.not_a_number'), remedy: t('prompts.not_a_number_remedy') });
      }
      if (json.checked) read.parameters.json = true;
      return read;
    },
  };
}
