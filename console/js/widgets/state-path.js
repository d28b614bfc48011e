// The states a ticket can be in, and the way that this one took through them.

import { svg } from '../dom.js';
import { duration } from '../format.js';
import { t, word } from '../i18n.js';

const LINE = ['requested', 'pre_processed', 'sent', 'answered', 'persisted', 'delivered'];
const ENDS = ['failed', 'cancelled'];
/** Below this width the states stand under each other. */
const NARROW = 470;

/** Where every state stands. */
function places(width) {
  if (width < NARROW) {
    const down = LINE.map((state, at) => [state, { x: 24, y: 26 + at * 50 }]);
    const ends = ENDS.map((state, at) => [state, { x: width * 0.58, y: 126 + at * 100 }]);
    return { at: new Map([...down, ...ends]), height: 302, isNarrow: true };
  }
  const gap = (width - 130) / (LINE.length - 1);
  const along = LINE.map((state, at) => [state, { x: 65 + at * gap, y: 30 }]);
  const ends = ENDS.map((state, at) => [state, { x: 65 + (at * 2 + 1.5) * gap, y: 128 }]);
  return { at: new Map([...along, ...ends]), height: 176, isNarrow: false };
}

/**
 * `events`: the history, `upTo`: the revision that is looked at. Taken steps are strong, what came after the
 * looked-at event is faint.
 */
export function statePath(width, events, upTo) {
  const { at, height, isNarrow } = places(width);
  const taken = new Map();
  const first = new Map();
  let before = null;
  let current = null;
  for (const event of events) {
    const isPast = event.revision <= upTo;
    if (isPast) current = event.state;
    // What has been opened again may end twice: the end that is looked at counts.
    if (!first.has(event.state) || (isPast && ENDS.includes(event.state))) first.set(event.state, { since: event.since_ms, isPast });
    if (before && before !== event.state) {
      const key = `${before} ${event.state}`;
      taken.set(key, taken.get(key) || isPast);
    }
    before = event.state;
  }
  const attempts = events.filter((event) => event.revision <= upTo && /sent$/i.test(event.type)).length;
  const said = events.filter((event) => event.revision <= upTo).map((event) => word('tickets.state_', event.state));
  return svg('svg', { class: 'path', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': t('tickets.path_aloud', { path: said.filter((name, index) => name !== said[index - 1]).join(' → ') }) },
    LINE.slice(1).map((state, index) => edge(at, LINE[index], state, taken.has(`${LINE[index]} ${state}`) ? taken.get(`${LINE[index]} ${state}`) : null, isNarrow)),
    [...taken].filter(([key]) => !isNext(key)).map(([key, isPast]) => edge(at, ...key.split(' '), isPast, isNarrow)),
    [...at].map(([state, place]) => node(state, place, first.get(state), state === current, isNarrow)),
    attempts > 1 && attemptsLoop(at.get('sent'), attempts, isNarrow));
}

const isNext = (key) => {
  const [from, to] = key.split(' ');
  return LINE.indexOf(to) === LINE.indexOf(from) + 1 && LINE.includes(from);
};

/** `isPast`: null where it was not taken, false where it was taken later. */
function edge(at, from, to, isPast, isNarrow) {
  const [one, other] = [at.get(from), at.get(to)];
  if (!one || !other) return null;
  if (isApart(from, to)) return aside(one, other, look(isPast, to), isNarrow, ENDS.includes(to));
  const away = Math.hypot(other.x - one.x, other.y - one.y) || 1;
  const [dx, dy] = [(other.x - one.x) / away, (other.y - one.y) / away];
  const clear = 14;
  return svg('path', {
    class: look(isPast, to),
    d: `M${one.x + dx * clear} ${one.y + dy * clear}L${other.x - dx * clear} ${other.y - dy * clear}`,
  });
}

const look = (isPast, to) => ['edge', isPast === null ? 'not' : isPast ? 'was' : 'later', ENDS.includes(to) && isPast !== null && to];
const isApart = (from, to) => ENDS.includes(from) !== ENDS.includes(to);

/** Between the line and an end beside it, past the words of the state. */
function aside(one, other, classes, isNarrow, isOut) {
  const [line, end] = isOut ? [one, other] : [other, one];
  const apart = isOut ? 0 : 7;
  const d = isNarrow ? `M${line.x + 92} ${line.y + apart}L${end.x - 15} ${end.y + apart}` : `M${line.x + apart} ${line.y + 48}L${end.x + apart} ${end.y - 16}`;
  return svg('path', { class: classes, d });
}

function node(state, { x, y }, seen, isCurrent, isNarrow) {
  const look = seen ? (seen.isPast ? 'was' : 'later') : 'not';
  const [tx, ty, anchor] = isNarrow ? [x + 19, y + 1, 'start'] : [x, y + 27, 'middle'];
  return svg('g', { class: ['node', look, state, isCurrent && 'current'] },
    isCurrent && svg('rect', { class: 'ring', x: x - 11, y: y - 14, width: 22, height: 28, rx: 6 }),
    svg('rect', { class: 'hole', x: x - 6, y: y - 9, width: 12, height: 18, rx: 3 }),
    svg('text', { class: 'name', x: tx, y: ty, 'text-anchor': anchor }, word('tickets.state_', state)),
    seen && svg('text', { class: 'since', x: tx, y: ty + 15, 'text-anchor': anchor }, `+${duration(seen.since)}`));
}

function attemptsLoop({ x, y }, count, isNarrow) {
  return svg('text', { class: 'since', x: isNarrow ? x + 19 : x, y: isNarrow ? y + 31 : y - 16, 'text-anchor': isNarrow ? 'start' : 'middle' }, t('tickets.attempts_n', { count }));
}
