// Where a ticket's time went: a bar for each step, from its beginning to its end.

import { svg } from '../dom.js';
import { duration } from '../format.js';
import { t, word } from '../i18n.js';

const ROW = 24;
const TOP = 24;
/** More rows than these would not be read. */
const MOST = 120;

/** `timeline`: as the API tells it; `cursor`: milliseconds since the request that are looked at, or null. */
export function waterfall(width, timeline, cursor = null) {
  const isNarrow = width < 480;
  const steps = timeline.steps.slice(0, MOST);
  const [left, right] = isNarrow ? [4, 8] : [196, 88];
  const high = isNarrow ? 38 : ROW;
  const total = Math.max(timeline.total_ms, 1);
  const room = width - left - right;
  const x = (ms) => left + (Math.min(ms, total) / total) * room;
  const height = TOP + steps.length * high + 6;
  const ticks = ticksOf(total, isNarrow ? 3 : 6);
  return svg('svg', { class: 'waterfall', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': aloud(steps, timeline) },
    ticks.map((ms) => [
      svg('line', { class: 'grid', x1: x(ms), x2: x(ms), y1: TOP - 4, y2: height }),
      svg('text', { class: 'tick', x: x(ms), y: 12, 'text-anchor': ms === 0 ? 'start' : 'middle' }, duration(ms)),
    ]),
    steps.map((step, at) => row(step, TOP + at * high, { x, left, width, isNarrow, high, now: timeline.now_ms })),
    cursor !== null && svg('line', { class: 'cursor', x1: x(cursor), x2: x(cursor), y1: TOP - 4, y2: height }));
}

function row(step, y, { x, left, width, isNarrow, high, now }) {
  const ends = step.ends_ms ?? now;
  const begin = x(step.begins_ms);
  const wide = Math.max(x(ends) - begin, 2);
  const bar = isNarrow ? y + 18 : y + 5;
  return svg('g', { class: ['step', step.step, step.outcome] },
    svg('title', null, `${nameOf(step)}: ${duration(ends - step.begins_ms)}`),
    svg('text', { class: 'name', x: isNarrow ? left : left - 10, y: isNarrow ? y + 13 : y + 17, 'text-anchor': isNarrow ? 'start' : 'end' }, nameOf(step)),
    svg('rect', { class: 'piece', x: begin, y: bar, width: wide, height: isNarrow ? 13 : 14, rx: 2 }),
    step.outcome === 'failed' && svg('path', { class: 'cross', d: `M${begin + wide - 4} ${bar + 3}l-7 8m0 -8l7 8` }),
    svg('text', { class: 'time', x: isNarrow ? width - 8 : begin + wide + 6, y: isNarrow ? y + 13 : y + 16, 'text-anchor': isNarrow ? 'end' : 'start' }, `${duration(ends - step.begins_ms)}${step.ends_ms === null || step.ends_ms === undefined ? ' …' : ''}`),
    svg('rect', { class: 'hit', x: 0, y, width, height: high }));
}

/** A step in words. */
export function nameOf(step) {
  const number = step.attempt ?? step.try;
  const name = word('tickets.step_', step.step);
  return number > 1 || step.step === 'retry_wait' ? `${name} ${number ? `#${number}` : ''}`.trim() : name;
}

const aloud = (steps, timeline) => t('tickets.waterfall_aloud', {
  total: duration(timeline.total_ms),
  steps: steps.slice(0, 30).map((step) => `${nameOf(step)} ${duration((step.ends_ms ?? timeline.now_ms) - step.begins_ms)}`).join(', '),
});

/** Round points in time, so many at most: of minutes, of hours, or of tens. */
function ticksOf(total, most) {
  const rough = total / most;
  const unit = rough > 1_800_000 ? 3_600_000 : rough > 30_000 ? 60_000 : 1;
  const round = [1, 2, 5, 10, 15, 30, 60].map((part) => part * unit).find((size) => unit > 1 && size >= rough);
  if (round) return Array.from({ length: Math.floor((total * 0.97) / round) + 1 }, (_, at) => at * round);
  const power = 10 ** Math.floor(Math.log10(Math.max(rough, 1)));
  const step = [1, 2, 5, 10].map((part) => part * power).find((size) => size >= rough) ?? 10 * power;
  return Array.from({ length: Math.floor((total * 0.97) / step) + 1 }, (_, at) => at * step);
}
