// What users get: a version is given to a label or to a share of the users, after looking at what changes
// for them and how it was tested; and the way back.

import { fill, h, inline } from '../../dom.js';
import { t } from '../../i18n.js';
import { confirm } from '../../widgets/dialog.js';
import { notice, problemNotice } from '../../widgets/notice.js';
import { more, problemBox } from '../../widgets/problem.js';
import { promptDiff } from '../../widgets/prompt-diff.js';
import { toast } from '../../widgets/toast.js';
import { whenBy } from '../../widgets/words.js';
import { policyCard } from './policy.js';
import { testBadge } from './versions.js';

const LABEL = /^[a-z]([a-z0-9-]{0,62}[a-z0-9])?$/;
/** Refusals that an admin may overrule, with a reason that is kept. */
const OVERRULED = new Set(['not_tested', 'test_failed', 'no_test_cases', 'expects_nothing', 'not_shadowed', 'shadow_run_missing', 'shadow_run_failed', 'no_shadow_run']);

export async function mount(body, room) {
  if (!room.prompt.latest) {
    body.append(h('p', { class: 'empty' }, t('prompts.no_versions'), room.may('planner') ? h('a', { class: 'button', href: room.at('edit') }, t('prompts.tab_edit')) : null));
    return {};
  }
  const place = h('div', { class: 'stack' });
  body.append(place);
  const draw = () => fill(place, labelsCard(room, draw), room.may('planner') && !room.prompt.retired ? deployCard(room, draw) : null, policyCard(room));
  draw();
  return {};
}

/** What each label points to, and the way back. */
function labelsCard(room, draw) {
  const rows = room.prompt.labels.map((one) => {
    const isProduction = one.label === 'production';
    const mayMove = room.may(isProduction ? 'publisher' : 'planner');
    return h(
      'tr',
      {},
      h('td', {}, h('span', { class: isProduction ? 'badge good' : 'badge accent plain' }, inline(one.label))),
      h('td', {}, t('prompts.version_n', { version: one.version })),
      h('td', { 'data-label': t('prompts.started') }, whenBy(one.since, one.by)),
      h('td', { class: 'wide' }, one.reason ? inline(one.reason, 300) : ''),
      h('td', {}, h('div', { class: 'actions' },
        mayMove ? h('button', { type: 'button', class: 'small', onclick: () => rollBack(room, one, draw) }, t('prompts.roll_back_')) : null,
        mayMove && !isProduction ? h('button', { type: 'button', class: 'small', onclick: () => removeLabel(room, one, draw) }, t('prompts.remove_label_')) : null)),
    );
  });
  const heads = ['prompts.label', 'prompts.version', 'prompts.started', 'prompts.reason', 'prompts.actions'];
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'labels-title' },
    h('div', { class: 'card-head' }, h('h2', { id: 'labels-title' }, t('prompts.labels_title'))),
    h('div', { class: 'card-body flush' }, rows.length ? h('div', { class: 'table-wrap' }, h('table', { class: 'table folds' }, h('thead', {}, h('tr', {}, ...heads.map((head) => h('th', { scope: 'col' }, t(head))))), h('tbody', {}, ...rows))) : h('p', { class: 'empty' }, t('prompts.no_labels'))),
  );
}

async function rollBack(room, one, draw) {
  const canary = one.label === 'production' ? room.prompt.canary : null;
  const reason = h('input', { id: 'back-reason', type: 'text', maxlength: '500', autocomplete: 'off' });
  const done = await confirm({
    title: t(canary ? 'prompts.roll_back_canary_title' : 'prompts.roll_back_title', { label: one.label, version: one.version }),
    body: h('div', { class: 'form' }, h('p', {}, t(canary ? 'prompts.roll_back_canary_words' : 'prompts.roll_back_words', { label: one.label, version: canary ? canary.version : one.version })), reasonField('back-reason', reason)),
    yes: t('prompts.roll_back'),
    danger: true,
    run: () => room.api.post(`${room.base}/labels/${encodeURIComponent(one.label)}/rollback`, { body: { expected: one.version, ...(canary ? { canary: canary.canary } : {}), ...given(reason) } }),
  });
  await room.renew();
  if (done) {
    const now = room.prompt.labels.find((label) => label.label === one.label);
    toast(canary ? t('prompts.canary_stopped') : t('prompts.rolled_back', { label: one.label, version: now?.version ?? '' }));
  }
  draw();
}

