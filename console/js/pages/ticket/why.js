// A sentence about where a ticket stands: why it failed, what it waits for, where its time went.

import { h, inline } from '../../dom.js';
import { clock, duration, percent } from '../../format.js';
import { t, word } from '../../i18n.js';

const ENDED = ['delivered', 'failed', 'cancelled'];

/** Whether nothing follows by itself. */
export const isEnded = (state) => ENDED.includes(state);

/** The sentence, as a notice. */
export function why(timeline, ticket) {
  const total = duration(timeline.total_ms);
  if (timeline.state === 'failed' && timeline.failure) {
    const { stage, code, message } = timeline.failure;
    return said('bad',
      h('strong', null, t('tickets.why_failed', { stage: word('tickets.stage_', stage), total })),
      h('p', null, inline(message, 2000)),
      h('p', { class: 'quiet small' }, t('tickets.reason'), ' ', h('code', null, inline(code, 100)), ' · ', t('tickets.tried_n', { count: timeline.attempts.length })));
  }
  if (timeline.state === 'cancelled') {
    const { mode, by } = ticket.cancelled ?? {};
    return said('warning', h('strong', null, t(mode === 'void' ? 'tickets.why_void' : 'tickets.why_stopped', { total })), by && h('p', { class: 'quiet small' }, t('tickets.by'), ' ', inline(by, 80)));
  }
  if (timeline.state === 'delivered') {
    return said('good', h('strong', null, t('tickets.why_delivered', { total })), spent(timeline));
  }
  return said('info', h('strong', null, open(timeline, ticket)), trouble(timeline), spent(timeline));
}

const said = (kind, ...children) => h('div', { class: ['notice', kind], role: kind === 'bad' ? 'alert' : null }, h('div', null, children));

function open(timeline, ticket) {
  const step = timeline.steps.at(-1);
  const isWaiting = ticket.retry_at && new Date(ticket.retry_at) > new Date();
  if (isWaiting) return t('tickets.why_retry', { at: clock(ticket.retry_at) });
  if (!step || (step.ends_ms !== undefined && step.ends_ms !== null)) return t('tickets.why_open', { total: duration(timeline.total_ms) });
  return t('tickets.why_now', { step: word('tickets.step_', step.step), time: duration(timeline.now_ms - step.begins_ms) });
}

/** The last thing that went wrong, while it still goes on. */
function trouble(timeline) {
  const errors = [...timeline.attempts, ...timeline.callbacks].map((one) => one.error).filter(Boolean);
  return errors.length ? h('p', null, t('tickets.last_trouble'), ' ', inline(errors.at(-1).message, 1000)) : null;
}

function spent(timeline) {
  const most = timeline.spent?.[0];
  // A failed ticket that lay for a day before it was opened again did not spend that day on anything.
  const all = (timeline.spent ?? []).reduce((total, share) => total + share.ms, 0);
  if (!most || most.ms < 1) return null;
  return h('p', { class: 'second' }, t('tickets.most_time', { step: word('tickets.step_', most.step), part: percent(most.ms / all, 0), time: duration(most.ms) }));
}
