// What the model would be sent, of an input that somebody really sent.

import { h, text } from '../../dom.js';
import { t } from '../../i18n.js';
import { jsonFinding } from '../../widgets/editor.js';
import { findingList } from '../../widgets/findings.js';
import { problemBox } from '../../widgets/problem.js';
import { inputOf, pastOption, pastTickets, sampleOf } from './past-inputs.js';

/**
 * @param {object} room
 * @param {{onInput: () => void, schema: () => object|undefined}} options
 */
export function preview(room, { onInput, schema }) {
  const select = h('select', { id: 'preview-ticket' }, h('option', { value: '' }, t('prompts.preview_own')));
  const input = h('textarea', { id: 'preview-input', class: 'code grows', rows: '6', spellcheck: 'false' });
  const told = h('div', { 'aria-live': 'polite' });
  const shown = h('div', { class: 'preview-messages', 'aria-live': 'polite' });
  let touched = false;

  select.addEventListener('change', async () => {
    if (!select.value) return;
    try {
      const found = await inputOf(room.api, select.value, room.signal);
      input.value = JSON.stringify(found ?? {}, null, 2);
      touched = true;
      onInput();
    } catch (problem) {
      told.replaceChildren(problemBox(problem));
    }
  });
  input.addEventListener('input', () => {
    touched = true;
    select.value = '';
    onInput();
  });
  fill(room, select).then(
    (some) => {
      if (touched) return;
      if (some) select.dispatchEvent(new Event('change'));
      else offer();
    },
    () => offer(),
  );
  const offer = () => {
    if (touched) return;
    input.value = JSON.stringify(sampleOf(schema()), null, 2);
    onInput();
  };

  return {
    element: h(
      'section',
      { class: 'preview', 'aria-labelledby': 'preview-title' },
      h('h2', { id: 'preview-title' }, t('prompts.preview')),
      h('p', { class: 'quiet' }, t('prompts.preview_about')),
      h('div', { class: 'field' }, h('label', { for: 'preview-ticket' }, t('prompts.preview_ticket')), select),
      h('details', {}, h('summary', {}, t('prompts.preview_input')), h('div', { class: 'field' }, h('label', { for: 'preview-input', class: 'aloud' }, t('prompts.preview_input')), input)),
      told,
      shown,
    ),
    /** The input; `undefined` where what is written is no JSON. */
    read() {
      if (input.value.trim() === '') return {};
      return jsonFinding(input.value, 'input') ? undefined : JSON.parse(input.value);
    },
    show(messages) {
      told.replaceChildren();
      shown.classList.remove('stale');
      shown.replaceChildren(...messages.map(messageOf));
    },
    /** Nothing can be shown now; what was shown stays, marked as old. */
    cannot(words) {
      shown.classList.toggle('stale', shown.children.length > 0);
      told.replaceChildren(h('p', { class: 'notice' }, words));
    },
    /** The input, or the whole question, was refused; `again` asks once more. */
    refuse(problem, again) {
      shown.classList.toggle('stale', shown.children.length > 0);
      told.replaceChildren(problemBox({ ...plain(problem), findings: [] }, { title: t(again ? 'prompts.not_checked' : 'prompts.preview_cannot'), again }));
    },
    brokenInput() {
      told.replaceChildren(findingList([jsonFinding(input.value, 'input')]));
    },
  };
}

function plain(problem) {
  return { detail: problem.detail ?? problem.message, remedy: problem.remedy };
}

async function fill(room, select) {
  const tickets = await pastTickets(room.api, room.task, room.signal);
  select.append(...tickets.map(pastOption));
  if (tickets.length) select.value = tickets[0].id;
  return tickets.length > 0;
}

function messageOf({ role, content }) {
  return h('article', { class: `said said-${role}` }, h('h3', {}, t(`prompts.role_${role}`)), text(content));
}