async function removeLabel(room, one, draw) {
  const done = await confirm({
    title: t('prompts.remove_label_title', { label: one.label }),
    body: t('prompts.remove_label_words', { label: one.label }),
    yes: t('prompts.remove_label'),
    danger: true,
    run: () => room.api.delete(`${room.base}/labels/${encodeURIComponent(one.label)}`, {}),
  });
  if (done) {
    await room.renew();
    draw();
  }
}

function given(reason) {
  const words = reason.value.trim();
  return words ? { reason: words } : {};
}

function reasonField(id, input) {
  return h('div', { class: 'field' }, h('label', { for: id }, t('prompts.reason')), h('p', { class: 'hint' }, t('prompts.reason_hint')), input);
}

/** The choice of version and label, what changes for users, and the button. */
function deployCard(room, draw) {
  const { prompt } = room;
  const version = h('select', { id: 'deploy-version' });
  for (let number = prompt.latest; number > 0; number -= 1) version.append(h('option', { value: String(number) }, t('prompts.version_n', { version: number })));
  const wanted = room.query.get('version');
  if (wanted && [...version.options].some((one) => one.value === wanted)) version.value = wanted;
  const label = h('input', { id: 'deploy-label', type: 'text', list: 'deploy-labels', autocomplete: 'off', spellcheck: 'false' });
  label.value = room.may('publisher') ? 'production' : 'staging';
  const names = [...new Set(['production', 'staging', ...prompt.labels.map((one) => one.label)])].filter((name) => name !== 'production' || room.may('publisher'));
  const look = h('div', { class: 'stack', 'aria-live': 'polite' });
  const told = h('div', {});
  const button = h('button', { type: 'submit', class: 'primary' }, t('prompts.deploy_'));

  const show = async () => {
    const number = version.value;
    const target = label.value.trim();
    const current = prompt.labels.find((one) => one.label === target);
    fill(look, h('p', { class: 'quiet' }, t('prompts.loading')));
    try {
      const [whole, diff] = await Promise.all([
        room.api.get(`${room.base}/versions/${number}`, { signal: room.signal }),
        current && String(current.version) !== number ? room.api.get(`${room.base}/diff?from=${current.version}&to=${number}`, { signal: room.signal }) : null,
      ]);
      if (version.value !== number || label.value.trim() !== target) return;
      fill(
        look,
        h('p', {}, t('prompts.test_state'), ' ', testBadge(whole.tests.find((one) => one.test_set === prompt.test_set?.number) ?? null)),
        !current
          ? h('p', { class: 'second' }, t('prompts.label_new', { label: target }))
          : String(current.version) === number
            ? h('p', { class: 'second' }, t('prompts.label_same', { label: target, version: current.version }))
            : h('details', { open: true }, h('summary', {}, t('prompts.changes_for_users', { from: current.version, to: Number(number) })), promptDiff(diff)),
      );
    } catch (problem) {
      if (problem.name !== 'AbortError') fill(look, problemNotice(problem, show));
    }
  };
  version.addEventListener('change', show);
  label.addEventListener('change', show);
  show();

  const submit = (event) => {
    event.preventDefault();
    const target = label.value.trim();
    if (!LABEL.test(target)) {
      fill(told, h('p', { class: 'wrong', role: 'alert' }, t('prompts.bad_label')));
      label.focus();
      return;
    }
    deploy(room, { label: target, version: Number(version.value), told, draw, button });
  };
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'deploy-title' },
    h('div', { class: 'card-head' }, h('h2', { id: 'deploy-title' }, t('prompts.deploy_title'))),
    h(
      'form',
      { class: 'card-body form', onsubmit: submit },
      h('datalist', { id: 'deploy-labels' }, ...names.map((name) => h('option', { value: name }))),
      h('div', { class: 'fields' }, h('div', { class: 'field' }, h('label', { for: 'deploy-version' }, t('prompts.version')), version), h('div', { class: 'field' }, h('label', { for: 'deploy-label' }, t('prompts.label')), label)),
      room.may('publisher') ? null : h('p', { class: 'hint' }, t('prompts.publisher_only')),
      look,
      told,
      h('p', { class: 'actions' }, button, room.may('publisher') && prompt.production ? h('a', { href: room.at('canary') }, t('prompts.rather_canary')) : null),
    ),
  );
}

