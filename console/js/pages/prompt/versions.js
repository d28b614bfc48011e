// The published versions: read, compared, made the beginning of a new draft, chosen for deployment.

import { h, inline, text } from '../../dom.js';
import { t } from '../../i18n.js';
import { confirm } from '../../widgets/dialog.js';
import { notice } from '../../widgets/notice.js';
import { attempt } from '../../widgets/problem.js';
import { promptDiff } from '../../widgets/prompt-diff.js';
import { whenBy } from '../../widgets/words.js';

/** How many versions one page has. */
const PAGE = 50;

export async function mount(body, room) {
  const published = room.query.get('published');
  const list = h('div', { class: 'version-list' });
  const comparison = comparisonOf(room);
  if (published) {
    body.append(notice('good', h('p', { role: 'status' }, t('prompts.published', { version: Number(published) })), h('p', { class: 'actions' }, h('a', { class: 'button', href: room.at('tests', `&ref=${encodeURIComponent(published)}`) }, t('prompts.go_test')), h('a', { class: 'button', href: room.at('deploy', `&version=${encodeURIComponent(published)}`) }, t('prompts.deploy_')))));
  }
  body.append(list, comparison.element, retirement(room));
  await pageFrom(null);

  async function pageFrom(after) {
    const { versions, next_cursor: next } = await room.api.get(`${room.base}/versions?limit=${PAGE}${after ? `&after=${after}` : ''}`, { signal: room.signal });
    if (!versions.length && !after) {
      list.append(h('p', { class: 'empty' }, t('prompts.no_versions'), room.may('planner') ? h('a', { class: 'button', href: room.at('edit') }, t('prompts.tab_edit')) : null));
      return;
    }
    const button = next ? h('button', { type: 'button', onclick: () => attempt(told, button, async () => {
      await pageFrom(next);
      button.remove();
    }) }, t('prompts.show_more')) : null;
    const told = h('div', {});
    list.append(...versions.map((version) => card(room, version, comparison)), told, button ?? '');
  }
  return {};
}

function card(room, version, comparison) {
  const number = version.version;
  const inside = h('div', {});
  const labels = version.labels.map((label) => h('span', { class: label === 'production' ? 'badge good' : 'badge accent plain' }, label));
  const test = version.tests[0];
  const show = h('button', { type: 'button', class: 'small', 'aria-expanded': 'false', onclick: async () => {
    const isOpen = show.getAttribute('aria-expanded') === 'true';
    show.setAttribute('aria-expanded', String(!isOpen));
    if (isOpen) return inside.replaceChildren();
    return attempt(inside, show, async () => {
      const whole = await room.api.get(`${room.base}/versions/${number}`, { signal: room.signal });
      inside.replaceChildren(contentView(whole.content));
    });
  } }, t('prompts.read'));
  return h(
    'section',
    { class: 'card version', 'aria-label': t('prompts.version_n', { version: number }) },
    h('div', { class: 'card-head' }, h('h2', {}, t('prompts.version_n', { version: number })), ...labels, testBadge(test)),
    h(
      'div',
      { class: 'card-body' },
      version.notes ? h('p', {}, inline(version.notes, 1000)) : null,
      h('p', { class: 'quiet small' }, whenBy(version.published_at, version.by)),
      h(
        'div',
        { class: 'actions' },
        show,
        room.prompt.production && room.prompt.production !== number ? h('button', { type: 'button', class: 'small', onclick: () => comparison.show('production', String(number)) }, t('prompts.compare_production')) : null,
        room.may('planner') ? h('a', { class: 'button small', href: room.at('tests', `&ref=${number}`) }, t('prompts.run_tests')) : null,
        room.may('planner') ? h('a', { class: 'button small', href: room.at('edit', `&from=${number}`) }, t('prompts.begin_from')) : null,
        room.may('planner') && room.prompt.production !== number ? h('a', { class: 'button small', href: room.at('deploy', `&version=${number}`) }, t('prompts.deploy_')) : null,
      ),
      inside,
    ),
  );
}

