// All prompts of the tenant: what is in production, what is being written, what is tried on some users.

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { head } from '../widgets/page.js';
import { problemBox } from '../widgets/problem.js';
import { whenBy } from '../widgets/words.js';

/** Names that a task may have, as the server checks them too. */
const NAME = /^[a-z]([a-z0-9-]{0,62}[a-z0-9])?$/;
/** The most prompts that one page is asked for. */
const PAGE = 200;

export const page = {
  path: '/prompts',
  nav: 'shell.nav_prompts',
  group: 'make',
  key: 'p',
  roles: ['viewer', 'planner', 'publisher'],
  async open(main, { api, session, go }) {
    const list = h('div', { class: 'card' });
    const stop = new AbortController();
    main.append(
      head({ title: t('prompts.title'), about: t('prompts.about') }),
      session.may('planner') ? newPrompt(go) : '',
      list,
    );
    const load = async () => {
      try {
        list.replaceChildren(h('p', { class: 'quiet' }, t('prompts.loading')));
        await showAll(list, api, stop.signal);
      } catch (problem) {
        if (problem.name !== 'AbortError') list.replaceChildren(problemBox(problem, { again: load }));
      }
    };
    await load();
    return { close: () => stop.abort() };
  },
};

async function showAll(list, api, signal) {
  const rows = h('tbody', {});
  const more = h('p', { class: 'actions' });
  const pageFrom = async (after) => {
    const query = after ? `&after=${encodeURIComponent(after)}` : '';
    const { prompts, next_cursor: next } = await api.get(`/v1/prompts?limit=${PAGE}${query}`, { signal });
    rows.append(...prompts.map(rowOf));
    more.replaceChildren(...(next ? [h('button', { type: 'button', onclick: () => pageFrom(next) }, t('prompts.show_more'))] : []));
  };
  await pageFrom(null);
  if (!rows.children.length) {
    list.replaceChildren(h('p', { class: 'empty' }, t('prompts.none_yet')));
    return;
  }
  const heads = ['prompts.name', 'prompts.in_production', 'prompts.draft', 'prompts.test_set', 'prompts.changed'];
  list.replaceChildren(
    h(
      'div',
      { class: 'table-wrap', tabindex: '0', role: 'region', 'aria-label': t('prompts.title') },
      h('table', { class: 'table folds' }, h('thead', {}, h('tr', {}, ...heads.map((name) => h('th', { scope: 'col' }, t(name))))), rows),
    ),
    more,
  );
}

function rowOf(prompt) {
  const at = `#/prompts/${encodeURIComponent(prompt.task)}`;
  const draft = prompt.draft;
  return h(
    'tr',
    { class: 'linked', 'data-walk': true, onclick: (event) => event.target.closest('a') || (location.hash = at) },
    h('td', {}, h('a', { class: 'row-link', href: at }, prompt.task), ' ', prompt.retired ? h('span', { class: 'badge plain' }, t('prompts.retired')) : null),
    h(
      'td',
      {},
      prompt.production ? h('span', { class: 'badge good' }, t('prompts.version_n', { version: prompt.production })) : h('span', { class: 'quiet' }, t('prompts.nothing')),
      prompt.canary ? h('a', { class: 'badge warning', href: `${at}?tab=canary` }, t('prompts.canary_short', { version: prompt.canary.version, percent: prompt.canary.percent })) : null,
      prompt.latest && prompt.latest !== prompt.production ? h('span', { class: 'quiet' }, t('prompts.newest_n', { version: prompt.latest })) : null,
    ),
    h('td', { 'data-label': t('prompts.draft') }, draft ? h('a', { href: `${at}?tab=edit` }, t('prompts.edit_n', { edit: draft.edit })) : h('span', { class: 'quiet' }, t('prompts.nothing')), ' ', draft ? h('span', { class: 'quiet small' }, whenBy(draft.saved_at, draft.by)) : null),
    h('td', { 'data-label': t('prompts.test_set') }, prompt.test_set ? t('prompts.cases_n', { count: prompt.test_set.cases }) : h('span', { class: 'quiet' }, t('prompts.nothing'))),
    h('td', { 'data-label': t('prompts.changed') }, prompt.changed_at ? whenBy(prompt.changed_at) : ''),
  );
}

function newPrompt(go) {
  const input = h('input', { id: 'new-prompt', type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', 'aria-describedby': 'new-prompt-problem' });
  const problem = h('span', { id: 'new-prompt-problem', class: 'wrong', role: 'alert' });
  const begin = (event) => {
    event.preventDefault();
    const name = input.value.trim();
    if (!NAME.test(name)) {
      problem.textContent = t('prompts.bad_name');
      input.focus();
      return;
    }
    go(`/prompts/${name}?tab=edit`);
  };
  return h('form', { class: 'inline-form', onsubmit: begin }, h('label', { for: 'new-prompt' }, t('prompts.new_prompt')), input, h('button', { type: 'submit' }, t('prompts.begin')), problem);
}
