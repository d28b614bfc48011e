// One shadow run: how far it is, what it spent, and case by case what would change, the worst first.

import { fill, h, inline, text } from '../dom.js';
import { count, duration, money, percent } from '../format.js';
import { t } from '../i18n.js';
import { live } from '../live.js';
import { badge } from '../widgets/badge.js';
import { confirm } from '../widgets/dialog.js';
import { field } from '../widgets/field.js';
import { empty, loading, problemNotice } from '../widgets/notice.js';
import { card, head } from '../widgets/page.js';
import { attempt, problemBox } from '../widgets/problem.js';
import { lineDiff } from '../widgets/prompt-diff.js';
import { facts } from '../widgets/table.js';
import { byName, when } from '../widgets/words.js';
import { estimateOf, runBadge } from './shadow_runs.js';

/** How often a run is read while it goes on, in milliseconds. */
const EVERY_MS = 2000;
/** Cases of one page of the report. */
const PAGE = 50;
const VERDICTS = { same: 'good', changed: 'accent', schema_failed: 'bad', failed: 'bad' };

export const page = {
  path: '/shadow-runs/:run',
  under: 'shell.nav_shadow',
  roles: ['viewer'],
  async open(main, context) {
    const { api, params, session, signal } = context;
    const base = `/v1/shadow-runs/${encodeURIComponent(params.run)}`;
    let run = await api.get(base, { signal });
    const top = h('div', {});
    const state = h('div', { class: 'stack' });
    const told = h('div', {});
    const fresh = h('div', { role: 'status' });
    const report = h('div', { class: 'stack' }, loading());
    main.append(top, state, told, fresh, report);
    const act = (what) => async () => {
      const most = what === 'resume' ? field({ label: t('shadow.resume_max_cost'), hint: run.max_cost_usd === null ? t('shadow.resume_unbound') : t('shadow.resume_bound', { cost: money(run.max_cost_usd) }), type: 'number', min: 0, step: 'any' }) : null;
      const done = await confirm({ title: t(`shadow.${what}_title`), body: h('div', { class: 'form' }, h('p', {}, t(`shadow.${what}_words`)), most?.element), yes: t(`shadow.${what}`), danger: what === 'stop', run: async () => {
        run = await api.post(`${base}/${what}`, { body: most?.value ? { max_cost_usd: Number(most.value) } : {} });
      } });
      if (!done || signal.aborted) return;
      draw();
      await readReport();
      watch();
    };
    let headOf = null;
    let stateOf = null;
    /** Draws what changed, so that nobody loses the button they are about to press. */
    const draw = () => {
      const now = JSON.stringify(run);
      if (now !== stateOf) fill(state, stateCard(run));
      stateOf = now;
      if (run.state === headOf) return;
      headOf = run.state;
      const buttons = session.may('planner') ? [run.state === 'running' && h('button', { type: 'button', class: 'danger', onclick: act('stop') }, t('shadow.stop_')), run.state === 'stopped' && h('button', { type: 'button', onclick: act('resume') }, t('shadow.resume_'))].filter(Boolean) : [];
      const deploy = run.state === 'finished' && session.may('publisher') ? h('a', { class: 'button', href: `#/prompts/${encodeURIComponent(run.task)}?tab=deploy&version=${run.candidate.version}` }, t('prompts.deploy_')) : null;
      fill(top, head({ title: t('shadow.run_title', { task: run.task, version: run.candidate.version }), back: { href: `#/shadow-runs?task=${encodeURIComponent(run.task)}`, label: t('shadow.title') }, actions: [...buttons, deploy] }));
    };
    let watching = null;
    let seen = -1;
    let reading = 0;
    const readReport = async () => {
      seen = run.cases_done;
      const turn = (reading += 1);
      fill(fresh);
      await showReport(report, context, base, () => turn === reading);
    };
    const isRead = () => report.contains(document.activeElement) || report.querySelector('details[open]') !== null || report.querySelectorAll('details').length > PAGE;
    const offer = () => {
      if (fresh.childElementCount) return;
      fill(fresh, h('p', { class: 'actions' }, h('button', { type: 'button', onclick: readReport }, t('shadow.new_cases'))));
    };
    const watch = () => {
      watching?.close();
      if (run.state !== 'running' || signal.aborted) return;
      watching = live(EVERY_MS, async (asked) => {
        run = await api.get(base, { signal: asked });
        fill(told);
        draw();
        const isOver = run.state !== 'running';
        if (isOver) watching?.close();
        if (isOver || (run.cases_done !== seen && !isRead())) await readReport();
        else if (run.cases_done !== seen) offer();
      }, { onProblem: (problem) => fill(told, problemNotice(problem)) });
    };
    context.setTitle(t('shadow.run_title', { task: run.task, version: run.candidate.version }));
    draw();
    await readReport();
    watch();
    return {
      close() {
        watching?.close();
        watching = null;
      },
    };
  },
};

