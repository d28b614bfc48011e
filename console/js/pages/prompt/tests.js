// The test cases of a prompt, and runs of them: of the draft, of a version, of what a label points to.

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { live } from '../../live.js';
import { confirm } from '../../widgets/dialog.js';
import { attempt, problemBox } from '../../widgets/problem.js';
import { runView } from '../../widgets/test-run.js';
import { whenBy } from '../../widgets/words.js';
import { caseEditor } from './case-editor.js';

/** How long the server may hold an answer back until there is more to tell, in seconds. */
const WAIT = 20;
/** The pause between two such questions, in milliseconds; longer where one failed. */
const PAUSE_MS = 100;
/** How many earlier runs are listed. */
const LISTED = 20;

export async function mount(body, room) {
  const runner = new Runner(room);
  const cases = await caseEditor(room, { saved: () => runner.offer() });
  body.append(
    h('section', { class: 'card', 'aria-labelledby': 'run-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'run-title' }, t('prompts.test_title'))), h('div', { class: 'card-body' }, h('p', { class: 'second' }, t('prompts.test_about')), runner.element)),
    cases.element,
  );
  runner.hasUnsavedCases = () => Boolean(cases.leave());
  await runner.open();
  return {
    leave: () => cases.leave(),
    close() {
      runner.close();
      cases.close();
    },
  };
}

class Runner {
  constructor(room) {
    this.room = room;
    this.stop = new AbortController();
    this.choice = h('select', { id: 'test-what' });
    this.start = h('button', { type: 'button', class: 'primary', onclick: () => this.run() }, t('prompts.run_tests'));
    this.told = h('div', {});
    this.now = h('div', { class: 'run-now' });
    this.earlier = h('div', {});
    const form = room.may('planner') ? h('div', { class: 'actions run-form' }, h('label', { for: 'test-what' }, t('prompts.test_what')), this.choice, this.start) : null;
    this.element = h('div', { class: 'runner' }, form, this.told, this.now, this.earlier);
    this.hasUnsavedCases = () => false;
  }

  async open() {
    this.offer();
    const { test_runs: runs } = await this.room.api.get(`${this.room.base}/test-runs?limit=${LISTED}`, { signal: this.stop.signal });
    this.list(runs);
    const asked = this.room.query.get('run');
    const running = runs.find((one) => one.state === 'running');
    const shown = asked ?? running?.run ?? runs[0]?.run;
    if (shown) this.watch(shown);
  }

  /** What can be tested. */
  offer() {
    const { prompt } = this.room;
    const wanted = this.room.query.get('ref');
    const options = [];
    if (prompt.draft) options.push(['draft', t('prompts.draft_edit_n', { edit: prompt.draft.edit })]);
    for (let version = prompt.latest ?? 0; version > 0 && options.length < 12; version -= 1) {
      const labels = prompt.labels.filter((one) => one.version === version).map((one) => one.label);
      options.push([String(version), [t('prompts.version_n', { version }), ...labels].join(' · ')]);
    }
    this.choice.replaceChildren(...options.map(([value, words]) => h('option', { value }, words)));
    if (options.some(([value]) => value === wanted)) this.choice.value = wanted;
    this.start.disabled = !options.length || !prompt.test_set?.cases;
  }

  async run() {
    if (this.hasUnsavedCases()) {
      const go = await confirm({ title: t('prompts.unsaved_cases_title'), body: t('prompts.unsaved_cases_words'), yes: t('prompts.run_anyway') });
      if (!go) return;
    }
    await attempt(this.told, this.start, async () => {
      const run = await this.room.api.post(`${this.room.base}/test-runs`, { body: { ref: this.choice.value } });
      this.watch(run.run, run);
    });
  }

  /** Shows a run until it has ended. Only the run that was asked for last is shown. */
  watch(id, known) {
    this.watched?.close();
    if (this.closed) return;
    const at = `${this.room.base}/test-runs/${encodeURIComponent(id)}`;
    const view = runView({ stop: this.room.may('planner') ? () => this.end(at, id) : null });
    this.now.replaceChildren(view.element);
    const trouble = h('div', {});
    this.told.replaceChildren(trouble);
    let run = known ?? null;
    let wasRunning = Boolean(known);
    if (run) view.show(run);
    const watched = live(PAUSE_MS, async (signal) => {
      if (!run || run.state === 'running') {
        run = await this.room.api.get(run ? `${at}?wait=${WAIT}&seen=${run.cases_done}` : at, { signal });
        view.show(run);
      }
      trouble.replaceChildren();
      if (run.state === 'running') {
        wasRunning = true;
        return;
      }
      if (wasRunning) {
        await this.room.refresh();
        const { test_runs: runs } = await this.room.api.get(`${this.room.base}/test-runs?limit=${LISTED}`, { signal });
        this.list(runs);
      }
      watched.close();
    }, { onProblem: (problem) => trouble.replaceChildren(problemBox(problem)) });
    this.watched = watched;
  }

  async end(at, id) {
    await attempt(this.told, null, async () => {
      const run = await this.room.api.delete(at, {});
      this.watch(id, run);
    });
  }

  list(runs) {
    if (!runs.length) {
      this.earlier.replaceChildren(h('p', { class: 'quiet' }, t('prompts.no_runs')));
      return;
    }
    const rows = runs.map((one) =>
      h(
        'tr',
        {},
        h('td', {}, h('button', { type: 'button', class: 'link', onclick: () => this.watch(one.run) }, testedName(one.tested))),
        h('td', {}, stateBadge(one.state)),
        h('td', { 'data-label': t('prompts.failed_of') }, `${one.failed} / ${one.cases}`),
        h('td', {}, whenBy(one.at, one.by)),
      ),
    );
    const heads = ['prompts.tested', 'prompts.result', 'prompts.failed_of', 'prompts.started'];
    this.earlier.replaceChildren(
      h(
        'details',
        {},
        h('summary', {}, t('prompts.earlier_runs', { count: runs.length })),
        h('div', { class: 'table-wrap' }, h('table', { class: 'table folds' }, h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, t(head))))), h('tbody', {}, ...rows))),
      ),
    );
  }

  close() {
    this.closed = true;
    this.stop.abort();
    this.watched?.close();
  }
}

/** What a run tested, in words. */
export function testedName(tested) {
  if (tested.draft !== undefined) return t('prompts.draft_edit_n', { edit: tested.draft });
  return t('prompts.version_n', { version: tested.version });
}

function stateBadge(state) {
  const kind = { passed: 'good', failed: 'bad', running: 'accent' }[state] ?? 'plain';
  return h('span', { class: `badge ${kind}` }, t(`prompts.run_${state}`));
}
