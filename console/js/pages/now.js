// What goes on now: tickets, models, the company's API, budgets; for operators over all companies.

import { fill, h } from '../dom.js';
import { clock, compact, count } from '../format.js';
import { t, word } from '../i18n.js';
import { live, say, sayProblem } from '../live.js';
import { chart, legend, sum } from '../widgets/chart.js';
import { loading, problemNotice } from '../widgets/notice.js';
import { card, head } from '../widgets/page.js';
import { sized } from '../widgets/sized.js';
import { callbacks, models, tenants } from './now/tables.js';
import { budgetsCard } from './usage.js';

const EVERY_MS = 2000;
const STATES = ['requested', 'pre_processed', 'sent', 'answered', 'persisted'];

export const page = {
  path: '/now',
  nav: 'shell.nav_now',
  group: 'watch',
  key: 'n',
  operator: 'both',
  roles: ['viewer', 'issuer'],
  async open(main, { session, api }) {
    const isOperator = session.isOperator;
    const dot = h('span', { class: 'live-dot' }, t('shell.live'));
    const parts = new Map();
    const body = h('div', { class: 'stack' }, loading());
    const trouble = h('div', { role: 'alert' });
    let said = null;
    const picture = sized((width) => said && chart(width, { series: flow(said), at: said.at, stepMs: said.step_ms, label: t('now.flow') }));
    main.append(head({ title: t('now.title'), about: t(isOperator ? 'now.about_all' : 'now.about'), actions: [dot] }), trouble, body);

    /** A part is drawn again only where it says something else: what is being read stays. */
    const part = (name, value, draw) => {
      const known = parts.get(name) ?? { place: h('div', null), seen: undefined };
      const now = JSON.stringify(value);
      if (known.seen !== now) {
        known.seen = now;
        fill(known.place, draw(value));
      }
      parts.set(name, known);
      return known.place;
    };

    const flowPlace = h('div', null);
    const flowCard = card({ title: t('now.flow') }, flowPlace, picture.element);
    const draw = () => {
      const list = [
        part('tiles', { open: said.tickets.open, sessions: said.sessions, batches: said.batches, store: said.store }, () => tiles(said, isOperator)),
        flowCard,
        part('models', said.models, (rows) => card({ title: t('now.models'), flush: true }, models(rows))),
        part('callbacks', said.callbacks, (rows) => card({ title: t(isOperator ? 'now.callbacks_all' : 'now.callbacks'), flush: true }, callbacks(rows))),
        isOperator && part('tenants', said.tenants, (rows) => card({ title: t('now.tenants'), flush: true }, tenants(rows))),
        said.budgets?.length > 0 && part('budgets', said.budgets, budgetsCard),
      ].filter(Boolean);
      if (body.childElementCount !== list.length || body.firstElementChild !== list[0]) fill(body, list);
      if (!flowPlace.firstChild) fill(flowPlace, part('flow', said.tickets, () => legend(flow(said))));
      else part('flow', said.tickets, () => legend(flow(said)));
      picture.redraw();
    };

    const watch = live(EVERY_MS, async (signal) => {
      said = await api.get(isOperator ? '/admin/v1/now' : '/v1/now', { signal });
      fill(trouble);
      say(dot, t('now.as_of', { at: clock(said.at) }));
      draw();
    }, {
      onProblem: (error, isOver) => {
        sayProblem(dot, error, isOver);
        if (!said) fill(body, problemNotice(error, () => watch.now()));
        else if (isOver) fill(trouble, problemNotice(error, () => watch.now()));
      },
    });
    return {
      close: () => {
        watch.close();
        picture.close();
      },
    };
  },
};

const flow = ({ tickets }) => [
  { name: t('now.issued'), values: tickets.issued, kind: 'c1' },
  { name: t('now.ended'), values: tickets.ended, kind: 'c2' },
  { name: t('now.failed'), values: tickets.failed, kind: 'c3' },
];

function tiles({ tickets, sessions, batches, store }, isOperator) {
  const open = STATES.map((state) => ({ state, count: tickets.open[state] ?? 0 }));
  const tile = (name, value, more, kind) => h('div', { class: ['tile', kind] }, h('dt', null, name), h('dd', null, value, more && h('span', { class: 'quiet small' }, more)));
  const name = (state) => word('tickets.state_', state);
  return h('dl', { class: 'tiles' },
    tile(t('now.open'), count(sum(open.map((one) => one.count))), null, 'main'),
    open.map((one) => tile(isOperator ? name(one.state) : h('a', { href: `#/tickets?state=${one.state}` }, name(one.state)), count(one.count), null, one.state)),
    tile(t('now.sessions'), count(sessions)),
    tile(t('now.batches'), count(batches ?? 0)),
    store && tile(t('now.position'), compact(store.position)),
    store?.size_bytes !== undefined && tile(t('now.size'), `${compact(store.size_bytes / 1048576)} MiB`));
}
