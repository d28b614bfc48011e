// One endpoint: how it stands, the log of its messages, and sending again.

import { fill, h, inline } from '../dom.js';
import { ago, count, dayAndClock, duration } from '../format.js';
import { t, word } from '../i18n.js';
import { live } from '../live.js';
import { badge } from '../widgets/badge.js';
import { copyable } from '../widgets/copy.js';
import { confirm, dialog } from '../widgets/dialog.js';
import { field } from '../widgets/field.js';
import { empty, loading, notice, problemNotice } from '../widgets/notice.js';
import { card, head } from '../widgets/page.js';
import { attempt } from '../widgets/problem.js';
import { facts, table } from '../widgets/table.js';
import { toast } from '../widgets/toast.js';
import { endpointForm, typeName } from './webhook/form.js';
import { resendCard } from './webhook/resend.js';
import { endpointBadge } from './webhooks.js';

const STATES = ['queued', 'acknowledged', 'given_up', 'skipped', 'cancelled'];
const KINDS = { queued: 'accent', acknowledged: 'good', given_up: 'bad', skipped: 'warning', cancelled: null };
/** How long an old secret goes on, in seconds. */
const OVERLAPS = [0, 3600, 86_400, 604_800];
/** How often the newest messages are read, in milliseconds. */
const EVERY_MS = 5000;
const PAGE = 50;

export const page = {
  path: '/webhooks/:endpoint',
  under: 'shell.nav_webhooks',
  roles: ['issuer', 'viewer'],
  async open(main, context) {
    const { api, params, session, signal } = context;
    const base = `/v1/webhooks/${encodeURIComponent(params.endpoint)}`;
    const room = { ...context, base, isAdmin: session.may('admin'), endpoint: await api.get(base, { signal }) };
    const top = h('div', { class: 'stack' });
    const log = logCard(room);
    room.changed = (endpoint) => {
      if (endpoint) room.endpoint = endpoint;
      fill(top, headOf(room), stateCard(room));
    };
    room.changed();
    main.append(top, log.element, room.isAdmin ? resendCard(room, log.again) : '');
    const watch = live(EVERY_MS, async (asked) => {
      room.changed(await api.get(base, { signal: asked }));
      await log.newest(asked);
    });
    return { close: () => watch.close() };
  },
};

function headOf(room) {
  const { endpoint } = room;
  const button = (label, onclick, kind) => h('button', { type: 'button', class: kind, onclick }, label);
  const actions = room.isAdmin
    ? [button(t('webhooks.test_'), () => test(room)), button(t('webhooks.change_'), () => change(room)), button(t('webhooks.secret_'), () => secrets(room)), endpoint.enabled ? button(t('webhooks.disable_'), () => turn(room, 'disable'), 'danger') : button(t('webhooks.enable_'), () => turn(room, 'enable')), button(t('webhooks.remove_'), () => remove(room), 'danger')]
    : [];
  return head({ title: inline(endpoint.url, 200), about: endpoint.description ? inline(endpoint.description, 300) : null, back: { href: '#/webhooks', label: t('webhooks.title') }, actions });
}

function stateCard({ endpoint }) {
  const off = endpoint.disabled;
  return card(
    { title: t('webhooks.state'), tools: [endpointBadge(endpoint)] },
    off ? notice('bad', h('p', {}, word('webhooks.reason_', off.reason)), h('p', { class: 'quiet small' }, dayAndClock(off.at), ' · ', inline(off.by, 80))) : null,
    facts([
      [t('webhooks.types'), endpoint.event_types.map(typeName).join(', ')],
      [t('webhooks.queued'), count(endpoint.queued)],
      [t('webhooks.last_success'), endpoint.last_success_at ? ago(endpoint.last_success_at) : '–'],
      [t('webhooks.last_failure'), endpoint.last_failure_at ? ago(endpoint.last_failure_at) : '–'],
      endpoint.previous_secret_until ? [t('webhooks.old_secret_until'), dayAndClock(endpoint.previous_secret_until)] : null,
    ]),
  );
}

async function test(room) {
  const done = await confirm({ title: t('webhooks.test_title'), body: t('webhooks.test_words'), yes: t('webhooks.test'), run: () => room.api.post(`${room.base}/test`, {}) });
  if (done) toast(t('webhooks.test_sent'));
}

function change(room) {
  const form = endpointForm(room.endpoint);
  dialog({
    title: t('webhooks.change_title'),
    body: form.element,
    actions: [{ label: t('shell.cancel') }, { label: t('shell.save'), primary: true, run: async (close) => {
      const { data } = await room.api.send('PATCH', room.base, { body: form.read() });
      room.changed(data);
      close();
    } }],
  });
}

async function turn(room, what) {
  await confirm({ title: t(`webhooks.${what}_title`), body: t(`webhooks.${what}_words`), yes: t(`webhooks.${what}`), danger: what === 'disable', run: async () => room.changed(await room.api.post(`${room.base}/${what}`, {})) });
}

async function remove(room) {
  const done = await confirm({ title: t('webhooks.remove_title'), body: t('webhooks.remove_words'), yes: t('webhooks.remove'), danger: true, run: () => room.api.delete(room.base, {}) });
  if (done) room.go('/webhooks');
}

