// One prompt: its head, and a tab for each thing that is done with it.

import { isAborted } from '../api.js';
import { h, inline } from '../dom.js';
import { t } from '../i18n.js';
import { problemBox } from '../widgets/problem.js';
import { toastProblem } from '../widgets/toast.js';
import { mount as canary } from './prompt/canary.js';
import { mount as deploy } from './prompt/deploy.js';
import { mount as edit } from './prompt/edit.js';
import { mount as history } from './prompt/history.js';
import { mount as tests } from './prompt/tests.js';
import { mount as versions } from './prompt/versions.js';

const TABS = { edit, tests, versions, deploy, canary, history };

export const page = {
  path: '/prompts/:task',
  under: 'shell.nav_prompts',
  roles: ['viewer', 'planner', 'publisher'],
  async open(main, context) {
    const { params, query, api, session } = context;
    const task = params.task;
    const stop = new AbortController();
    const head = h('header', { class: 'stack' });
    context.setTitle(task);
    const body = h('div', { class: 'tab-body' });
    main.append(head, body);

    const room = {
      ...context,
      task,
      base: `/v1/prompts/${encodeURIComponent(task)}`,
      at: (tab, rest = '') => `#/prompts/${encodeURIComponent(task)}?tab=${tab}${rest}`,
      may: (...roles) => session.may(...roles),
      signal: stop.signal,
      prompt: null,
      /** Opens this tab anew, as the server has it now. */
      again: () => context.go(location.hash.slice(1).split('?')[0], Object.fromEntries(query), { replace: true }),
      async refresh() {
        room.prompt = await read(api, room.base, stop.signal);
        head.replaceChildren(...headOf(room, chosen));
        return room.prompt;
      },
      /** The same after something was done: where it cannot be read now, that is said, and what was done stays so. */
      async renew() {
        try {
          await room.refresh();
        } catch (problem) {
          if (!isAborted(problem)) toastProblem(problem);
        }
      },
    };
    const wanted = query.get('tab');
    let chosen = Object.hasOwn(TABS, wanted) ? wanted : null;
    let tab = null;
    try {
      room.prompt = await read(api, room.base, stop.signal);
      chosen ??= room.prompt?.draft || !room.prompt?.production ? 'edit' : 'versions';
      head.replaceChildren(...headOf(room, chosen));
      if (!room.prompt && (chosen !== 'edit' || !room.may('planner'))) {
        body.replaceChildren(h('p', { class: 'empty' }, t('prompts.no_such'), ' ', h('a', { href: '#/prompts' }, t('prompts.back_to_list'))));
      } else {
        tab = await TABS[chosen](body, room);
      }
    } catch (problem) {
      if (problem.name !== 'AbortError') {
        body.replaceChildren(problemBox(problem, { back: { href: '#/prompts', words: t('prompts.back_to_list') } }));
      }
    }
    return {
      leave: () => tab?.leave?.() ?? null,
      close() {
        stop.abort();
        tab?.close?.();
      },
    };
  },
};

/** The prompt, or `null` where none has been begun under this name. */
async function read(api, base, signal) {
  try {
    return await api.get(base, { signal });
  } catch (problem) {
    if (problem.code === 'no_prompt') return null;
    throw problem;
  }
}

function headOf(room, chosen) {
  const { prompt, task } = room;
  const badges = prompt
    ? [
        prompt.production ? h('span', { class: 'badge good' }, t('prompts.production_n', { version: prompt.production })) : h('span', { class: 'badge plain' }, t('prompts.not_in_production')),
        prompt.draft ? h('span', { class: 'badge' }, t('prompts.draft_edit_n', { edit: prompt.draft.edit })) : null,
        prompt.canary ? h('span', { class: 'badge warning' }, t('prompts.canary_short', { version: prompt.canary.version, percent: prompt.canary.percent })) : null,
        prompt.retired ? h('span', { class: 'badge bad' }, t('prompts.retired')) : null,
      ]
    : [h('span', { class: 'badge plain' }, t('prompts.new_here'))];
  const tabs = Object.keys(TABS).map((name) => h('a', { href: room.at(name), 'aria-current': name === chosen ? 'page' : null }, t(`prompts.tab_${name}`)));
  return [
    h('div', { class: 'page-head' }, h('div', {}, h('a', { class: 'crumb', href: '#/prompts' }, `← ${t('prompts.title')}`), h('h1', { tabindex: -1 }, inline(task, 80)), h('div', { class: 'head-badges' }, ...badges.filter(Boolean)))),
    h('nav', { class: 'tabs', 'aria-label': t('prompts.parts', { task }) }, ...tabs),
  ];
}

