// The draft becomes a version: what changes, a note for the history, and a confirmation.

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { promptDiff } from '../../widgets/prompt-diff.js';
import { attempt, more, problemBox } from '../../widgets/problem.js';

export function publishForm(room, { edit, found, mark, close }) {
  const notes = h('input', { id: 'publish-notes', type: 'text', maxlength: '500', autocomplete: 'off' });
  const told = h('div', {});
  const diff = h('div', {}, h('p', { class: 'quiet' }, t('prompts.loading')));
  const button = h('button', { type: 'submit', class: 'primary' }, t('prompts.publish'));
  const hasMistakes = Array.isArray(found) && found.some((one) => one.severity === 'error');
  const submit = (event) => {
    event.preventDefault();
    attempt(told, button, async () => {
      try {
        const version = await room.api.post(`${room.base}/versions`, { body: { edit, notes: notes.value.trim() } });
        room.go(`/prompts/${room.task}?tab=versions&published=${version.version}`);
      } catch (problem) {
        mark(more(problem, 'findings') ?? []);
        throw problem;
      }
    });
  };
  const form = h(
    'form',
    { class: 'card form-card', onsubmit: submit, 'aria-labelledby': 'publish-title' },
    h('h2', { id: 'publish-title' }, t('prompts.publish_title')),
    h('p', {}, t('prompts.publish_words')),
    hasMistakes ? h('p', { class: 'notice bad' }, t('prompts.publish_mistakes')) : null,
    room.prompt?.latest ? h('details', { open: true }, h('summary', {}, t('prompts.changes_since', { version: room.prompt.latest })), diff) : null,
    h('div', { class: 'field' }, h('label', { for: 'publish-notes' }, t('prompts.notes')), h('p', { class: 'hint' }, t('prompts.notes_hint')), notes),
    told,
    h('p', { class: 'actions' }, button, h('button', { type: 'button', onclick: close }, t('prompts.cancel'))),
  );
  if (room.prompt?.latest) {
    room.api.get(`${room.base}/diff?from=${room.prompt.latest}&to=draft`, { signal: room.signal }).then(
      (found) => diff.replaceChildren(promptDiff(found)),
      (problem) => diff.replaceChildren(problemBox(problem)),
    );
  }
  queueMicrotask(() => notes.focus());
  return form;
}
