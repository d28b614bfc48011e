// The list of tickets that match, live: the first page is read again and again, what is new is marked.

import { query } from '../../api.js';
import { fill, h, inline } from '../../dom.js';
import { ago, short } from '../../format.js';
import { t, word } from '../../i18n.js';
import { live } from '../../live.js';
import { badge, stateBadge } from '../../widgets/badge.js';
import { empty, loading, problemNotice } from '../../widgets/notice.js';
import { button, card } from '../../widgets/page.js';
import { table } from '../../widgets/table.js';
import { filterForm, filterOf } from './filter.js';
import { redriveMany } from './redrive-many.js';

const EVERY_MS = 2000;
const PAGE = 50;

/** The panel with filter and list. */
export function ticketList(panel, { api, session, go, query: asked, remember, signal }) {
  let filter = filterOf(asked);
  let watch = null;
  let seen = new Map();
  let isFirst = true;
  let isPaused = false;
  const place = h('div', null, loading());
  const foot = h('div', null);
  const dot = h('button', { type: 'button', class: 'plain small live-dot', 'aria-pressed': 'false', onclick: pause }, t('shell.live'));
  const act = h('span', null);
  const form = filterForm({ filter, onChange: choose });
  const address = (row) => `#/tickets/${encodeURIComponent(row.id)}`;
  const made = table({
    caption: t('tickets.title'), link: address, rowClass: (row) => row.isFresh && 'fresh',
    columns: [
      { label: t('tickets.state'), labelled: false, cell: (row) => stateBadge(row.state) },
      { label: t('tickets.task'), labelled: false, cell: (row) => h('a', { class: 'row-link', href: address(row) }, inline(row.task, 64)) },
      { label: t('tickets.id'), labelled: false, cell: (row) => [h('code', { class: 'quiet' }, `…${short(row.id)}`), row.fork_of && [' ', badge(t('tickets.a_fork'), 'accent')]] },
      { label: t('tickets.user'), cell: (row) => row.user && inline(row.user, 40) },
      { label: t('tickets.reason_short'), cell: (row) => row.failure && [h('code', null, inline(row.failure.code, 60)), row.failure.stage && h('span', { class: 'quiet small' }, ` ${word('tickets.stage_', row.failure.stage)}`)] },
      { label: t('tickets.attempt'), right: true, cell: (row) => (row.attempt > 1 ? row.attempt : '') },
      { label: t('tickets.issued'), cell: (row) => ago(row.requested_at) },
      { label: t('tickets.changed'), cell: (row) => ago(row.updated_at) },
    ],
  });

  function choose(next) {
    filter = next;
    remember(next);
    begin();
  }

  function pause() {
    isPaused = !isPaused;
    dot.setAttribute('aria-pressed', String(isPaused));
    dot.classList.toggle('off', isPaused);
    fill(dot, t(isPaused ? 'shell.paused' : 'shell.live'));
    if (!isPaused) watch?.now();
  }

  function begin() {
    watch?.close();
    isFirst = true;
    const isFailed = filter.state === 'failed';
    fill(act, isFailed && session.may('issuer', 'publisher') && button(t('tickets.redrive_matching_'), () => redriveMany({ api, go, filter }), { small: true, picture: 'redrives' }));
    watch = live(EVERY_MS, async (gone) => {
      if (isPaused && !isFirst) return;
      const said = await api.get(`/v1/tickets${query({ ...filter, limit: PAGE })}`, { signal: gone });
      show(said);
    }, { onProblem: (error) => isFirst && fill(place, problemNotice(error, begin)) });
  }

  function show({ tickets, next_cursor }) {
    const rows = tickets.map((row) => ({ ...row, isFresh: !isFirst && seen.get(row.id) !== row.revision }));
    const hasChanged = isFirst || rows.some((row) => row.isFresh) || tickets.length !== seen.size;
    seen = new Map(tickets.map((row) => [row.id, row.revision]));
    // A list that is walked through or read further on is not exchanged beneath the reader.
    const isHeld = made.body.contains(document.activeElement) || made.body.childElementCount > PAGE;
    if (!hasChanged || (isHeld && !isFirst)) return;
    isFirst = false;
    made.show(rows);
    fill(place, tickets.length ? made.element : empty(t(Object.keys(filter).length ? 'tickets.none_match' : 'tickets.none')));
    further(next_cursor);
  }

  function further(cursor) {
    fill(foot, cursor && h('p', { class: 'more' }, button(t('shell.more'), async (event) => {
      const pressed = event.currentTarget;
      pressed.disabled = true;
      try {
        const said = await api.get(`/v1/tickets${query({ ...filter, limit: PAGE, cursor })}`, { signal });
        made.add(said.tickets);
        further(said.next_cursor);
      } catch (error) {
        if (error.name !== 'AbortError') fill(foot, problemNotice(error, () => further(cursor)));
      }
    })));
  }

  panel.append(h('div', { class: 'stack' }, form.element, card({ title: t('tickets.found'), tools: [act, dot], flush: true }, place, foot)));
  begin();
  return { close: () => watch?.close() };
}
