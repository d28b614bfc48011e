// Asking again and again, politely: not while nobody looks, and less often while nobody answers.

import { Problem, isAborted } from './api.js';
import { t } from './i18n.js';

const MAX_PAUSE = 30_000;

/** Says on a dot how it is: `words`, and `look`: `lost`, `off` or nothing. What it says already is not said again. */
export function say(dot, words, look = null) {
  dot.classList.toggle('lost', look === 'lost');
  dot.classList.toggle('off', look === 'off');
  if (dot.textContent !== words) dot.textContent = words;
}

/** The same for a problem that `live` tells of. */
export const sayProblem = (dot, error, isOver) => say(dot, t(isOver ? 'shell.stopped' : error.status === 0 ? 'shell.connection_lost' : 'shell.trying_again'), 'lost');

/**
 * Calls `fn(signal)` now and every `ms`. A failure makes the pauses longer; what the server refuses ends it
 * until somebody comes back to the page. `onProblem(error, isOver)` hears of both. Gives back `{ close, now }`.
 */
export function live(ms, fn, { onProblem = () => {} } = {}) {
  const gone = new AbortController();
  let timer = null;
  let pause = ms;
  let running = false;
  let wanted = false;

  async function once() {
    clearTimeout(timer);
    if (gone.signal.aborted) return;
    // What is under way may have been answered before the news that somebody wants to see.
    if (running) wanted = true;
    if (running || document.hidden) return;
    running = true;
    wanted = false;
    try {
      await fn(gone.signal);
      pause = ms;
    } catch (error) {
      if (isAborted(error) || gone.signal.aborted) return;
      if (!(error instanceof Problem)) console.error(error);
      pause = Math.min(Math.max(pause, 500) * 2, MAX_PAUSE);
      wanted = false;
      const isOver = error.status >= 400 && error.status < 500 && error.status !== 429;
      onProblem(error, isOver);
      if (isOver) return;
    } finally {
      running = false;
    }
    if (!gone.signal.aborted) timer = setTimeout(once, wanted ? 0 : pause);
  }

  const shown = () => !document.hidden && once();
  document.addEventListener('visibilitychange', shown);
  addEventListener('online', shown);
  once();
  return {
    now: once,
    close() {
      gone.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', shown);
      removeEventListener('online', shown);
    },
  };
}
