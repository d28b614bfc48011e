// Messages of a time are sent again: counted first.

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { confirm } from '../../widgets/dialog.js';
import { check, field } from '../../widgets/field.js';
import { card } from '../../widgets/page.js';
import { attempt } from '../../widgets/problem.js';
import { toast } from '../../widgets/toast.js';

export function resendCard(room, again) {
  const from = field({ label: t('webhooks.from'), type: 'datetime-local', required: true, value: local(-24 * 3600_000) });
  const until = field({ label: t('webhooks.until'), type: 'datetime-local', required: true, value: local(60_000) });
  const taken = check({ label: t('webhooks.acknowledged_too') });
  const told = h('div', {});
  const button = h('button', { type: 'submit' }, t('webhooks.resend_'));
  const submit = async (event) => {
    event.preventDefault();
    await attempt(told, button, async () => {
      const body = { from: new Date(from.value).toISOString(), until: new Date(until.value).toISOString(), acknowledged_too: taken.value };
      const { messages } = await room.api.post(`${room.base}/resend`, { body: { ...body, dry_run: true } });
      if (!messages) {
        told.replaceChildren(h('p', { class: 'notice', role: 'status' }, t('webhooks.resend_none')));
        return;
      }
      const done = await confirm({ title: t('webhooks.resend_title', { count: messages }), body: t('webhooks.resend_words'), yes: t('webhooks.resend'), run: () => room.api.post(`${room.base}/resend`, { body: { ...body, dry_run: false } }) });
      if (!done) return;
      toast(t('webhooks.resent', { count: messages }));
      again();
    });
  };
  return card({ title: t('webhooks.resend_card') }, h('form', { class: 'form', onsubmit: submit }, h('p', { class: 'second' }, t('webhooks.resend_about')), h('div', { class: 'fields' }, from.element, until.element), taken.element, told, h('p', { class: 'actions' }, button)));
}

/** Now and so many milliseconds, as a field of the local time takes it. */
function local(ms) {
  const at = new Date(Date.now() + ms);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
