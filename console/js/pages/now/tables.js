// Models, the company's API and companies as they stand now, as tables.

import { h, inline } from '../../dom.js';
import { count, percent } from '../../format.js';
import { t } from '../../i18n.js';
import { badge } from '../../widgets/badge.js';
import { spark, sum } from '../../widgets/chart.js';
import { empty } from '../../widgets/notice.js';
import { table } from '../../widgets/table.js';

const BREAKERS = { closed: 'good', half_open: 'warning', open: 'bad' };

const place = [
  { label: t0('now.breaker'), cell: (row) => badge(t(`now.breaker_${row.breaker}`), BREAKERS[row.breaker]) },
  { label: t0('now.in_flight'), right: true, cell: (row) => (row.limit === null ? count(row.in_flight) : `${count(row.in_flight)} / ${count(row.limit)}`) },
  { label: t0('now.waiting'), right: true, cell: (row) => count(row.waiting) },
  { label: t0('now.calls'), cell: (row) => h('span', { class: 'spark-cell' }, spark(row.calls, row.errors), h('span', { class: 'number' }, count(sum(row.calls)))) },
  { label: t0('now.error_rate'), right: true, cell: (row) => h('span', { class: row.error_rate >= 0.1 ? 'wrong' : null }, sum(row.calls) ? percent(row.error_rate) : '–') },
];
const both = (name) => ({ label: t0(`now.${name}`), right: true, cell: (row) => h('span', { class: 'pair' }, row[name] ? two(row[name]) : '–') });

/** Two times in one unit. */
function two({ p50, p95 }) {
  if (p95 < 1000) return `${count(p50)} · ${count(p95)} ms`;
  return `${count(p50 / 1000, 1)} · ${count(p95 / 1000, 1)} ${t('shell.unit_s')}`;
}

/** A word is looked up when it is shown: the language may have changed since. */
function t0(key) {
  return { key };
}

function show(rows, caption, columns, none) {
  if (!rows.length) return empty(none);
  const made = table({ caption, columns: columns.map((column) => ({ ...column, label: t(column.label.key) })) });
  made.show(rows);
  made.element.classList.add('measures');
  return made.element;
}

/** Models that were called lately. */
export const models = (rows) => show(rows, t('now.models'), [
  { label: t0('now.model'), labelled: false, cell: (row) => h('strong', null, inline(row.model, 80)) }, ...place,
  both('first_token_ms'), both('total_ms'),
  { label: t0('now.tokens_per_second'), right: true, cell: (row) => count(row.tokens_per_second, 1) },
], t('now.no_models'));

/** APIs of companies: one's own, or everybody's. */
export const callbacks = (said) => {
  const rows = Array.isArray(said) ? said : said ? [said] : [];
  return show(rows, t('now.callbacks'), [...(Array.isArray(said) ? [{ label: t0('now.tenant'), labelled: false, cell: (row) => h('a', { href: `#/tenants/${encodeURIComponent(row.tenant)}` }, inline(row.tenant, 64)) }] : []), ...place], t('now.no_callbacks'));
};

/** Companies with something open or connected. */
export const tenants = (rows) => show(rows, t('now.tenants'), [
  { label: t0('now.tenant'), labelled: false, cell: (row) => h('a', { class: 'row-link', href: `#/tenants/${encodeURIComponent(row.tenant)}` }, inline(row.tenant, 64)) },
  { label: t0('now.open'), right: true, cell: (row) => count(row.open) },
  { label: t0('now.waiting'), right: true, cell: (row) => count(row.waiting) },
  { label: t0('now.sessions'), right: true, cell: (row) => count(row.sessions) },
], t('now.no_tenants'));