async function secrets(room) {
  const overlap = field({ label: t('webhooks.overlap'), type: 'select', options: OVERLAPS.map((seconds) => ({ value: String(seconds), label: t(`webhooks.overlap_${seconds}`) })), value: '86400' });
  const shown = h('div', { class: 'stack' }, loading());
  const show = async () => {
    const { secrets: all } = await room.api.get(`${room.base}/secret`, { signal: room.signal });
    fill(shown, all.map((one) => h('div', { class: 'secret' }, copyable(one.secret), one.until ? h('span', { class: 'small' }, t('webhooks.until'), ' ', dayAndClock(one.until)) : null)));
  };
  dialog({
    title: t('webhooks.secret'),
    body: h('div', { class: 'form' }, h('p', {}, t('webhooks.secret_about')), shown, h('hr', {}), h('p', {}, t('webhooks.rotate_words')), overlap.element),
    actions: [{ label: t('shell.close') }, { label: t('webhooks.rotate'), danger: true, run: async () => {
      room.changed(await room.api.post(`${room.base}/rotate-secret`, { body: { overlap_seconds: Number(overlap.value) } }));
      await show();
      toast(t('webhooks.rotated'));
    } }],
  });
  show().catch((problem) => fill(shown, problemNotice(problem)));
}

/** The messages, the newest first. */
function logCard(room) {
  const state = field({ label: t('webhooks.show'), type: 'select', options: [{ value: '', label: t('shell.all') }, ...STATES.map((one) => ({ value: one, label: t(`webhooks.delivery_${one}`) }))], value: '' });
  const told = h('div', {});
  const more = h('div', {});
  let older = false;
  const rows = table({
    caption: t('webhooks.log'),
    columns: [
      { label: t('webhooks.event'), labelled: false, cell: (one) => [h('button', { type: 'button', class: 'link', onclick: () => detail(room, one.id) }, typeName(one.type)), one.ticket ? [' ', h('a', { class: 'small', href: `#/tickets/${one.ticket}` }, t('webhooks.ticket'))] : null] },
      { label: t('webhooks.state'), labelled: false, cell: (one) => badge(t(`webhooks.delivery_${one.state}`), KINDS[one.state]) },
      { label: t('webhooks.at'), cell: (one) => ago(one.event_at) },
      { label: t('webhooks.attempts'), right: true, cell: (one) => count(one.attempts) },
      { label: t('webhooks.last_answer'), cell: (one) => answerOf(one.last_attempt) },
      { label: t('webhooks.next'), cell: (one) => (one.next_attempt_at ? ago(one.next_attempt_at) : '') },
    ],
  });
  const path = (cursor) => `${room.base}/deliveries?limit=${PAGE}${state.value ? `&state=${state.value}` : ''}${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`;
  const next = (cursor) => fill(more, cursor && h('p', { class: 'more' }, h('button', { type: 'button', onclick: () => attempt(told, null, async () => {
    older = true;
    const page = await room.api.get(path(cursor), { signal: room.signal });
    rows.add(page.deliveries);
    next(page.next_cursor);
  }) }, t('shell.more'))));
  const newest = async (signal) => {
    // Whoever reads on, or has something in hand, is not disturbed.
    if (older || rows.element.contains(document.activeElement)) return;
    const page = await room.api.get(path(null), { signal });
    rows.show(page.deliveries);
    next(page.next_cursor);
    if (!page.deliveries.length) fill(more, empty(t('webhooks.log_empty')));
  };
  const again = () => attempt(told, null, async () => {
    older = false;
    document.activeElement?.blur?.();
    await newest(room.signal);
  });
  state.input.addEventListener('change', () => {
    older = false;
    attempt(told, null, () => newest(room.signal));
  });
  return { element: card({ title: t('webhooks.log'), flush: true }, h('div', { class: 'card-body' }, h('div', { class: 'inline-form' }, state.element)), told, rows.element, more), newest, again };
}

function answerOf(last) {
  if (!last) return '';
  return [last.status ? String(last.status) : word('webhooks.failure_', last.failure ?? 'connection'), ' · ', duration(last.duration_ms)];
}

function detail(room, id) {
  const body = h('div', { class: 'stack' }, loading());
  dialog({
    title: t('webhooks.message'),
    wide: true,
    body,
    actions: [{ label: t('shell.close') }, ...(room.isAdmin ? [{ label: t('webhooks.resend_one'), primary: true, run: async (close) => {
      await room.api.post(`${room.base}/deliveries/${encodeURIComponent(id)}/resend`, {});
      close();
      toast(t('webhooks.resent', { count: 1 }));
    } }] : [])],
  });
  room.api.get(`${room.base}/deliveries/${encodeURIComponent(id)}`, { signal: room.signal }).then(
    (one) => fill(body, facts([[t('webhooks.event'), typeName(one.type)], [t('webhooks.state'), badge(t(`webhooks.delivery_${one.state}`), KINDS[one.state])], ['webhook-id', copyable(one.id)], one.ticket ? [t('webhooks.ticket'), h('code', {}, one.ticket)] : null]), h('h3', {}, t('webhooks.attempts')), one.log.length ? attemptsOf(one.log) : h('p', { class: 'quiet' }, t('webhooks.no_attempts'))),
    (problem) => fill(body, problemNotice(problem)),
  );
}

function attemptsOf(log) {
  const rows = table({
    caption: t('webhooks.attempts'),
    columns: [
      { label: t('webhooks.attempt'), right: true, cell: (one) => count(one.attempt) },
      { label: t('webhooks.at'), cell: (one) => dayAndClock(one.at) },
      { label: t('webhooks.last_answer'), cell: (one) => answerOf(one) },
      { label: t('webhooks.next'), cell: (one) => (one.next_attempt_at ? dayAndClock(one.next_attempt_at) : '') },
    ],
  });
  rows.show(log);
  return rows.element;
}
