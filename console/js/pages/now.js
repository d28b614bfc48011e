// What goes on now.

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { head } from '../widgets/page.js';

export const page = {
  path: '/now',
  nav: 'shell.nav_now',
  group: 'watch',
  key: 'n',
  operator: 'both',
  roles: ['viewer', 'issuer'],
  async open(main, { session }) {
    main.append(head({ title: t('now.title') }), h('p', null, session.tenant ?? ''));
    return {};
  },
};
