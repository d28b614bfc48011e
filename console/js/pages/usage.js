// What was used, what it cost, and how the budgets stand: as a chart, as a table, as a file.

import { fill, h, inline, svg } from '../dom.js';
import { compact, count, dayAndClock, money } from '../format.js';
import { t } from '../i18n.js';
import { check, field } from '../widgets/field.js';
import { empty, loading } from '../widgets/notice.js';
import { card, head } from '../widgets/page.js';
import { attempt } from '../widgets/problem.js';
import { table } from '../widgets/table.js';

const GROUPS = ['day', 'task', 'version', 'model'];
const MEASURES = ['cost_micro_usd', 'total_tokens', 'tickets'];

export const page = {
  path: '/usage',
  nav: 'shell.nav_usage',
  group: 'run',
  icon: 'usage',
  key: 'u',
  roles: ['viewer'],
  async open(main, context) {
    const { api, signal, query, remember } = context;
    const today = new Date().toISOString().slice(0, 10);
    const from = field({ label: t('usage.from'), type: 'date', value: query.get('from') ?? `${today.slice(0, 8)}01`, max: today, required: true });
    const to = field({ label: t('usage.to'), type: 'date', value: query.get('to') ?? today, required: true });
    const asked = (query.get('by') ?? 'day').split(',');
    const groups = GROUPS.map((name) => ({ name, box: check({ label: t(`usage.by_${name}`), checked: asked.includes(name), onchange: () => load() }) }));
    const told = h('div', {});
    const out = h('div', { class: 'stack' }, loading());
    const path = () => `/v1/usage?from=${from.value}&to=${to.value}&group_by=${groups.filter(({ box }) => box.value).map(({ name }) => name).join(',')}`;
    let turn = 0;
    const load = () => attempt(told, null, async () => {
      const mine = (turn += 1);
      const by = groups.filter(({ box }) => box.value).map(({ name }) => name);
      remember({ from: from.value, to: to.value, by: by.join(',') });
      const [said, days] = await Promise.all([api.get(path(), { signal }), by.join() === 'day' ? null : api.get(`/v1/usage?from=${from.value}&to=${to.value}&group_by=day`, { signal })]);
      if (mine === turn) show(out, said, (days ?? said).rows, by);
    });
    from.input.addEventListener('change', load);
    to.input.addEventListener('change', load);
    const download = h('button', { type: 'button', onclick: () => attempt(told, download, () => api.download(`${path()}&format=csv`, `usage-${from.value}-${to.value}.csv`)) }, t('usage.download'));
    main.append(
      head({ title: t('usage.title'), about: t('usage.about'), actions: [download] }),
      card({}, h('div', { class: 'fields' }, from.element, to.element), h('fieldset', { class: 'inline-form' }, h('legend', { class: 'strong' }, t('usage.group_by')), groups.map(({ box }) => box.element)), told),
      out,
    );
    await load();
    return {};
  },
};

function show(out, said, days, by) {
  fill(
    out,
    said.complete ? null : h('p', { class: 'notice warning', role: 'status' }, t('usage.incomplete')),
    said.budgets.length ? budgetsCard(said.budgets) : null,
    card({ title: t('usage.per_day') }, charts(days)),
    card({ title: t('usage.rows'), flush: true }, said.rows.length ? rowsOf(said, by) : empty(t('usage.nothing'))),
  );
}

/** How budgets stand. */
export function budgetsCard(budgets) {
  const show = (value, unit) => (unit === 'tokens' ? count(value) : money(value / 1e6));
  return card({ title: t('usage.budgets') }, budgets.map((one) => {
    const part = one.limit ? Math.min((one.used + one.reserved) / one.limit, 1) : 0;
    const words = t('usage.budget_left', { left: show(one.left, one.unit), limit: show(one.limit, one.unit) });
    return h(
      'div',
      {},
      h('p', {}, h('strong', {}, t(`usage.budget_${one.period}_${one.unit}`)), one.task ? [' · ', inline(one.task, 60)] : null, ' ', words),
      h('div', { class: ['meter', part >= 1 ? 'over' : part > 0.8 ? 'near' : null], role: 'meter', 'aria-label': t(`usage.budget_${one.period}_${one.unit}`), 'aria-valuemin': 0, 'aria-valuemax': one.limit, 'aria-valuenow': Math.min(one.used + one.reserved, one.limit), 'aria-valuetext': words }, h('i', { vars: { '--part': `${part * 100}%` } })),
      h('p', { class: 'quiet small' }, t('usage.renewed', { at: dayAndClock(one.renewed_at) })),
    );
  }));
}

