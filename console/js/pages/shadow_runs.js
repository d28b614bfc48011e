// Shadow runs: a version tried on past tickets, with its cost told before it starts.

import { fill, h, inline } from '../dom.js';
import { ago, count, money } from '../format.js';
import { t } from '../i18n.js';
import { live } from '../live.js';
import { badge } from '../widgets/badge.js';
import { confirm } from '../widgets/dialog.js';
import { field } from '../widgets/field.js';
import { empty, loading, problemNotice } from '../widgets/notice.js';
import { card, head } from '../widgets/page.js';
import { attempt } from '../widgets/problem.js';
import { facts, table } from '../widgets/table.js';
import { byName } from '../widgets/words.js';

/** How often the list is read, in milliseconds. */
const EVERY_MS = 4000;
/** Runs that are listed, and how many where more are asked for: the most that the server gives. */
const SHOWN = 30;
const MOST_SHOWN = 200;
/** The most cases of one run, as the server has it. */
const MOST_CASES = 1000;

export const page = {
  path: '/shadow-runs',
  nav: 'shell.nav_shadow',
  group: 'make',
  icon: 'shadow',
  key: 's',
  roles: ['viewer'],
  async open(main, context) {
    const { api, session, signal } = context;
    main.append(head({ title: t('shadow.title'), about: t('shadow.about') }));
    const { prompts } = await api.get('/v1/prompts?limit=200', { signal });
    const tasks = prompts.filter((one) => one.latest);
    if (!tasks.length) {
      main.append(empty(t('shadow.no_tasks'), h('a', { class: 'button', href: '#/prompts' }, t('shell.nav_prompts'))));
      return {};
    }
    const wanted = context.query.get('task');
    const task = field({ label: t('shadow.task'), type: 'select', options: tasks.map((one) => ({ value: one.task, label: one.task })), value: tasks.some((one) => one.task === wanted) ? wanted : tasks[0].task });
    const startPlace = h('div', {});
    const list = h('div', {}, loading());
    main.append(card({}, task.element), startPlace, card({ title: t('shadow.runs'), flush: true }, list));
    let watch = null;
    let shown = SHOWN;
    const choose = () => {
      watch?.close();
      fill(list, loading());
      const chosen = tasks.find((one) => one.task === task.value);
      context.remember({ task: chosen.task });
      fill(startPlace, session.may('planner') ? startCard(context, chosen) : null);
      watch = live(EVERY_MS, async (asked) => {
        const said = await api.get(`/v1/shadow-runs?task=${encodeURIComponent(chosen.task)}&limit=${shown}`, { signal: asked });
        showRuns(list, said.shadow_runs, said.next_cursor ? () => {
          shown = MOST_SHOWN;
          watch.now();
        } : null);
      }, { onProblem: (problem) => fill(list, problemNotice(problem, choose)) });
    };
    task.input.addEventListener('change', choose);
    choose();
    return { close: () => watch?.close() };
  },
};

function showRuns(list, runs, more) {
  if (!runs.length) return fill(list, empty(t('shadow.no_runs')));
  const rows = table({
    caption: t('shadow.runs'),
    link: (run) => `#/shadow-runs/${encodeURIComponent(run.run)}`,
    columns: [
      { label: t('shadow.version'), labelled: false, cell: (run) => h('a', { class: 'row-link', href: `#/shadow-runs/${encodeURIComponent(run.run)}` }, t('prompts.version_n', { version: run.candidate.version })) },
      { label: t('shadow.state'), labelled: false, cell: (run) => runBadge(run.state) },
      { label: t('shadow.cases'), right: true, cell: (run) => `${count(run.cases_done)} / ${count(run.cases_total)}` },
      { label: t('shadow.failed'), right: true, cell: (run) => count(run.cases_failed) },
      { label: t('shadow.spent'), right: true, cell: (run) => money(run.spent?.cost_usd) },
      { label: t('shadow.started'), cell: (run) => [ago(run.started_at), ' · ', inline(byName(run.by), 60)] },
    ],
  });
  rows.show(runs);
  const isAll = runs.length >= MOST_SHOWN;
  return fill(list, rows.element, more && !isAll ? h('p', { class: 'more' }, h('button', { type: 'button', onclick: more }, t('shell.more'))) : null);
}

