// Asking again and again, politely: not while nobody looks, and less often while nobody answers.

import { Problem, isAborted } from './api.js';

const MAX_PAUSE = 30_000;

/**
 * Calls `fn(signal)` now and every `ms`. A failure makes the pauses longer; what the server refuses ends it,
 * and `onProblem` hears of it. Gives back `{ close, now }`.
 */
export function live(ms, fn, { onProblem = () => {} } = {}) {
  const gone = new AbortController();
  let timer = null;
  let pause = ms;
  let running = false;

  async function once() {
    clearTimeout(timer);
    if (gone.signal.aborted || running) return;
    if (document.hidden) return;
    running = true;
    try {
      await fn(gone.signal);
      pause = ms;
    } catch (error) {
      if (isAborted(error) || gone.signal.aborted) return;
      if (!(error instanceof Problem)) console.error(error);
      pause = Math.min(Math.max(pause, 500) * 2, MAX_PAUSE);
      onProblem(error);
      if (error.status >= 400 && error.status < 500 && error.status !== 429) return;
    } finally {
      running = false;
    }
    if (!gone.signal.aborted) timer = setTimeout(once, pause);
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
