// What was done with a prompt, by whom and when, the newest first; and what was in effect at a time.

import { fill, h, inline, text } from '../../dom.js';
import { dayAndClock } from '../../format.js';
import { has, t } from '../../i18n.js';
import { attempt } from '../../widgets/problem.js';
import { when, whenBy } from '../../widgets/words.js';
import { said } from './said.js';

/** Entries of one request, and the most that are read. */
const PAGE = 200;
const MOST = 2000;

export async function mount(body, room) {
  const list = h('ol', { class: 'history' });
  const told = h('div', {});
  body.append(atCard(room), h('section', { class: 'card', 'aria-labelledby': 'history-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'history-title' }, t('prompts.history_title'))), h('div', { class: 'card-body' }, told, list)));
  await attempt(told, null, async () => {
    const entries = [];
    let after = null;
    do {
      const page = await room.api.get(`${room.base}/history?limit=${PAGE}${after === null ? '' : `&after=${after}`}`, { signal: room.signal });
      entries.push(...page.entries);
      after = page.next_cursor ?? null;
    } while (after !== null && entries.length < MOST);
    if (after !== null) fill(told, h('p', { class: 'notice' }, t('prompts.history_cut', { count: MOST })));
    entries.reverse();
    fill(list, entries.map(entryOf));
  });
  return {};
}

function entryOf(entry) {
  const kind = `prompts.event_${entry.kind}`;
  return h(
    'li',
    {},
    h('p', {}, h('span', { class: `badge plain ${tone(entry.kind)}` }, has(kind) ? t(kind) : entry.kind), ' ', inline(said(entry), 1000)),
    h('details', {}, h('summary', { class: 'quiet small' }, whenBy(entry.at, entry.by)), text(JSON.stringify(entry.event, null, 2), { code: true, boxed: true })),
  );
}

function tone(kind) {
  if (/LabelMoved|CanaryStarted/.test(kind)) return 'good';
  if (/Discarded|Removed|Retired|CanaryEnded/.test(kind)) return 'warning';
  return 'accent';
}

/** "What was production at 14:02?" */
function atCard(room) {
  const time = h('input', { id: 'at-time', type: 'datetime-local', step: '1', required: true });
  time.value = localNow();
  const label = h('select', { id: 'at-label' }, ...[...new Set(['production', ...room.prompt.labels.map((one) => one.label)])].map((name) => h('option', { value: name }, name)));
  const out = h('div', { role: 'status' });
  const button = h('button', { type: 'submit' }, t('prompts.at_ask'));
  const submit = (event) => {
    event.preventDefault();
    attempt(out, button, async () => {
      const asked = new Date(time.value).toISOString();
      const found = await room.api.get(`${room.base}/at?time=${encodeURIComponent(asked)}&label=${encodeURIComponent(label.value)}`, { signal: room.signal });
      fill(out, answerOf(found));
    });
  };
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'at-title' },
    h('div', { class: 'card-head' }, h('h2', { id: 'at-title' }, t('prompts.at_title'))),
    h('form', { class: 'card-body', onsubmit: submit }, h('div', { class: 'inline-form' }, h('label', { for: 'at-time' }, t('prompts.at_time')), time, h('label', { for: 'at-label' }, t('prompts.label')), label, button), out),
  );
}

function answerOf(found) {
  const params = { label: found.label, time: dayAndClock(found.time), version: found.version };
  if (found.version === null) return h('p', {}, t(found.forgotten ? 'prompts.at_forgotten' : 'prompts.at_nothing', params));
  return [
    h('p', {}, t('prompts.at_was', params), ' ', t('prompts.since'), ' ', when(found.since), found.until ? [' ', t('prompts.until'), ' ', when(found.until)] : [' ', t('prompts.at_still')]),
    found.canary ? h('p', {}, t('prompts.at_canary', { version: found.canary.version, percent: found.canary.percent })) : null,
  ];
}

function localNow() {
  const now = new Date();
  return new Date(now.getTime() - now.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

