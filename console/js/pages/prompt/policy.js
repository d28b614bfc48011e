// What a deployment to production needs, beside a passing test run: a shadow run within bounds.

import { fill, h } from '../../dom.js';
import { t } from '../../i18n.js';
import { confirm } from '../../widgets/dialog.js';
import { problemNotice } from '../../widgets/notice.js';
import { toast } from '../../widgets/toast.js';

export function policyCard(room) {
  const body = h('div', { class: 'card-body' }, h('p', { class: 'quiet' }, t('prompts.loading')));
  const at = `${room.base}/deployment-policy`;
  const load = async () => {
    try {
      const policy = await room.api.get(at, { signal: room.signal });
      fill(body, view(room, at, policy, load));
    } catch (problem) {
      if (problem.name === 'AbortError') return;
      // A server without policies asks for a test run alone.
      if (problem.status === 404) fill(body, h('p', {}, t('prompts.policy_tests')));
      else fill(body, problemNotice(problem, load));
    }
  };
  load();
  return h('section', { class: 'card', 'aria-labelledby': 'policy-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'policy-title' }, t('prompts.policy_title'))), body);
}

function view(room, at, { shadow_run: needed }, load) {
  const said = [h('p', {}, t('prompts.policy_tests')), h('p', {}, needed ? t('prompts.policy_shadow', { cases: needed.min_cases, percent: needed.max_failed_percent }) : t('prompts.policy_no_shadow'))];
  if (!room.may('publisher')) return said;
  const cases = h('input', { id: 'policy-cases', type: 'number', min: '1', max: '1000', step: '1' });
  const percent = h('input', { id: 'policy-percent', type: 'number', min: '0', max: '100', step: '1' });
  cases.value = String(needed?.min_cases ?? 20);
  percent.value = String(needed?.max_failed_percent ?? 5);
  const put = async (shadow_run, words) => {
    const done = await confirm({ title: t('prompts.policy_confirm'), body: words, yes: t('prompts.policy_save'), run: () => room.api.put(at, { body: { shadow_run } }) });
    if (!done) return;
    toast(t('prompts.policy_saved'));
    load();
  };
  const submit = (event) => {
    event.preventDefault();
    const asked = { min_cases: Number(cases.value), max_failed_percent: Number(percent.value) };
    put(asked, t('prompts.policy_shadow', { cases: asked.min_cases, percent: asked.max_failed_percent }));
  };
  return [
    ...said,
    h(
      'details',
      {},
      h('summary', {}, t('prompts.policy_change')),
      h(
        'form',
        { class: 'form', onsubmit: submit },
        h('div', { class: 'fields' }, h('div', { class: 'field' }, h('label', { for: 'policy-cases' }, t('prompts.policy_cases')), cases), h('div', { class: 'field' }, h('label', { for: 'policy-percent' }, t('prompts.policy_percent')), percent)),
        h('p', { class: 'actions' }, h('button', { type: 'submit' }, t('prompts.policy_ask_shadow')), needed ? h('button', { type: 'button', onclick: () => put(null, t('prompts.policy_no_shadow')) }, t('prompts.policy_drop')) : null),
      ),
    ),
  ];
}
