// The tenants of this Punchcard, for those who operate it.

import { fill, h, inline } from '../dom.js';
import { count } from '../format.js';
import { t } from '../i18n.js';
import { badge } from '../widgets/badge.js';
import { dialog } from '../widgets/dialog.js';
import { field } from '../widgets/field.js';
import { empty } from '../widgets/notice.js';
import { card, head } from '../widgets/page.js';
import { attempt } from '../widgets/problem.js';
import { table } from '../widgets/table.js';
import { whenBy } from '../widgets/words.js';

const PAGE = 100;

export const page = {
  path: '/tenants',
  nav: 'shell.nav_tenants',
  group: 'run',
  icon: 'tenants',
  key: 'c',
  operator: true,
  async open(main, { api, signal, go }) {
    const told = h('div', {});
    const more = h('div', {});
    const rows = table({
      caption: t('tenants.title'),
      link: (one) => `#/tenants/${encodeURIComponent(one.tenant)}`,
      columns: [
        { label: t('tenants.name'), labelled: false, cell: (one) => [h('a', { class: 'row-link', href: `#/tenants/${encodeURIComponent(one.tenant)}` }, inline(one.name, 120)), ' ', h('code', { class: 'quiet' }, one.tenant)] },
        { label: t('tenants.state'), labelled: false, cell: (one) => (one.suspended ? badge(t('tenants.suspended'), 'bad') : badge(t('tenants.open'), 'good')) },
        { label: t('tenants.active_keys'), right: true, cell: (one) => count(one.active_keys) },
        { label: t('tenants.created'), cell: (one) => (one.created ? whenBy(one.created.at, one.created.by) : '') },
      ],
    });
    const from = async (after) => {
      const said = await api.get(`/admin/v1/tenants?limit=${PAGE}${after ? `&after=${encodeURIComponent(after)}` : ''}`, { signal });
      rows.add(said.tenants);
      if (!rows.body.children.length) fill(more, empty(t('tenants.none_yet')));
      else fill(more, said.next_cursor && h('p', { class: 'more' }, h('button', { type: 'button', onclick: () => attempt(told, null, () => from(said.next_cursor)) }, t('shell.more'))));
    };
    main.append(head({ title: t('tenants.title'), about: t('tenants.about'), actions: [h('button', { type: 'button', class: 'primary', onclick: () => create(api, go) }, t('tenants.create_'))] }), card({ flush: true }, told, rows.element, more));
    await from(null);
    return {};
  },
};

function create(api, go) {
  const id = field({ label: t('tenants.id'), hint: t('tenants.id_hint'), autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false' });
  const name = field({ label: t('tenants.name'), autocomplete: 'off' });
  dialog({
    title: t('tenants.create_title'),
    body: h('form', { class: 'form', onsubmit: (event) => event.preventDefault() }, id.element, name.element),
    actions: [
      { label: t('shell.cancel') },
      { label: t('tenants.create'), primary: true, run: async (close) => {
        const made = await api.post('/admin/v1/tenants', { body: { tenant: id.value.trim(), name: name.value.trim() } });
        close();
        go(`/tenants/${encodeURIComponent(made.tenant)}`);
      } },
    ],
  });
}
