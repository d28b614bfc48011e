// Asks the server, a moment after the last key, what it finds in a text that is still being written, and
// what the model would be sent of it. Nothing is saved by that.

import { t } from '../../i18n.js';
import { more } from '../../widgets/problem.js';

/** How long the keys must rest. */
const PAUSE_MS = 500;

/**
 * @param {object} room
 * @param {{form: object, preview: object, off: boolean, told: (found: object[]|'checking') => void}} options
 */
export function liveCheck(room, { form, preview, off, told }) {
  let timer = null;
  let running = null;

  let checksTexts = true;

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
      const body = { ...(checksTexts ? { content } : { ref: 'draft' }), input: input ?? {} };
      const rendered = await room.api.post(`${room.base}/render`, { body, signal: mine.signal });
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
    } else if (checksTexts && problem.code === 'invalid_request') {
      // A server that does not take texts tries the draft as it was saved.
      checksTexts = false;
      run();
    } else {
      told([]);
      preview.refuse(problem);
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
