// What can be done with a ticket: cancel it, open it again, run it again beside.

import { h, inline } from '../../dom.js';
import { count, money } from '../../format.js';
import { t } from '../../i18n.js';
import { confirm, dialog } from '../../widgets/dialog.js';
import { field } from '../../widgets/field.js';
import { notice } from '../../widgets/notice.js';
import { button } from '../../widgets/page.js';
import { toast } from '../../widgets/toast.js';
import { isEnded } from './why.js';

/** The buttons that this ticket has, for whoever looks. `again()` reads it anew. */
export function buttons(context, base, ticket, again) {
  const { session, api } = context;
  const can = [];
  if (!isEnded(ticket.state) && session.may('issuer')) {
    can.push(button(t('tickets.cancel_'), () => cancel(api, base, again), { picture: 'stop' }));
  }
  if (ticket.state === 'failed' && session.may('issuer', 'publisher')) {
    can.push(button(t('tickets.redrive_'), () => redrive(api, base, again), { kind: 'primary', picture: 'redrives' }));
  }
  if (session.may('issuer', 'planner')) {
    can.push(button(t('tickets.fork_'), () => fork(context, base, ticket), { picture: 'fork' }));
  }
  return can;
}

async function cancel(api, base, again) {
  const mode = radios(t('tickets.cancel_how'), [['stop', t('tickets.cancel_stop'), t('tickets.cancel_stop_about')], ['void', t('tickets.cancel_void'), t('tickets.cancel_void_about')]]);
  const done = await confirm({
    title: t('tickets.cancel_title'), body: mode.element, yes: t('tickets.cancel'), danger: true,
    run: () => api.post(`${base}/cancel`, { body: { mode: mode.value } }),
  });
  if (!done) return;
  toast(t('tickets.cancelled_toast'));
  again();
}

async function redrive(api, base, again) {
  const from = redriveChoice();
  const done = await confirm({
    title: t('tickets.redrive_title'), body: [h('p', null, t('tickets.redrive_words')), from.element], yes: t('tickets.redrive'),
    run: () => api.post(`${base}/redrive`, { body: from.value === 'failed' ? {} : { from: from.value } }),
  });
  if (!done) return;
  toast(t('tickets.redriven_toast'));
  again();
}

/** From where a failed ticket is opened again. */
export const redriveChoice = () => radios(t('tickets.redrive_from'), [
  ['failed', t('tickets.from_failed'), t('tickets.from_failed_about')],
  ['requested', t('tickets.from_requested'), t('tickets.from_requested_about')],
]);

let number = 0;

/** One of a few, each with a sentence. */
export function radios(label, options) {
  const name = `radio-${(number += 1)}`;
  let value = options[0][0];
  return {
    element: h('fieldset', { class: 'radios' }, h('legend', null, label), options.map(([id, words, about], at) => h('label', { class: 'radio' },
      h('input', { type: 'radio', name, value: id, checked: at === 0, onchange: () => (value = id) }),
      h('span', null, h('strong', null, words), h('span', { class: 'quiet small' }, about))))),
    get value() {
      return value;
    },
  };
}

function fork({ api, go }, base, ticket) {
  const from = radios(t('tickets.fork_from'), [['requested', t('tickets.fork_requested'), t('tickets.fork_requested_about')], ['pre_processed', t('tickets.fork_pre_processed'), t('tickets.fork_pre_processed_about')]]);
  const version = field({ label: t('tickets.fork_version'), hint: t('tickets.fork_same'), type: 'number', min: 1, step: 1 });
  const model = field({ label: t('tickets.model'), hint: t('tickets.fork_same'), placeholder: ticket.model ?? '', autocomplete: 'off' });
  const parameters = field({ label: t('tickets.parameters'), hint: t('tickets.fork_parameters_hint'), type: 'textarea', class: 'code', placeholder: JSON.stringify(ticket.parameters ?? {}), spellcheck: 'false' });
  const plan = h('div', { 'aria-live': 'polite' });
  // The same press of the button asked twice makes one fork.
  let key = crypto.randomUUID();

  function body() {
    parameters.wrong(null);
    let given;
    try {
      given = parameters.value.trim() ? JSON.parse(parameters.value) : undefined;
    } catch {
      parameters.wrong(t('tickets.not_json'));
      throw new Error(t('tickets.not_json'));
    }
    return { from: from.value, ...(version.value && { version: Number(version.value) }), ...(model.value.trim() && { model: model.value.trim() }), ...(given && { parameters: given }) };
  }

  const estimate = async () => {
    const said = await api.post(`${base}/forks`, { body: { ...body(), dry_run: true } });
    const { prompt_tokens, completion_tokens, cost_usd } = said.estimate;
    plan.replaceChildren(notice('info', t('tickets.fork_plan', { model: said.model, prompt: count(prompt_tokens), completion: count(completion_tokens) }), cost_usd !== null && cost_usd !== undefined && ` ${t('tickets.fork_costs', { cost: money(cost_usd) })}`));
  };
  const start = async (close) => {
    const made = await api.post(`${base}/forks`, { body: body(), headers: { 'Idempotency-Key': `console-${key}` } });
    close();
    toast(t('tickets.forked_toast'));
    go(`/tickets/${made.id}`);
  };
  const change = () => (key = crypto.randomUUID());
  const form = h('div', { class: 'form', onchange: change }, h('p', null, t('tickets.fork_words')), from.element, h('div', { class: 'fields' }, version.element, model.element), parameters.element, plan);
  return dialog({
    title: t('tickets.fork_title'), body: form, wide: true,
    actions: [{ label: t('shell.cancel') }, { label: t('tickets.fork_estimate'), run: estimate }, { label: t('tickets.fork'), primary: true, run: start }],
  });
}

/** The line that says of which ticket this is a fork. */
export const forkLine = (ticket) => ticket.fork && h('p', null, t('tickets.is_fork'), ' ', h('a', { href: `#/tickets/${encodeURIComponent(ticket.fork.parent)}` }, t('tickets.its_parent')), ' · ',
  h('a', { href: `#/tickets/${encodeURIComponent(ticket.fork.parent)}?tab=forks&with=${encodeURIComponent(ticket.id)}` }, t('tickets.compare_with_parent')), ' · ', inline(ticket.fork.by, 60));