async function deploy(room, { label, version, told, draw, override }) {
  const current = room.prompt.labels.find((one) => one.label === label)?.version ?? null;
  const isProduction = label === 'production';
  const canary = isProduction ? room.prompt.canary : null;
  const reason = h('input', { id: 'deploy-reason', type: 'text', maxlength: '500', autocomplete: 'off' });
  const words = isProduction
    ? t(current ? 'prompts.deploy_words_production' : 'prompts.deploy_words_first', { version, from: current ?? 0, task: room.task })
    : t('prompts.deploy_words_label', { version, label });
  const done = await confirm({
    title: t('prompts.deploy_confirm', { version, label }),
    body: h('div', { class: 'form' }, h('p', {}, words), canary ? h('p', {}, t('prompts.deploy_ends_canary', { version: canary.version })) : null, override ? h('p', { class: 'wrong' }, t('prompts.deploy_overrides', { reason: override })) : null, reasonField('deploy-reason', reason)),
    yes: t('prompts.deploy'),
    danger: isProduction,
    run: async () => {
      const body = { version, expected: current, ...(isProduction ? { expected_canary: canary?.canary ?? null } : {}), ...given(reason), ...(override ? { override_reason: override } : {}) };
      try {
        await room.api.put(`${room.base}/labels/${encodeURIComponent(label)}`, { body });
      } catch (problem) {
        // What refuses it is shown on the page, where there is room to answer.
        await refused(room, { problem, label, version, told, draw });
        document.querySelector('dialog[open]')?.close();
        throw problem;
      }
    },
  });
  if (!done) return;
  await room.renew();
  toast(t('prompts.deployed', { version, label }));
  draw();
}

async function refused(room, { problem, label, version, told, draw }) {
  const conflict = problem.code === 'label_conflict' || problem.code === 'canary_conflict' || problem.code === 'prompt_busy';
  if (conflict) {
    const now = more(problem, 'current');
    fill(told, notice('bad', h('p', { role: 'alert' }, inline(problem.detail, 1000)), now ? h('p', {}, t('prompts.label_now', { label, version: now.version ?? '–' })) : null, h('button', { type: 'button', onclick: async () => {
      await room.renew();
      draw();
    } }, t('prompts.look_again'))));
    return;
  }
  if (!OVERRULED.has(problem.code)) {
    fill(told, problemBox(problem, { title: t('prompts.not_deployed') }));
    return;
  }
  const why = h('input', { id: 'override-reason', type: 'text', maxlength: '500', autocomplete: 'off' });
  fill(
    told,
    notice(
      'warning',
      h('p', { class: 'strong', role: 'alert' }, t('prompts.not_deployed')),
      h('p', {}, inline(problem.detail, 1000)),
      problem.remedy ? h('p', { class: 'second' }, inline(problem.remedy, 1000)) : null,
      h('p', { class: 'actions' }, h('a', { class: 'button', href: room.at('tests', `&ref=${version}`) }, t('prompts.run_tests')), h('a', { class: 'button', href: `#/shadow-runs?task=${encodeURIComponent(room.task)}&version=${version}` }, t('prompts.run_shadow'))),
      room.may('admin')
        ? h(
            'details',
            {},
            h('summary', {}, t('prompts.override')),
            h('div', { class: 'form' }, h('p', {}, t('prompts.override_words')), h('div', { class: 'field' }, h('label', { for: 'override-reason' }, t('prompts.override_reason')), why), h('p', {}, h('button', { type: 'button', class: 'danger', onclick: () => {
              const words = why.value.trim();
              if (!words) {
                why.setAttribute('aria-invalid', 'true');
                why.focus();
                return;
              }
              deploy(room, { label, version, told, draw, override: words });
            } }, t('prompts.override_')))),
          )
        : h('p', { class: 'quiet' }, t('prompts.override_admin')),
    ),
  );
  told.scrollIntoView({ block: 'nearest' });
}

