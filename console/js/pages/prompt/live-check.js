// Asks the server, a moment after the last key, what it finds in a text that is still being written, and
// what the model would be sent of it. Nothing is saved by that.

import { t } from '../../i18n.js';
import { more } from '../../widgets/problem.js';

/** How long the keys must rest. */
const PAUSE_MS = 500;

/**
 * @param {object} room
 * @param {{form: object, preview: object, off: boolean, told: (found: object[]|'checking'|'unchecked') => void}} options
 */
export function liveCheck(room, { form, preview, off, told }) {
  let timer = null;
  let running = null;

  const run = async () => {
    running?.abort();
    const mine = new AbortController();
    running = mine;
    const { content, broken } = form.read();
    const input = preview.read();
    if (input === undefined) preview.brokenInput();
    if (broken.length) {
      form.mark(broken);
      told(broken);
      preview.cannot(t('prompts.preview_waits'));
      return;
    }
    if (off) {
      preview.cannot(t('prompts.preview_planners'));
      return;
    }
    told('checking');
    try {
      const rendered = await room.api.post(`${room.base}/render`, { body: { content, input: input ?? {} }, signal: mine.signal });
      show(rendered.findings ?? []);
      if (input !== undefined) preview.show(rendered.messages);
    } catch (problem) {
      if (problem.name === 'AbortError' || mine.signal.aborted) return;
      refused(problem, input);
    }
  };

  const show = (found) => {
    form.mark(found);
    told(found);
  };

  const refused = (problem, input) => {
    const found = more(problem, 'findings');
    if (problem.code === 'broken_prompt' && found) {
      show(found);
      preview.cannot(t('prompts.preview_waits'));
    } else if (problem.code === 'invalid_input') {
      show(found ?? []);
      if (input !== undefined) preview.refuse(problem);
    } else if (atField(problem)) {
      show(atField(problem));
      preview.cannot(t('prompts.preview_waits'));
    } else {
      // Neither good nor bad: nobody has looked at it.
      told('unchecked');
      preview.refuse(problem, run);
    }
  };

  return {
    soon() {
      clearTimeout(timer);
      timer = setTimeout(run, PAUSE_MS);
    },
    stop() {
      clearTimeout(timer);
      running?.abort();
    },
  };
}

/** What a refused request says of the content's fields, as a finding; `null` where it is about something else. */
export function atField(problem) {
  const [start, first, second] = (more(problem, 'field') ?? '').split('/').slice(1);
  if (problem.code !== 'invalid_request' || start !== 'content') return null;
  const named = second === undefined ? first : { messages: `messages[${second}]`, parameters: `parameters.${second}` }[first] ?? first;
  return [{ severity: 'error', place: named ?? '', message: problem.detail, remedy: more(problem, 'remedy') ?? '' }];
}