function stateCard(run) {
  const bar = h('progress', { max: run.cases_total, value: run.cases_done, 'aria-label': t('shadow.progress') });
  bar.value = run.cases_done;
  return card(
    { title: t('shadow.progress'), tools: [runBadge(run.state)] },
    bar,
    h('p', { role: 'status' }, t('shadow.done_of', { done: run.cases_done, total: run.cases_total }), run.cases_failed ? ` · ${t('shadow.failed_n', { count: run.cases_failed })}` : null),
    run.reason ? h('p', { class: 'second' }, inline(run.reason, 500)) : null,
    h('div', { class: 'columns' },
      h('div', { class: 'span-6' }, h('h3', {}, t('shadow.estimated')), estimateOf({ estimate: run.estimate })),
      h('div', { class: 'span-6' }, h('h3', {}, t('shadow.spent')), estimateOf({ estimate: run.spent }))),
    h('p', { class: 'quiet small' }, t('shadow.started'), ' ', when(run.started_at), ' · ', inline(byName(run.by), 60), run.ended_at ? [' · ', t('shadow.ended'), ' ', when(run.ended_at)] : null),
  );
}

/** Puts the report in its place, with the cases open that were open there. */
async function showReport(place, context, base, isLast) {
  const { api, signal } = context;
  try {
    const said = await api.get(`${base}/report?limit=${PAGE}`, { signal });
    if (!isLast()) return undefined;
    if (!said.summary.cases && !said.cases.length) return fill(place, card({ title: t('shadow.report') }, empty(t('shadow.report_empty'))));
    const list = h('div', { class: 'stack' });
    const more = h('div', {});
    const add = (page) => {
      list.append(...page.cases.map((one) => caseOf(context, one)));
      fill(more, page.next_cursor ? h('p', { class: 'more' }, h('button', { type: 'button', onclick: (event) => attempt(told, event.currentTarget, async () => add(await api.get(`${base}/report?limit=${PAGE}&cursor=${encodeURIComponent(page.next_cursor)}`, { signal }))) }, t('shell.more'))) : null);
    };
    const told = h('div', {});
    add(said);
    const opened = [...place.querySelectorAll('details[open]')].map((one) => one.dataset.case);
    const at = document.activeElement?.closest('details')?.dataset.case;
    const held = place.contains(document.activeElement);
    fill(place, summaryCard(said.summary), card({ title: t('shadow.by_case') }, h('p', { class: 'second' }, t('shadow.worst_first')), list, told, more));
    for (const one of list.children) {
      if (opened.includes(one.dataset.case)) one.open = true;
      if (held && at === one.dataset.case) one.querySelector('summary').focus();
    }
    return undefined;
  } catch (problem) {
    if (problem.name === 'AbortError' || !isLast()) return undefined;
    return fill(place, problemBox(problem, { again: () => showReport(place, context, base, isLast) }));
  }
}

