// What is set for a tenant, to be read.

import { h, inline } from '../../dom.js';
import { count, money } from '../../format.js';
import { t } from '../../i18n.js';
import { card } from '../../widgets/page.js';
import { facts } from '../../widgets/table.js';

/** Limits of all tasks together, and of single ones. */
export function limitsView({ limits }) {
  const tasks = Object.entries(limits.tasks ?? {});
  const whole = facts([
    ...limitRows(limits.all ?? {}),
    [t('tenants.weight'), count(limits.weight ?? 1)],
    [t('tenants.retention'), limits.retention_days ? t('tenants.days_n', { count: limits.retention_days }) : t('tenants.for_ever')],
    limits.raw_models?.length ? [t('tenants.raw_models'), inline(limits.raw_models.join(', '), 500)] : null,
  ]);
  return card({ title: t('tenants.limits') }, whole, tasks.map(([task, own]) => h('div', { class: 'stack' }, h('h3', {}, inline(task, 80)), facts(limitRows(own)))));
}

function limitRows(limits) {
  const rows = [
    ['requests_per_minute', limits.requests_per_minute],
    ['tokens_per_minute', limits.tokens_per_minute],
    ['concurrent_tickets', limits.concurrent_tickets],
    ['daily_tokens', limits.daily?.tokens],
    ['daily_cost', limits.daily?.cost_micro_usd, true],
    ['monthly_tokens', limits.monthly?.tokens],
    ['monthly_cost', limits.monthly?.cost_micro_usd, true],
  ];
  return rows.map(([name, value, isMoney]) => [t(`tenants.${name}`), value === undefined || value === null ? h('span', { class: 'quiet' }, t('tenants.no_limit')) : isMoney ? money(value / 1e6) : count(value)]);
}

/** Where its users' sessions come from, where its own API is, and what is called there. */
export function settingsView({ origins, callback, hooks }) {
  const none = () => h('span', { class: 'quiet' }, t('shell.none'));
  return card(
    { title: t('tenants.settings') },
    facts([
      [t('tenants.origins'), origins?.length ? h('ul', {}, origins.map((one) => h('li', {}, inline(one, 300)))) : none()],
      [t('tenants.callback'), callback ? h('code', {}, inline(callback.base_url, 500)) : none()],
      ...Object.entries(hooks ?? {}).map(([task, { pre_process: before, post_process: after }]) => [t('tenants.hooks_of', { task }), h('span', {}, before ? [t('tenants.before_model'), ' ', h('code', {}, inline(before, 300)), ' '] : null, after ? [t('tenants.after_model'), ' ', h('code', {}, inline(after, 300))] : null)]),
    ]),
  );
}
