// Tickets: the list, the failed ones by their reason, and the runs that open many again.

import { t } from '../i18n.js';
import { head } from '../widgets/page.js';
import { tabs } from '../widgets/tabs.js';
import { deadLetters } from './tickets/dead-letters.js';
import { ticketList } from './tickets/list.js';
import { redrives } from './tickets/redrives.js';

export const page = {
  path: '/tickets',
  nav: 'shell.nav_tickets',
  group: 'watch',
  key: 't',
  roles: ['viewer', 'issuer'],
  async open(main, context) {
    const views = tabs({
      label: t('tickets.title'), selected: context.query.get('view') ?? 'list',
      onChange: (view) => context.remember(view === 'list' ? {} : { view }),
      entries: [
        { id: 'list', label: t('tickets.view_list'), open: (panel) => ticketList(panel, context) },
        { id: 'dead', label: t('tickets.view_dead'), open: (panel) => deadLetters(panel, context) },
        { id: 'redrives', label: t('tickets.view_redrives'), open: (panel) => redrives(panel, context) },
      ],
    });
    main.append(head({ title: t('tickets.title'), about: t('tickets.about') }), views.element);
    return { close: views.close };
  },
};
