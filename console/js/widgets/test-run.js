// A test run: how far it is, its cases beside those of production, and what both used.

import { h, inline, text } from '../dom.js';
import { t } from '../i18n.js';
import { count, duration, money } from '../format.js';
import { byName, when } from './words.js';

/** @param {{stop: (() => void) | null}} options */
export function runView({ stop }) {
  const head = h('div', { class: 'run-head' });
  const bar = h('progress', { 'aria-label': t('prompts.progress') });
  const stopButton = stop ? h('button', { type: 'button', class: 'small', onclick: stop }, t('prompts.stop_run')) : null;
  const status = h('p', { class: 'second', role: 'status' });
  const progress = h('div', { class: 'actions' }, bar, stopButton);
  const body = h('tbody', {});
  const heads = ['prompts.case', 'prompts.result', 'prompts.tokens', 'prompts.cost', 'prompts.time', 'prompts.production', 'prompts.compared'];
  const foot = h('tfoot', {});
  const table = h('div', { class: 'table-wrap', tabindex: '0', role: 'region', 'aria-label': t('prompts.results') }, h('table', { class: 'table folds results' }, h('thead', {}, h('tr', {}, ...heads.map((name) => h('th', { scope: 'col' }, t(name))))), body, foot));
  const element = h('section', { class: 'run', 'aria-label': t('prompts.results') }, head, progress, status, table);
  return {
    element,
    show(run) {
      const running = run.state === 'running';
      const kind = { passed: 'good', failed: 'bad', running: 'accent' }[run.state] ?? 'plain';
      const what = run.tested.draft !== undefined ? t('prompts.draft_edit_n', { edit: run.tested.draft }) : t('prompts.version_n', { version: run.tested.version });
      head.replaceChildren(h('h3', {}, what), h('span', { class: `badge ${kind}` }, t(`prompts.run_${run.state}`)), h('span', { class: 'quiet' }, when(run.started_at), ' · ', inline(byName(run.by), 2000)));
      bar.max = run.cases_total;
      bar.value = run.cases_done;
      progress.hidden = !running;
      const failed = run.cases.filter((one) => one.failures.length).length;
      status.textContent = [
        t('prompts.cases_done', { done: run.cases_done, total: run.cases_total }),
        failed ? t('prompts.cases_failed', { count: failed }) : null,
        run.baseline ? t('prompts.beside_version', { version: run.baseline.version }) : null,
        run.reason ?? null,
      ].filter(Boolean).join(' · ');
      body.replaceChildren(...run.cases.map(rowOf));
      foot.replaceChildren(...totalsOf(run.totals));
      table.hidden = !run.cases.length;
    },
  };
}

function rowOf(one) {
  const passed = one.failures.length === 0;
  const baseline = one.baseline;
  const compared = { better: 'good', worse: 'bad', same: 'plain' }[one.compared];
  return h(
    'tr',
    {},
    h(
      'td',
      { class: 'wide' },
      h('details', { open: !passed }, h('summary', {}, h('strong', {}, one.case)), passed ? null : h('ul', { class: 'failures' }, ...one.failures.map((why) => h('li', {}, inline(why, 2000)))), answerOf(t('prompts.answer'), one.answer), baseline ? answerOf(t('prompts.answer_production'), baseline.answer) : null, baseline?.failures.length ? h('ul', { class: 'failures quiet' }, ...baseline.failures.map((why) => h('li', {}, inline(why, 2000)))) : null),
    ),
    h('td', {}, verdict(passed)),
    h('td', { class: 'right', 'data-label': t('prompts.tokens') }, tokens(one.usage)),
    h('td', { class: 'right', 'data-label': t('prompts.cost') }, money(one.cost_usd)),
    h('td', { class: 'right', 'data-label': t('prompts.time') }, duration(one.latency_ms)),
    h('td', { 'data-label': t('prompts.production') }, baseline ? [verdict(baseline.failures.length === 0), ' ', h('span', { class: 'quiet' }, [tokens(baseline.usage), baseline.cost_usd === null ? null : money(baseline.cost_usd), duration(baseline.latency_ms)].filter(Boolean).join(' · '))] : '–'),
    h('td', {}, one.compared ? h('span', { class: `badge ${compared}` }, t(`prompts.compared_${one.compared}`)) : '–'),
  );
}

function verdict(passed) {
  return h('span', { class: `badge ${passed ? 'good' : 'bad'}` }, t(passed ? 'prompts.passed' : 'prompts.failed'));
}

function tokens(usage) {
  return usage ? count(usage.prompt_tokens + usage.completion_tokens) : '–';
}

function answerOf(label, answer) {
  if (answer === null || answer === undefined) return h('p', { class: 'quiet' }, t('prompts.no_answer'));
  return h('div', { class: 'case-answer' }, h('p', { class: 'quiet small' }, label), h('div', { class: 'boxed' }, text(answer)));
}

function totalsOf({ candidate, baseline }) {
  const row = (label, sum) =>
    h(
      'tr',
      {},
      h('td', { class: 'strong' }, label),
      h('td', {}, t('prompts.passed_of', { passed: sum.cases - sum.failed, total: sum.cases })),
      h('td', { class: 'right', 'data-label': t('prompts.tokens') }, count(sum.prompt_tokens + sum.completion_tokens)),
      h('td', { class: 'right', 'data-label': t('prompts.cost') }, money(sum.cost_usd)),
      h('td', { class: 'right', 'data-label': t('prompts.time') }, duration(sum.latency_ms)),
      h('td', {}),
      h('td', {}),
    );
  if (!candidate.cases) return [];
  return [row(t('prompts.total_tested'), candidate), ...(baseline ? [row(t('prompts.total_production'), baseline)] : [])];
}
