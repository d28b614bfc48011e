// The limits of a tenant, as a form: of all its tasks together, and of single tasks.

import { h, inline } from '../../dom.js';
import { t } from '../../i18n.js';
import { confirm } from '../../widgets/dialog.js';
import { field } from '../../widgets/field.js';
import { card } from '../../widgets/page.js';
import { attempt } from '../../widgets/problem.js';
import { toast } from '../../widgets/toast.js';
import { stale } from './stale.js';

/** Each limit, where it stands in the settings, and its unit: costs are written in dollars. */
const LIMITS = [
  ['requests_per_minute', ['requests_per_minute']],
  ['tokens_per_minute', ['tokens_per_minute']],
  ['concurrent_tickets', ['concurrent_tickets']],
  ['daily_tokens', ['daily', 'tokens']],
  ['daily_cost', ['daily', 'cost_micro_usd'], 1e6],
  ['monthly_tokens', ['monthly', 'tokens']],
  ['monthly_cost', ['monthly', 'cost_micro_usd'], 1e6],
];

export function limitsForm(room) {
  const { limits } = room.tenant;
  const all = limitFields(limits.all ?? {});
  const weight = field({ label: t('tenants.weight'), hint: t('tenants.weight_hint'), type: 'number', min: 1, max: 1000, step: 1, value: limits.weight ?? '' });
  const retention = field({ label: t('tenants.retention'), hint: t('tenants.retention_hint'), type: 'number', min: 1, step: 1, value: limits.retention_days ?? '' });
  const models = field({ label: t('tenants.raw_models'), hint: t('tenants.raw_models_hint'), type: 'textarea', value: (limits.raw_models ?? []).join('\n'), rows: 2 });
  const tasks = new Map();
  const taskPlace = h('div', { class: 'stack' });
  const addTask = (task, own) => {
    const fields = limitFields(own);
    tasks.set(task, fields);
    const section = h('fieldset', { class: 'stack' }, h('legend', { class: 'strong' }, inline(task, 80)), fields.element, h('p', {}, h('button', { type: 'button', class: 'small', onclick: () => {
      tasks.delete(task);
      section.remove();
    } }, t('tenants.drop_task'))));
    taskPlace.append(section);
  };
  for (const [task, own] of Object.entries(limits.tasks ?? {})) addTask(task, own);
  const newTask = field({ label: t('tenants.add_task'), autocomplete: 'off', spellcheck: 'false' });
  const told = h('div', {});
  const button = h('button', { type: 'submit', class: 'primary' }, t('tenants.save_limits'));
  const submit = async (event) => {
    event.preventDefault();
    const own = Object.fromEntries([...tasks].map(([task, fields]) => [task, fields.read()]));
    const body = { all: all.read(), ...(tasks.size ? { tasks: own } : {}) };
    if (weight.value !== '') body.weight = Number(weight.value);
    if (retention.value !== '') body.retention_days = Number(retention.value);
    const named = models.value.split('\n').map((one) => one.trim()).filter(Boolean);
    if (named.length) body.raw_models = named;
    const sure = await confirm({ title: t('tenants.save_limits_title', { name: room.tenant.name }), body: t('tenants.save_limits_words'), yes: t('tenants.save_limits') });
    if (!sure) return;
    await attempt(told, button, async () => {
      const changed = await stale(room, told, () => room.api.put(`${room.base}/limits`, { body, headers: { 'If-Match': `"${room.tenant.etag}"` } }));
      if (!changed) return;
      await room.changed(changed);
      toast(t('tenants.saved'));
    });
  };
  return card(
    { title: t('tenants.limits') },
    h('form', { class: 'form', onsubmit: submit }, h('p', { class: 'second' }, t('tenants.limits_about')), h('h3', {}, t('tenants.all_tasks')), all.element, h('div', { class: 'fields' }, weight.element, retention.element), models.element, taskPlace, h('div', { class: 'inline-form' }, newTask.element, h('button', { type: 'button', onclick: () => {
      const task = newTask.value.trim();
      if (!task || tasks.has(task)) return newTask.input.focus();
      addTask(task, {});
      newTask.input.value = '';
      return undefined;
    } }, t('tenants.add_task_do'))), told, h('p', { class: 'actions' }, button)),
  );
}

function limitFields(limits) {
  const made = LIMITS.map(([name, path, unit = 1]) => {
    const value = path.reduce((at, key) => at?.[key], limits);
    return { path, unit, field: field({ label: t(`tenants.${name}`), type: 'number', min: 0, step: unit === 1 ? 1 : 'any', value: value === undefined || value === null ? '' : String(value / unit), placeholder: t('tenants.no_limit') }) };
  });
  return {
    element: h('div', { class: 'fields' }, made.map((one) => one.field.element)),
    read() {
      const read = {};
      for (const { path, unit, field: one } of made) {
        if (one.value === '') continue;
        const [outer, inner] = path;
        const value = Math.round(Number(one.value) * unit);
        if (inner) read[outer] = { ...read[outer], [inner]: value };
        else read[outer] = value;
      }
      return read;
    },
  };
}

