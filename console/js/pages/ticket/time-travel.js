// The slider through time: the path up to an event, and the ticket as it was after it.

import { fill, h, inline } from '../../dom.js';
import { clock, duration } from '../../format.js';
import { t, word } from '../../i18n.js';
import { stateBadge } from '../../widgets/badge.js';
import { jsonView } from '../../widgets/json-text.js';
import { problemNotice } from '../../widgets/notice.js';
import { button, card } from '../../widgets/page.js';
import { saveButton } from '../../widgets/save-picture.js';
import { sized } from '../../widgets/sized.js';
import { statePath } from '../../widgets/state-path.js';
import { facts } from '../../widgets/table.js';

/** Asking for each notch of a slider that is being dragged would be too much. */
const SETTLES_MS = 120;

/** `onMove(since_ms | null)` hears where it stands. Gives back `{ element, show(events), close }`. */
export function timeTravel({ api, base, id, signal, onMove }) {
  let events = [];
  let at = 0;
  let follows = true;
  let timer = null;
  let turn = 0;
  const picture = sized((width) => (events.length ? statePath(width, events, events[at]?.revision ?? 0) : null));
  const slider = h('input', { type: 'range', min: 0, max: 0, step: 1, value: 0, 'aria-label': t('tickets.slider'), oninput: () => move(Number(slider.value)) });
  const label = h('p', { class: 'moment', role: 'status' });
  const then = h('div', { class: 'then' });
  const step = (by) => () => move(Math.min(Math.max(at + by, 0), events.length - 1));
  const back = button('‹', step(-1), { small: true, 'aria-label': t('tickets.earlier') });
  const on = button('›', step(1), { small: true, 'aria-label': t('tickets.later') });

  function move(next) {
    at = next;
    follows = at === events.length - 1;
    draw();
    clearTimeout(timer);
    timer = setTimeout(look, SETTLES_MS);
  }

  function draw() {
    const event = events[at];
    if (!event) return;
    slider.max = events.length - 1;
    slider.value = at;
    back.disabled = at === 0;
    on.disabled = at === events.length - 1;
    const words = t('tickets.moment', { number: at + 1, count: events.length });
    slider.setAttribute('aria-valuetext', `${words}: ${word('tickets.event_', event.type)}`);
    fill(label, h('strong', null, word('tickets.event_', event.type)), ' ', stateBadge(event.state), h('span', { class: 'quiet number' }, `${words} · +${duration(event.since_ms)} · ${clock(event.recorded_at, { ms: true })}`));
    picture.redraw();
    onMove(follows ? null : event.since_ms);
  }

  async function look() {
    const event = events[at];
    const mine = (turn += 1);
    try {
      const state = await api.get(`${base}/state?at=${event.revision}`, { signal });
      if (mine === turn) fill(then, asOfThen(state));
    } catch (error) {
      if (error.name !== 'AbortError' && mine === turn) fill(then, problemNotice(error, look));
    }
  }

  return {
    element: card({ title: t('tickets.path'), tools: [saveButton(picture.element, `${id}-path.svg`)] },
      picture.element, h('div', { class: 'slider' }, back, slider, on), label, then),
    show(next) {
      // The same history says the same; the label is read out whenever it is written.
      if (next === events) return;
      const isNew = next.length !== events.length;
      events = next;
      if (follows) at = events.length - 1;
      draw();
      if (isNew) look();
    },
    close() {
      clearTimeout(timer);
      picture.close();
    },
  };
}

function asOfThen({ view, owes, fingerprint, at, last }) {
  const failure = view?.failure;
  return [
    facts([
      [t('tickets.owed'), owes ? owed(owes) : t('tickets.owes_nothing')],
      view?.attempt ? [t('tickets.attempt'), view.attempt] : null,
      view?.model ? [t('tickets.model'), inline(view.model, 100)] : null,
      view?.retry_at ? [t('tickets.retry_at'), clock(view.retry_at, { ms: true })] : null,
      failure ? [t('tickets.failure'), inline(failure.message, 500)] : null,
      [t('tickets.fingerprint'), h('code', { class: 'print', title: fingerprint }, `${fingerprint.slice(0, 16)}…`)],
    ]),
    h('details', null, h('summary', null, t(at === last ? 'tickets.whole_now' : 'tickets.whole_then')), h('div', { class: 'boxed', tabindex: 0, role: 'group', 'aria-label': t('tickets.whole_then') }, jsonView(view))),
  ];
}

function owed(owes) {
  const name = owes.effect === 'pre_process' || owes.effect === 'post_process' ? `${owes.effect}${owes.callback ? '_call' : ''}` : owes.effect;
  const words = word('tickets.owes_', name);
  const until = owes.not_before ? t('tickets.not_before', { at: clock(owes.not_before) }) : null;
  return [words, owes.attempt ? ` #${owes.attempt}` : null, until && ` · ${until}`];
}