function charts(days) {
  if (!days.length) return h('p', { class: 'quiet' }, t('usage.nothing'));
  const name = (measure) => t(`usage.${measure}`);
  const place = h('div', {});
  const choice = field({ label: t('usage.measure'), type: 'select', options: MEASURES.map((measure) => ({ value: measure, label: name(measure) })), value: days.some((row) => row.cost_micro_usd) ? 'cost_micro_usd' : 'total_tokens' });
  const draw = () => fill(place, bars(days, choice.value, name(choice.value)));
  choice.input.addEventListener('change', draw);
  draw();
  return [h('div', { class: 'inline-form' }, choice.element), place];
}

const WIDTH = 720;
const HEIGHT = 200;
const LEFT = 72;
const BOTTOM = 24;
/** Few days get no broader bars than this. */
const WIDEST = 64;

/** A bar for each day. The table below says the same in numbers. */
function bars(rows, measure, name) {
  const show = (value) => (measure === 'cost_micro_usd' ? money(value / 1e6) : compact(value));
  const most = Math.max(...rows.map((row) => row[measure]), 1);
  const step = Math.min((WIDTH - LEFT) / rows.length, WIDEST);
  const height = (value) => ((HEIGHT - BOTTOM - 12) * value) / most;
  const every = Math.ceil(rows.length / 10);
  return svg(
    'svg',
    { class: 'bars', viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: 'img', 'aria-label': t('usage.chart', { what: name, from: rows[0].day, to: rows.at(-1).day }) },
    [0, 0.5, 1].map((part) => [
      svg('line', { x1: LEFT, x2: WIDTH, y1: HEIGHT - BOTTOM - height(most * part), y2: HEIGHT - BOTTOM - height(most * part) }),
      svg('text', { x: LEFT - 6, y: HEIGHT - BOTTOM - height(most * part) + 4, 'text-anchor': 'end' }, show(most * part)),
    ]),
    rows.map((row, at) => [
      svg('rect', { x: LEFT + at * step + Math.max(step * 0.12, 0.5), y: HEIGHT - BOTTOM - height(row[measure]), width: Math.max(step * 0.76, 1), height: height(row[measure]), rx: 2 }, svg('title', {}, `${row.day}: ${show(row[measure])}`)),
      at % every === 0 ? svg('text', { x: LEFT + (at + 0.5) * step, y: HEIGHT - 6, 'text-anchor': 'middle' }, row.day.slice(5)) : null,
    ]),
  );
}

function rowsOf(said, by) {
  const number = (name) => ({ label: t(`usage.${name}`), right: true, cell: (row) => count(row[name]) });
  const made = table({
    caption: t('usage.rows'),
    columns: [
      ...by.map((name) => ({ label: t(`usage.by_${name}`), cell: (row) => (row.isTotal ? '' : name === 'version' && row.version === 0 ? t('usage.no_prompt') : inline(row[name] ?? '', 100)) })),
      ...(by.length ? [] : [{ label: '', cell: () => '' }]),
      number('tickets'), number('attempts'), number('prompt_tokens'), number('completion_tokens'), number('estimated_tokens'), number('total_tokens'),
      { label: t('usage.cost_micro_usd'), right: true, cell: (row) => money(row.cost_micro_usd / 1e6) },
    ],
    rowClass: (row) => row.isTotal && 'strong',
  });
  const first = by[0];
  made.show(said.rows);
  made.add([{ ...said.total, isTotal: true }]);
  const cell = made.body.lastElementChild.firstElementChild;
  if (first || !by.length) fill(cell, t('usage.total'));
  cell.classList.remove('nothing');
  return made.element;
}
