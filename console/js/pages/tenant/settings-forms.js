// Where a tenant's sessions come from, where its own API is, and what is called there: each is replaced as
// a whole.

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { confirm } from '../../widgets/dialog.js';
import { field } from '../../widgets/field.js';
import { card } from '../../widgets/page.js';
import { attempt } from '../../widgets/problem.js';
import { toast } from '../../widgets/toast.js';
import { stale } from './stale.js';

export function settingsForms(room) {
  const { tenant } = room;
  const origins = field({ label: t('tenants.origins'), hint: t('tenants.origins_hint'), type: 'textarea', rows: 3, value: (tenant.origins ?? []).join('\n'), spellcheck: 'false' });
  const callback = field({ label: t('tenants.callback'), hint: t('tenants.callback_hint'), value: tenant.callback?.base_url ?? '', autocomplete: 'off', spellcheck: 'false', inputmode: 'url' });
  return h(
    'div',
    { class: 'stack' },
    settingCard(room, { title: t('tenants.origins'), element: origins.element, at: 'origins', body: () => ({ origins: origins.value.split('\n').map((one) => one.trim()).filter(Boolean) }), words: t('tenants.origins_words') }),
    settingCard(room, { title: t('tenants.callback'), element: callback.element, at: 'callback', body: () => ({ base_url: callback.value.trim() || null }), words: t('tenants.callback_words') }),
    hooksCard(room),
  );
}

function settingCard(room, { title, element, at, body, words }) {
  const told = h('div', {});
  const button = h('button', { type: 'submit', class: 'primary' }, t('shell.save'));
  const submit = async (event) => {
    event.preventDefault();
    const sure = await confirm({ title: t('tenants.change_title', { what: title }), body: words, yes: t('shell.save') });
    if (!sure) return;
    await attempt(told, button, () => put(room, told, at, body()));
  };
  return card({ title }, h('form', { class: 'form', onsubmit: submit }, element, told, h('p', { class: 'actions' }, button)));
}

async function put(room, told, at, body) {
  const changed = await stale(room, told, () => room.api.put(`${room.base}/${at}`, { body, headers: { 'If-Match': `"${room.tenant.etag}"` } }));
  if (!changed) return;
  await room.changed(changed);
  toast(t('tenants.saved'));
}

function hooksCard(room) {
  const known = Object.keys(room.tenant.hooks ?? {});
  const task = field({ label: t('tenants.task'), hint: known.length ? known.join(', ') : null, autocomplete: 'off', spellcheck: 'false', value: known[0] ?? '' });
  const before = field({ label: t('tenants.pre_process'), hint: t('tenants.pre_process_hint'), autocomplete: 'off', spellcheck: 'false' });
  const after = field({ label: t('tenants.post_process'), hint: t('tenants.post_process_hint'), autocomplete: 'off', spellcheck: 'false' });
  const show = () => {
    const hooks = room.tenant.hooks?.[task.value.trim()];
    before.input.value = hooks?.pre_process ?? '';
    after.input.value = hooks?.post_process ?? '';
  };
  task.input.addEventListener('change', show);
  show();
  const body = () => ({ ...(before.value.trim() ? { pre_process: before.value.trim() } : {}), ...(after.value.trim() ? { post_process: after.value.trim() } : {}) });
  const told = h('div', {});
  const button = h('button', { type: 'submit', class: 'primary' }, t('shell.save'));
  const submit = async (event) => {
    event.preventDefault();
    const name = task.value.trim();
    if (!name) return task.input.focus();
    const sure = await confirm({ title: t('tenants.change_title', { what: t('tenants.hooks_of', { task: name }) }), body: t('tenants.hooks_words'), yes: t('shell.save') });
    if (sure) await attempt(told, button, () => put(room, told, `hooks/${encodeURIComponent(name)}`, body()));
    return undefined;
  };
  return card({ title: t('tenants.hooks') }, h('form', { class: 'form', onsubmit: submit }, h('p', { class: 'second' }, t('tenants.hooks_about')), task.element, h('div', { class: 'fields' }, before.element, after.element), told, h('p', { class: 'actions' }, button)));
}