/** How the newest test run of a version ended. */
export function testBadge(test) {
  if (!test) return h('span', { class: 'badge plain' }, t('prompts.not_tested'));
  if (test.passed) return h('span', { class: 'badge good' }, t('prompts.tested_passed', { cases: test.cases }));
  return h('span', { class: 'badge bad' }, t('prompts.tested_failed', { failed: test.failed, cases: test.cases }));
}

function contentView(content) {
  const settings = Object.entries({ [t('prompts.model')]: content.model, [t('prompts.answer_kind')]: t(`prompts.answer_${content.answer}`), ...Object.fromEntries(Object.entries(content.parameters).map(([name, value]) => [name === 'json' ? t('prompts.json_mode') : t(`prompts.${name}`), String(value)])) });
  const schemas = ['input_schema', 'answer_schema'].filter((name) => content[name]);
  return h(
    'div',
    { class: 'content-view' },
    h('dl', { class: 'facts' }, ...settings.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, inline(value))])),
    ...content.messages.map(({ role, content: words }) => h('article', { class: 'said' }, h('h3', {}, t(`prompts.role_${role}`)), text(words, { boxed: true }))),
    ...Object.entries(content.partials ?? {}).map(([name, words]) => h('article', { class: 'said' }, h('h3', {}, t('prompts.place_partial', { name })), text(words, { boxed: true }))),
    ...schemas.map((name) => h('details', {}, h('summary', {}, t(`prompts.${name}`)), text(JSON.stringify(content[name], null, 2), { code: true, boxed: true }))),
  );
}

function comparisonOf(room) {
  const choice = (id) => {
    const select = h('select', { id });
    const { prompt } = room;
    const options = [...prompt.labels.map((one) => [one.label, `${one.label} (${t('prompts.version_n', { version: one.version })})`])];
    if (prompt.draft) options.push(['draft', t('prompts.draft_edit_n', { edit: prompt.draft.edit })]);
    for (let version = prompt.latest ?? 0; version > 0 && options.length < 60; version -= 1) options.push([String(version), t('prompts.version_n', { version })]);
    select.append(...options.map(([value, words]) => h('option', { value }, words)));
    return select;
  };
  const from = choice('compare-from');
  const to = choice('compare-to');
  to.value = room.prompt.draft ? 'draft' : String(room.prompt.latest ?? '');
  const out = h('div', { 'aria-live': 'polite' });
  const compare = () => attempt(out, button, async () => {
    const diff = await room.api.get(`${room.base}/diff?from=${encodeURIComponent(from.value)}&to=${encodeURIComponent(to.value)}`, { signal: room.signal });
    out.replaceChildren(promptDiff(diff));
  });
  const button = h('button', { type: 'button', onclick: compare }, t('prompts.compare'));
  const element = h('section', { class: 'card', 'aria-labelledby': 'compare-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'compare-title' }, t('prompts.compare_title'))), h('div', { class: 'card-body' }, h('div', { class: 'inline-form' }, h('label', { for: 'compare-from' }, t('prompts.compare_from')), from, h('label', { for: 'compare-to' }, t('prompts.compare_to')), to, button), out));
  element.hidden = !room.prompt.latest;
  return {
    element,
    show(one, other) {
      from.value = one;
      to.value = other;
      compare();
      element.scrollIntoView({ block: 'start' });
    },
  };
}

function retirement(room) {
  const { prompt } = room;
  if (!room.may('publisher')) return '';
  const told = h('div', {});
  const retired = Boolean(prompt.retired);
  const act = async () => {
    const done = await confirm({
      title: t(retired ? 'prompts.restore_title' : 'prompts.retire_title', { task: room.task }),
      body: t(retired ? 'prompts.restore_words' : 'prompts.retire_words'),
      yes: t(retired ? 'prompts.restore' : 'prompts.retire'),
      danger: !retired,
      run: () => room.api.post(`${room.base}/${retired ? 'restore' : 'retire'}`, { body: {} }),
    });
    if (done) room.again();
  };
  return h('section', { class: 'card' }, h('div', { class: 'card-body' }, h('p', { class: 'second' }, t(retired ? 'prompts.is_retired' : 'prompts.retire_about')), told, h('p', {}, h('button', { type: 'button', class: retired ? '' : 'danger', onclick: act }, t(retired ? 'prompts.restore_' : 'prompts.retire_')))));
}

