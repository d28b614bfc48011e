// Counts over time as lines: the newest at the right. What they are stands in the legend, in numbers.

import { h, svg } from '../dom.js';
import { clock, count } from '../format.js';

const HEIGHT = 150;
const [LEFT, RIGHT, TOP, BOTTOM] = [34, 6, 8, 22];

/** `series`: `[{ name, values, kind }]` of equal length; `at`: the time of the newest; `label`: what is shown. */
export function chart(width, { series, at, stepMs, label }) {
  const steps = series[0].values.length;
  const most = roundUp(Math.max(...series.flatMap((one) => one.values), 1));
  const x = (step) => LEFT + (step / Math.max(steps - 1, 1)) * (width - LEFT - RIGHT);
  const y = (value) => HEIGHT - BOTTOM - (value / most) * (HEIGHT - TOP - BOTTOM);
  const time = (step) => clock(new Date(at).getTime() - (steps - 1 - step) * stepMs);
  const aloud = series.map((one) => `${one.name}: ${count(sum(one.values))}`).join(', ');
  const marks = width < 420 ? [0, steps - 1] : [0, Math.round((steps - 1) / 2), steps - 1];
  return svg('svg', { class: 'chart', viewBox: `0 0 ${width} ${HEIGHT}`, role: 'img', 'aria-label': `${label}. ${aloud}` },
    [0, 0.5, 1].map((part) => [
      svg('line', { class: 'grid', x1: LEFT, x2: width - RIGHT, y1: y(most * part), y2: y(most * part) }),
      (part !== 0.5 || most > 1) && svg('text', { x: LEFT - 7, y: y(most * part) + 4, 'text-anchor': 'end' }, count(most * part, 1)),
    ]),
    marks.map((step) => svg('text', { x: x(step), y: HEIGHT - 5, 'text-anchor': step === 0 ? 'start' : step === steps - 1 ? 'end' : 'middle' }, time(step))),
    series.map((one) => {
      const points = one.values.map((value, step) => `${x(step)} ${y(value)}`).join('L');
      return [svg('path', { class: ['area', one.kind], d: `M${x(0)} ${y(0)}L${points}L${x(steps - 1)} ${y(0)}Z` }), svg('path', { class: ['line', one.kind], d: `M${points}` })];
    }),
    Array.from({ length: steps }, (_, step) => svg('rect', { class: 'hit', x: x(step - 0.5), y: 0, width: (width - LEFT - RIGHT) / steps, height: HEIGHT - BOTTOM },
      svg('title', null, [time(step), ...series.map((one) => `${one.name}: ${count(one.values[step])}`)].join('\n')))));
}

/** What each line is, with its sum. */
export const legend = (series) => h('div', { class: 'legend' }, series.map((one) => h('span', { class: one.kind }, h('i'), one.name, ' ', h('b', null, count(sum(one.values))))));

/** A line of the height of a word, errors over calls. */
export function spark(values, errors) {
  const most = Math.max(...values, 1);
  const step = 110 / values.length;
  const bars = (list, kind) => svg('path', { class: kind, d: list.map((value, at) => (value ? `M${at * step} 26v${-Math.max((value / most) * 24, 2)}h${step * 0.8}V26z` : '')).join('') });
  return svg('svg', { class: 'spark', viewBox: '0 0 110 26', 'aria-hidden': 'true' }, bars(values, 'calls'), bars(errors, 'errors'));
}

export const sum = (values) => values.reduce((total, value) => total + value, 0);

function roundUp(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((part) => part * power).find((size) => size >= value);
}
