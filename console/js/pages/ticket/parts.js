// What a ticket is made of: its prompt, its attempts, its callbacks, its events, where it came from.

import { h, inline, text } from '../../dom.js';
import { clock, count, dayAndClock, duration, money } from '../../format.js';
import { t, word } from '../../i18n.js';
import { badge, stateBadge } from '../../widgets/badge.js';
import { copyable } from '../../widgets/copy.js';
import { jsonView } from '../../widgets/json-text.js';
import { empty } from '../../widgets/notice.js';
import { facts, table } from '../../widgets/table.js';

const KINDS = { done: 'good', failed: 'bad', waiting: 'warning', running: 'accent' };
const outcome = (name) => badge(word('tickets.outcome_', name), KINDS[name]);
const box = (label, value) => h('div', { class: 'boxed', tabindex: 0, role: 'group', 'aria-label': label }, jsonView(value));

/** The prompt as it was rendered, and the input it was made of. */
export function promptPart({ timeline, events }) {
  const { prompt, model, parameters, messages } = timeline;
  const input = events[0]?.data?.input;
  return h('div', { class: 'stack' },
    facts([
      prompt?.version ? [t('tickets.prompt'), h('a', { href: `#/prompts/${encodeURIComponent(prompt.task ?? timeline.task)}` }, t('tickets.version_n', { task: prompt.task ?? timeline.task, version: prompt.version }))] : null,
      prompt?.hash ? [t('tickets.hash'), h('code', { class: 'print' }, inline(String(prompt.hash).slice(0, 16), 20))] : null,
      model ? [t('tickets.model'), inline(model, 100)] : null,
      parameters && Object.keys(parameters).length ? [t('tickets.parameters'), h('code', null, inline(JSON.stringify(parameters), 400))] : null,
    ]),
    messages ? messages.map((message) => h('section', { class: 'said' }, h('h3', null, word('tickets.role_', message.role)), text(typeof message.content === 'string' ? message.content : JSON.stringify(message.content, null, 2)))) : empty(t('tickets.not_rendered')),
    input !== undefined && h('section', { class: 'said' }, h('h3', null, t('tickets.input')), typeof input === 'string' ? text(input) : box(t('tickets.input'), input)));
}

/** Every call of a model. */
export function attemptsPart({ timeline }) {
  if (!timeline.attempts.length) return empty(t('tickets.no_attempts'));
  const made = table({
    caption: t('tickets.attempts'),
    columns: [
      { label: '#', cell: (row) => row.attempt, right: true },
      { label: t('tickets.model'), cell: (row) => [inline(row.model, 80), row.fallback && [' ', badge(t('tickets.fallback'), 'warning')]] },
      { label: t('tickets.outcome'), cell: (row) => outcome(row.outcome) },
      { label: t('tickets.sent_at'), cell: (row) => clock(row.sent_at, { ms: true }) },
      { label: t('tickets.first_token'), right: true, cell: (row) => duration(row.first_token_ms) },
      { label: t('tickets.total'), right: true, cell: (row) => duration(row.total_ms) },
      { label: t('tickets.tokens'), right: true, cell: (row) => (row.usage ? `${count(row.usage.prompt_tokens)} + ${count(row.usage.completion_tokens)}` : '–') },
      { label: t('tickets.cost'), right: true, cell: (row) => money(row.cost_usd) },
      { label: t('tickets.what_happened'), wide: true, cell: (row) => (row.error ? trouble(row) : '') },
    ],
  });
  made.show(timeline.attempts);
  return made.element;
}

const trouble = (row) => h('span', null, badge(word('tickets.error_', row.error.kind), 'bad'), ' ', inline(row.error.message, 400),
  row.retry_at && h('span', { class: 'quiet' }, ` · ${t('tickets.again_at', { at: clock(row.retry_at, { ms: true }) })}`));

