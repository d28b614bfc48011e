// All failed tickets that match are opened again: first how many there are, then a pace, then it begins.

import { fill, h, inline } from '../../dom.js';
import { count } from '../../format.js';
import { t, word } from '../../i18n.js';
import { dialog } from '../../widgets/dialog.js';
import { field } from '../../widgets/field.js';
import { empty, loading, problemNotice } from '../../widgets/notice.js';
import { facts } from '../../widgets/table.js';
import { toast } from '../../widgets/toast.js';
import { redriveChoice } from '../ticket/acts.js';

/** `filter`: as the list has it. What has no meaning for failed tickets stays out. */
export function redriveMany({ api, go, filter }) {
  const { task, stage, code, user, from: requested_from, before: requested_before } = filter;
  // What fails from now on is none of those that were counted.
  const failed_before = new Date().toISOString();
  const wanted = Object.fromEntries(Object.entries({ task, stage, code, user, requested_from, requested_before, failed_before }).filter(([, value]) => value));
  const from = redriveChoice();
  const pace = field({ label: t('tickets.per_second'), hint: t('tickets.per_second_about'), type: 'number', min: 1, max: 500, value: 10 });
  // The same press of the button asked twice starts one run.
  let key = crypto.randomUUID();
  const found = h('div', { 'aria-live': 'polite' }, loading());
  const asked = dialog({
    title: t('tickets.redrive_many_title'), wide: true,
    body: [found, h('div', { class: 'form', onchange: () => (key = crypto.randomUUID()) }, from.element, h('div', { class: 'fields' }, pace.element))],
    actions: [{ label: t('shell.cancel') }, { label: t('tickets.redrive_start'), primary: true, run: start }],
  });
  const button = asked.element.querySelector('.dialog-foot .primary');
  button.disabled = true;

  async function preview() {
    try {
      const { would_redrive: many, groups } = await api.post('/v1/redrives', { body: { filter: wanted, dry_run: true } });
      button.disabled = many === 0;
      fill(found, many === 0 ? empty(t('tickets.none_match')) : [
        h('p', null, h('strong', null, t('tickets.would_redrive', { count: many }))),
        facts(groups.slice(0, 8).map((group) => [[inline(group.task, 64), ' · ', word('tickets.stage_', group.stage)], [h('code', null, inline(group.code, 80)), ` × ${count(group.count)}`]])),
        h('p', { class: 'second' }, t('tickets.redrive_words')),
      ]);
    } catch (error) {
      fill(found, problemNotice(error, preview));
    }
  }

  async function start(close) {
    const body = { filter: wanted, per_second: Number(pace.value) || 10, ...(from.value === 'requested' && { from: 'requested' }) };
    const run = await api.post('/v1/redrives', { body, headers: { 'Idempotency-Key': `console-${key}` } });
    close();
    toast(t('tickets.redrive_started', { count: run.total }));
    go('/tickets', { view: 'redrives' });
  }

  preview();
  return asked;
}
