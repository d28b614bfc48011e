// One tenant, for operators: its keys, its limits and settings, whether it is suspended, what was done.

import { fill, h, inline } from '../dom.js';
import { t } from '../i18n.js';
import { badge } from '../widgets/badge.js';
import { confirm } from '../widgets/dialog.js';
import { field } from '../widgets/field.js';
import { notice } from '../widgets/notice.js';
import { card, head } from '../widgets/page.js';
import { attempt } from '../widgets/problem.js';
import { tabs } from '../widgets/tabs.js';
import { toast } from '../widgets/toast.js';
import { byName, when, whenBy } from '../widgets/words.js';
import { keysCard } from './tenant/keys.js';
import { limitsForm } from './tenant/limits-form.js';
import { settingsForms } from './tenant/settings-forms.js';

/** Entries of the history that are read. */
const MOST = 2000;

export const page = {
  path: '/tenants/:tenant',
  under: 'shell.nav_tenants',
  operator: true,
  async open(main, context) {
    const { api, params, query, signal } = context;
    const base = `/admin/v1/tenants/${encodeURIComponent(params.tenant)}`;
    const room = { ...context, base, tenant: await api.get(base, { signal }) };
    const top = h('div', { class: 'stack' });
    room.changed = async (tenant) => {
      room.tenant = tenant ?? (await api.get(base, { signal }));
      fill(top, headOf(room));
    };
    fill(top, headOf(room));
    context.setTitle(room.tenant.name);
    const lazily = (make) => (panel) => {
      const told = h('div', {});
      panel.append(told);
      attempt(told, null, async () => panel.append(await make(room)));
    };
    const parts = tabs({
      label: t('tenants.parts', { name: room.tenant.name }),
      selected: query.get('tab') ?? 'keys',
      onChange: (tab) => context.remember({ tab }),
      entries: [
        { id: 'keys', label: t('tenants.keys'), open: lazily(() => keysCard(context, `${base}/keys`)) },
        { id: 'limits', label: t('tenants.limits'), open: lazily(limitsForm) },
        { id: 'settings', label: t('tenants.settings'), open: lazily(settingsForms) },
        { id: 'history', label: t('tenants.history'), open: lazily(historyCard) },
      ],
    });
    main.append(top, parts.element);
    return { close: () => parts.close() };
  },
};

function headOf(room) {
  const { tenant } = room;
  const { suspended } = tenant;
  return [
    head({
      title: inline(tenant.name, 200),
      about: h('code', {}, tenant.tenant),
      back: { href: '#/tenants', label: t('tenants.title') },
      actions: [h('button', { type: 'button', onclick: () => rename(room) }, t('tenants.rename_')), suspended ? h('button', { type: 'button', onclick: () => resume(room) }, t('tenants.resume_')) : h('button', { type: 'button', class: 'danger', onclick: () => suspend(room) }, t('tenants.suspend_'))],
    }),
    suspended ? notice('bad', h('p', {}, badge(t('tenants.suspended'), 'bad'), ' ', inline(suspended.reason, 1000)), h('p', { class: 'quiet small' }, when(suspended.at), ' · ', inline(byName(suspended.by), 80))) : null,
  ];
}

async function rename(room) {
  const name = field({ label: t('tenants.name'), value: room.tenant.name, autocomplete: 'off' });
  await confirm({ title: t('tenants.rename_title'), body: h('div', { class: 'form' }, name.element), yes: t('tenants.rename'), run: async () => {
    await room.api.put(`${room.base}/name`, { body: { name: name.value.trim() } });
    await room.changed();
  } });
}

async function suspend(room) {
  const reason = field({ label: t('tenants.suspend_reason'), hint: t('tenants.suspend_reason_hint'), autocomplete: 'off', maxlength: 500 });
  const done = await confirm({ title: t('tenants.suspend_title', { name: room.tenant.name }), body: h('div', { class: 'form' }, h('p', {}, t('tenants.suspend_words')), reason.element), yes: t('tenants.suspend'), danger: true, run: async () => {
    await room.api.post(`${room.base}/suspend`, { body: { reason: reason.value.trim() } });
    await room.changed();
  } });
  if (done) toast(t('tenants.suspended_now', { name: room.tenant.name }));
}

async function resume(room) {
  const done = await confirm({ title: t('tenants.resume_title', { name: room.tenant.name }), body: t('tenants.resume_words'), yes: t('tenants.resume'), run: async () => {
    await room.api.post(`${room.base}/resume`, {});
    await room.changed();
  } });
  if (done) toast(t('tenants.resumed_now', { name: room.tenant.name }));
}

async function historyCard({ api, base, signal }) {
  const entries = [];
  let after = null;
  do {
    const page = await api.get(`${base}/history?limit=200${after === null ? '' : `&after=${after}`}`, { signal });
    entries.push(...page.entries);
    after = page.next_cursor ?? null;
  } while (after !== null && entries.length < MOST);
  entries.reverse();
  return card({ title: t('tenants.history') }, h('ol', { class: 'history' }, entries.map((entry) => h('li', {}, h('p', {}, inline(entry.sentence, 1000)), h('p', { class: 'quiet small' }, whenBy(entry.at, entry.by))))));
}