/** How a run stands. */
export function runBadge(state) {
  return badge(t(`shadow.state_${state}`), { running: 'accent', stopped: 'warning', finished: 'good' }[state]);
}

function startCard(context, prompt) {
  const { api, query, go } = context;
  const versions = [];
  for (let number = prompt.latest; number > 0; number -= 1) versions.push({ value: String(number), label: number === prompt.production ? `${t('prompts.version_n', { version: number })} · production` : t('prompts.version_n', { version: number }) });
  const version = field({ label: t('shadow.version'), type: 'select', options: versions, value: query.get('version') ?? versions[0].value });
  const from = field({ label: t('shadow.from'), type: 'datetime-local', step: 60 });
  const before = field({ label: t('shadow.before'), type: 'datetime-local', step: 60 });
  const user = field({ label: t('shadow.user'), hint: t('shadow.user_hint'), autocomplete: 'off' });
  const sample = field({ label: t('shadow.sample'), hint: t('shadow.sample_hint'), type: 'number', min: 1, max: 100, step: 1, value: '100' });
  const limit = field({ label: t('shadow.limit'), type: 'number', min: 1, max: MOST_CASES, step: 1, value: '50' });
  const most = field({ label: t('shadow.max_cost'), hint: t('shadow.max_cost_hint'), type: 'number', min: 0, step: 'any' });
  const told = h('div', {});
  const button = h('button', { type: 'submit', class: 'primary' }, t('shadow.estimate_'));
  const asked = () => {
    const filter = {};
    if (from.value) filter.requested_from = new Date(from.value).toISOString();
    if (before.value) filter.requested_before = new Date(before.value).toISOString();
    if (user.value.trim()) filter.user = user.value.trim();
    const body = { task: prompt.task, version: Number(version.value), filter, limit: Number(limit.value) };
    if (Number(sample.value) < 100) body.sample = Number(sample.value) / 100;
    if (most.value !== '') body.max_cost_usd = Number(most.value);
    return body;
  };
  const submit = async (event) => {
    event.preventDefault();
    await attempt(told, button, async () => {
      const body = asked();
      const would = await api.post('/v1/shadow-runs', { body: { ...body, dry_run: true } });
      const cases = would.cases ?? 0;
      if (!cases) {
        fill(told, h('p', { class: 'notice warning', role: 'status' }, t('shadow.no_matches')));
        return;
      }
      let started = null;
      const done = await confirm({
        title: t('shadow.start_title', { count: cases, version: body.version }),
        body: h('div', { class: 'form' }, h('p', {}, t('shadow.start_words')), estimateOf(would), body.max_cost_usd === undefined ? null : h('p', {}, t('shadow.stops_at', { cost: money(body.max_cost_usd) }))),
        yes: t('shadow.start'),
        run: async () => {
          started = await api.post('/v1/shadow-runs', { body });
        },
      });
      if (done && started) go(`/shadow-runs/${started.run}`);
    });
  };
  return card(
    { title: t('shadow.new') },
    h('form', { class: 'form', onsubmit: submit }, h('p', { class: 'second' }, t('shadow.new_about')), h('div', { class: 'fields' }, [version, from, before, user, sample, limit, most].map((one) => one.element)), told, h('p', { class: 'actions' }, button)),
  );
}

/** What a run would take, or was estimated to. */
export function estimateOf({ matched, cases, estimate }) {
  return facts([
    matched === undefined ? null : [t('shadow.matched'), count(matched)],
    cases === undefined ? null : [t('shadow.cases'), count(cases)],
    [t('shadow.prompt_tokens'), count(estimate.prompt_tokens)],
    [t('shadow.completion_tokens'), count(estimate.completion_tokens)],
    [t('shadow.cost'), estimate.cost_usd === null || estimate.cost_usd === undefined ? t('shadow.no_price') : money(estimate.cost_usd)],
  ]);
}