function summaryCard(sum) {
  const rows = [
    [t('shadow.answer_bytes'), sum.answer_bytes, count],
    [t('shadow.prompt_tokens'), sum.tokens.prompt, count],
    [t('shadow.completion_tokens'), sum.tokens.completion, count],
    [t('shadow.cost'), sum.cost_usd, money],
    [t('shadow.latency_p50'), sum.latency_ms.p50, duration],
    [t('shadow.latency_p95'), sum.latency_ms.p95, duration],
  ];
  const row = ([name, { before, after }, show]) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', { class: 'right' }, value(before, show)), h('td', { class: 'right' }, value(after, show)), h('td', { class: 'right' }, shift(before, after)));
  return card(
    { title: t('shadow.report') },
    facts([
      [t('shadow.verdict_same'), count(sum.same)],
      [t('shadow.verdict_changed'), count(sum.changed)],
      [t('shadow.verdict_schema_failed'), count(sum.schema_failures)],
      [t('shadow.verdict_failed'), count(sum.failed)],
      sum.mean_similarity === null || sum.mean_similarity === undefined ? null : [t('shadow.similarity'), percent(sum.mean_similarity)],
    ]),
    h('div', { class: 'table-wrap', tabindex: 0, role: 'region', 'aria-label': t('shadow.shifts') }, h('table', { class: 'table' }, h('thead', {}, h('tr', {}, h('td', {}), h('th', { scope: 'col', class: 'right' }, t('shadow.before_now')), h('th', { scope: 'col', class: 'right' }, t('shadow.after_then')), h('th', { scope: 'col', class: 'right' }, t('shadow.shift')))), h('tbody', {}, rows.map(row)))),
  );
}

function value(number, show) {
  return number === null || number === undefined ? '–' : show(number);
}

function shift(before, after) {
  if (!before || after === null || after === undefined) return '–';
  const part = (after - before) / before;
  return `${part > 0 ? '+' : ''}${percent(part)}`;
}

function caseOf({ api, signal }, one) {
  const body = h('div', { class: 'stack' });
  let isRead = false;
  const open = async (event) => {
    if (!event.currentTarget.open || isRead || !one.fork) return;
    isRead = true;
    fill(body, loading());
    try {
      const compared = await api.get(`/v1/tickets/${encodeURIComponent(one.parent)}/compare?with=${encodeURIComponent(one.fork)}`, { signal });
      fill(body, comparison(compared));
    } catch (problem) {
      isRead = false;
      if (problem.name !== 'AbortError') fill(body, problemNotice(problem));
    }
  };
  return h(
    'details',
    { class: 'case', data: { case: String(one.case) }, ontoggle: open },
    h('summary', {}, h('strong', {}, t('shadow.case_n', { number: one.case })), ' ', badge(t(`shadow.verdict_${one.verdict}`), VERDICTS[one.verdict]), ' ', one.similarity === null || one.similarity === undefined ? null : h('span', { class: 'quiet' }, t('shadow.similar', { part: percent(one.similarity, 0) }))),
    one.failure ? h('p', { class: 'wrong' }, inline(one.failure.message, 1000)) : null,
    h('p', { class: 'actions small' }, h('a', { href: `#/tickets/${encodeURIComponent(one.parent)}` }, t('shadow.open_parent')), one.fork ? h('a', { href: `#/tickets/${encodeURIComponent(one.fork)}` }, t('shadow.open_fork')) : null),
    body,
  );
}

/** Two answers: as JSON where both are, else line by line. */
function comparison(compared) {
  const side = (name, one) => h('div', { class: 'span-6 stack' }, h('h3', {}, name), h('p', { class: 'quiet small' }, [one.prompt?.version ? t('prompts.version_n', { version: one.prompt.version }) : null, one.usage ? t('shadow.tokens_n', { count: one.usage.prompt_tokens + one.usage.completion_tokens }) : null, one.cost_usd === null || one.cost_usd === undefined ? null : money(one.cost_usd), one.total_ms ? duration(one.total_ms) : null].filter(Boolean).join(' · ')), text(one.answer === undefined ? one.failure?.message ?? '' : typeof one.answer === 'string' ? one.answer : JSON.stringify(one.answer, null, 2), { boxed: true, code: typeof one.answer !== 'string' }));
  const changes = compared.same
    ? h('p', { class: 'second' }, t('shadow.answers_same'))
    : compared.json
      ? h('ul', { class: 'stack' }, compared.json.map((one) => h('li', {}, h('code', {}, inline(one.pointer || '/', 300)), ' ', h('span', { class: 'removed' }, one.left === undefined ? '' : inline(JSON.stringify(one.left), 400)), one.left === undefined || one.right === undefined ? ' ' : ' → ', h('span', { class: 'added' }, one.right === undefined ? '' : inline(JSON.stringify(one.right), 400)))))
      : compared.text
        ? lineDiff(compared.text, t('shadow.answers_differ'))
        : null;
  return [h('div', { class: 'columns' }, side(t('shadow.before_now'), compared.left), side(t('shadow.after_then'), compared.right)), h('h3', {}, t('shadow.answers_differ')), changes];
}
