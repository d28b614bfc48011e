// The list of tickets that match, live: the first page is read again and again, what is new is marked.

import { query } from '../../api.js';
import { fill, h, inline } from '../../dom.js';
import { ago, short } from '../../format.js';
import { t, word } from '../../i18n.js';
import { live, say, sayProblem } from '../../live.js';
import { badge, stateBadge } from '../../widgets/badge.js';
import { empty, loading, problemNotice } from '../../widgets/notice.js';
import { button, card } from '../../widgets/page.js';
import { table } from '../../widgets/table.js';
import { filterForm, filterOf } from './filter.js';
import { redriveMany } from './redrive-many.js';

const EVERY_MS = 2000;
const PAGE = 50;

/** The panel with filter and list. */
export function ticketList(panel, { api, session, go, query: wanted, remember }) {
  let filter = filterOf(wanted);
  let watch = null;
  let asked = new AbortController();
  /** Revisions of the rows that are shown, by ticket; null until something is. */
  let drawn = null;
  let isPaused = false;
  let isHeld = false;
  let isClosed = false;
  const place = h('div', null, loading());
  const trouble = h('div', { role: 'alert' });
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

  /** Asks with the filter as it is; nothing that was asked with a former one is shown any more. */
  function begin() {
    watch?.close();
    asked.abort();
    if (isClosed) return;
    asked = new AbortController();
    drawn = null;
    isHeld = false;
    sayHow();
    const isFailed = filter.state === 'failed' && !filter.forks;
    // A run of redrives takes no forks, so it would open others than those that are listed.
    fill(act, isFailed && session.may('issuer', 'publisher') && button(t('tickets.redrive_matching_'), () => redriveMany({ api, go, filter }), { small: true, picture: 'redrives' }));
    watch = live(EVERY_MS, async (signal) => {
      if (isPaused && drawn) return;
      const said = await api.get(`/v1/tickets${query({ ...filter, limit: PAGE })}`, { signal });
      show(said);
      fill(trouble);
      sayHow();
    }, {
      onProblem: (error, isOver) => {
        sayProblem(dot, error, isOver);
        if (!drawn) {
          fill(place, problemNotice(error, begin));
          fill(foot);
        } else if (isOver) fill(trouble, problemNotice(error, begin));
      },
    });
  }

  function sayHow() {
    const isStill = isPaused || isHeld;
    dot.setAttribute('aria-pressed', String(isStill));
    say(dot, t(isStill ? 'shell.paused' : 'shell.live'), isStill ? 'off' : null);
  }

  /** Holds the list, or lets it go on: also where it is held because somebody reads further on in it. */
  function pause() {
    if (isHeld) return begin();
    isPaused = !isPaused;
    sayHow();
    return isPaused ? undefined : watch.now();
  }

  function show({ tickets, next_cursor }) {
    const rows = tickets.map((row) => ({ ...row, isFresh: Boolean(drawn) && drawn.get(row.id) !== row.revision }));
    const hasChanged = !drawn || rows.some((row) => row.isFresh) || tickets.length !== drawn.size;
    // A list that is walked through or read further on is not exchanged beneath the reader.
    isHeld = Boolean(drawn) && (made.body.contains(document.activeElement) || made.body.childElementCount > PAGE);
    if (!hasChanged || isHeld) return tell();
    drawn = new Map(tickets.map((row) => [row.id, row.revision]));
    made.show(rows);
    fill(place, tickets.length ? made.element : empty(t(Object.keys(filter).length ? 'tickets.none_match' : 'tickets.none')));
    return further(next_cursor);
  }

  /** How long ago something was goes on, although the row stays. */
  function tell() {
    for (const time of made.body.querySelectorAll('time')) {
      const words = ago(time.dateTime).textContent;
      if (time.textContent !== words) time.textContent = words;
    }
  }

  function further(cursor) {
    const { signal } = asked;
    fill(foot, cursor && h('p', { class: 'more' }, button(t('shell.more'), async (event) => {
      const pressed = event.currentTarget;
      pressed.disabled = true;
      try {
        const said = await api.get(`/v1/tickets${query({ ...filter, limit: PAGE, cursor })}`, { signal });
        if (signal.aborted) return;
        made.add(said.tickets);
        isHeld = true;
        sayHow();
        further(said.next_cursor);
      } catch (error) {
        if (error.name !== 'AbortError' && !signal.aborted) fill(foot, problemNotice(error, () => further(cursor)));
      }
    })));
  }

  panel.append(h('div', { class: 'stack' }, form.element, card({ title: t('tickets.found'), tools: [act, dot], flush: true }, trouble, place, foot)));
  begin();
  return {
    close: () => {
      isClosed = true;
      form.close();
      watch?.close();
      asked.abort();
    },
  };
}
