// The tenant's own keys, for its admins, and how the tenant is set up.

import { h, inline } from '../dom.js';
import { t } from '../i18n.js';
import { head } from '../widgets/page.js';
import { keysCard } from './tenant/keys.js';
import { limitsView, settingsView } from './tenant/settings-view.js';

export const page = {
  path: '/keys',
  nav: 'shell.nav_keys',
  group: 'run',
  icon: 'keys',
  key: 'k',
  roles: ['viewer', 'admin'],
  async open(main, context) {
    const { api, session, signal } = context;
    const tenant = session.may('viewer') ? await api.get('/v1/tenant', { signal }) : null;
    main.append(head({ title: t('tenants.own_title'), about: t('tenants.own_about') }));
    if (session.may('admin')) main.append(await keysCard(context, '/v1/keys', { own: session.prefix }));
    else main.append(h('p', { class: 'notice' }, t('tenants.keys_for_admins')));
    if (tenant) main.append(h('h2', {}, inline(tenant.name, 200)), limitsView(tenant), settingsView(tenant));
    return {};
  },
};