/** Every call of the tenant's API. */
export function callbacksPart({ timeline }) {
  if (!timeline.callbacks.length) return empty(t('tickets.no_callbacks'));
  return h('div', { class: 'stack' },
    timeline.bodies === 'withheld' && h('p', { class: 'quiet' }, t('tickets.bodies_withheld')),
    timeline.callbacks.map((call, at, all) => h('details', { class: 'case', open: at === all.length - 1 },
      h('summary', null, h('strong', null, word('tickets.callback_', call.callback)), ' ', t('tickets.try_n', { number: call.try }), ' ', outcome(call.outcome), ' ', call.status && h('code', null, call.status), ' ',
        h('span', { class: 'quiet number' }, [clock(call.at, { ms: true }), call.waited_ms !== undefined && t('tickets.waited', { time: duration(call.waited_ms) }), call.took_ms !== undefined && t('tickets.took', { time: duration(call.took_ms) })].filter(Boolean).join(' · '))),
      h('div', { class: 'stack' },
        call.error && h('p', { class: 'wrong' }, trouble(call)),
        facts([[t('tickets.webhook_id'), copyable(call.id)]]),
        call.request !== undefined && h('section', { class: 'said' }, h('h3', null, t('tickets.request')), box(t('tickets.request'), call.request)),
        call.response !== undefined && h('section', { class: 'said' }, h('h3', null, t('tickets.response')), box(t('tickets.response'), call.response))))));
}

/** Every event, as it is stored. */
export function eventsPart({ events }) {
  return h('div', { class: 'stack events' }, events.map((event) => h('details', { class: 'case' },
    h('summary', null, h('span', { class: 'number quiet' }, event.revision), ' ', h('strong', null, word('tickets.event_', event.type)), ' ', stateBadge(event.state), ' ', h('span', { class: 'quiet number' }, `+${duration(event.since_ms)} · ${clock(event.recorded_at, { ms: true })}`)),
    facts([[t('tickets.event_id'), copyable(event.id)], event.causation_id ? [t('tickets.caused_by'), h('code', null, event.causation_id)] : null, [t('tickets.position'), count(event.position)]]),
    box(event.type, event.data))));
}

/** Where it came from, and what it belongs to. */
export function chainPart({ timeline, ticket }) {
  const { chain } = timeline;
  const batch = chain.batch?.batch ?? chain.batch?.id;
  return h('div', { class: 'stack' }, facts([
    [t('tickets.id'), copyable(timeline.ticket)],
    ticket.user ? [t('tickets.user'), h('a', { href: `#/tickets?user=${encodeURIComponent(ticket.user)}` }, inline(ticket.user, 128))] : null,
    [t('tickets.issued'), dayAndClock(timeline.requested_at)],
    timeline.ended_at ? [t('tickets.ended_at'), dayAndClock(timeline.ended_at)] : null,
    ticket.deadline ? [t('tickets.deadline'), dayAndClock(ticket.deadline)] : null,
    ticket.priority ? [t('tickets.priority'), word('tickets.priority_', ticket.priority)] : null,
    chain.correlation_id ? [t('tickets.correlation'), copyable(chain.correlation_id)] : null,
    chain.traceparent ? [t('tickets.trace'), h('code', null, inline(chain.traceparent, 100))] : null,
    chain.idempotency_key ? [t('tickets.idempotency'), h('code', null, inline(chain.idempotency_key, 256))] : null,
    batch ? [t('tickets.batch'), h('code', null, inline(String(batch), 80))] : null,
    chain.fork_of ? [t('tickets.fork_of'), h('a', { href: `#/tickets/${encodeURIComponent(chain.fork_of)}` }, h('code', null, chain.fork_of))] : null,
    chain.conversation ? [t('tickets.conversation'), t('shell.yes')] : null,
    Object.keys(ticket.metadata ?? {}).length ? [t('tickets.metadata'), h('code', null, inline(JSON.stringify(ticket.metadata), 1000))] : null,
    chain.redrives.length ? [t('tickets.redrives'), h('ul', null, chain.redrives.map((one) => h('li', null, dayAndClock(one.at), ' · ', inline(one.by, 80), one.from === 'requested' && [' · ', t('tickets.redrive_requested')])))] : null,
  ]));
}
