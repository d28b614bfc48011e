// The answer: as it is written while the model writes, and whole when it is there.

import { fill, h, text } from '../../dom.js';
import { t } from '../../i18n.js';
import { jsonView } from '../../widgets/json-text.js';
import { notice, problemNotice } from '../../widgets/notice.js';
import { card } from '../../widgets/page.js';
import { isEnded } from './why.js';

/** `onNews()` is called when the stream tells of another state. Gives back `{ element, show(ticket), close }`. */
export function answerCard({ api, base, onNews }) {
  const stop = new AbortController();
  const dot = h('span', { class: 'live-dot', hidden: true }, t('shell.live'));
  const body = h('div', null);
  const note = h('p', { class: 'second', role: 'status' });
  let written = '';
  let isFollowing = false;
  let isDrawing = false;
  let isWhole = false;

  const draw = () => {
    isDrawing = false;
    if (isWhole) return;
    const out = h('div', { class: 'boxed provisional' }, text(written, { max: 20000 }));
    fill(body, out);
    out.scrollTop = out.scrollHeight;
  };
  const begin = (words) => {
    written = '';
    note.textContent = words;
    schedule();
  };
  const schedule = () => {
    if (isDrawing) return;
    isDrawing = true;
    requestAnimationFrame(draw);
  };
  const on = {
    state: onNews,
    text: ({ offset, text: piece }) => {
      written = written.slice(0, offset) + piece;
      note.textContent = t('tickets.streaming', { count: written.length });
      schedule();
    },
    generation: ({ generation }) => begin(t('tickets.again', { attempt: generation })),
    lost: () => begin(t('tickets.lost')),
    answer: onNews,
    failed: onNews,
    cancelled: onNews,
  };

  function follow() {
    if (isFollowing) return;
    isFollowing = true;
    dot.hidden = false;
    note.textContent = t('tickets.no_text_yet');
    fill(body);
    api.stream(`${base}/stream`, {
      signal: stop.signal,
      onEvent: ({ event, data }) => Object.hasOwn(on, event) && on[event](data),
      onState: (now) => {
        dot.classList.toggle('lost', now === 'lost');
        dot.classList.toggle('off', now === 'ended');
        fill(dot, t(now === 'lost' ? 'shell.connection_lost' : now === 'ended' ? 'tickets.ended' : 'shell.live'));
      },
    }).catch((error) => fill(body, problemNotice(error))).finally(() => (isFollowing = false));
  }

  function show(ticket) {
    const kept = ticket.cancelled?.text;
    if (ticket.answer !== undefined && ticket.answer !== null) whole(ticket.answer);
    else if (kept) {
      whole(kept);
      note.textContent = t('tickets.kept_text');
    } else if (isEnded(ticket.state)) {
      isWhole = true;
      dot.hidden = true;
      note.textContent = '';
      fill(body, written ? [notice('warning', t('tickets.void_text')), h('div', { class: 'boxed' }, text(written))] : h('p', { class: 'quiet' }, t('tickets.no_answer')));
    } else {
      isWhole = false;
      follow();
    }
  }

  function whole(answer) {
    isWhole = true;
    note.textContent = '';
    fill(body, h('div', { class: 'boxed answer', tabindex: 0, role: 'group', 'aria-label': t('tickets.answer') }, typeof answer === 'string' ? text(answer) : jsonView(answer)));
  }

  return { element: card({ title: t('tickets.answer'), tools: [dot] }, note, body), show, close: () => stop.abort() };
}
