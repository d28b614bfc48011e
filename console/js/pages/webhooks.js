// Endpoints that are told of tickets.

import { fill, h, inline } from '../dom.js';
import { ago, count } from '../format.js';
import { t } from '../i18n.js';
import { badge } from '../widgets/badge.js';
import { copyable } from '../widgets/copy.js';
import { dialog } from '../widgets/dialog.js';
import { empty } from '../widgets/notice.js';
import { card, head } from '../widgets/page.js';
import { table } from '../widgets/table.js';
import { endpointForm } from './webhook/form.js';

export const page = {
  path: '/webhooks',
  nav: 'shell.nav_webhooks',
  group: 'run',
  icon: 'webhooks',
  key: 'w',
  roles: ['issuer', 'viewer'],
  async open(main, { api, session, signal, go }) {
    const { endpoints } = await api.get('/v1/webhooks', { signal });
    const list = h('div', {});
    const rows = table({
      caption: t('webhooks.title'),
      link: (one) => `#/webhooks/${one.id}`,
      columns: [
        { label: t('webhooks.url'), labelled: false, wide: true, cell: (one) => [h('a', { class: 'row-link', href: `#/webhooks/${one.id}` }, inline(one.url, 120)), one.description ? h('span', { class: 'quiet' }, ' ', inline(one.description, 120)) : null] },
        { label: t('webhooks.state'), labelled: false, cell: (one) => endpointBadge(one) },
        { label: t('webhooks.queued'), right: true, cell: (one) => count(one.queued) },
        { label: t('webhooks.last_success'), cell: (one) => (one.last_success_at ? ago(one.last_success_at) : '') },
        { label: t('webhooks.last_failure'), cell: (one) => (one.last_failure_at ? ago(one.last_failure_at) : '') },
      ],
    });
    rows.show(endpoints);
    fill(list, endpoints.length ? rows.element : empty(t('webhooks.none_yet')));
    const actions = session.may('admin') ? [h('button', { type: 'button', class: 'primary', onclick: () => register(api, go) }, t('webhooks.new_'))] : [];
    main.append(head({ title: t('webhooks.title'), about: t('webhooks.about'), actions }), card({ flush: true }, list));
    return {};
  },
};

/** Whether an endpoint is told of anything. */
export function endpointBadge(one) {
  return one.enabled ? badge(t('webhooks.enabled'), 'good') : badge(t('webhooks.disabled'), 'bad');
}

function register(api, go) {
  const form = endpointForm();
  dialog({
    title: t('webhooks.new_title'),
    body: form.element,
    actions: [
      { label: t('shell.cancel') },
      { label: t('webhooks.register'), primary: true, run: async (close) => {
        const made = await api.post('/v1/webhooks', { body: form.read() });
        close();
        const shown = dialog({ title: t('webhooks.secret'), body: h('div', { class: 'form' }, h('p', {}, t('webhooks.secret_words')), h('div', { class: 'secret' }, copyable(made.secret))), actions: [{ label: t('shell.close'), primary: true }] });
        await shown.closed;
        go(`/webhooks/${made.id}`);
      } },
    ],
  });
}
