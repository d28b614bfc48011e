// Failed tickets by their reason.

import { fill, h, inline } from '../../dom.js';
import { ago, count } from '../../format.js';
import { t, word } from '../../i18n.js';
import { live } from '../../live.js';
import { empty, loading, problemNotice } from '../../widgets/notice.js';
import { button, card } from '../../widgets/page.js';
import { table } from '../../widgets/table.js';
import { redriveMany } from './redrive-many.js';

const EVERY_MS = 5000;

/** The panel with them. */
export function deadLetters(panel, { api, session, go }) {
  const place = h('div', null, loading());
  const trouble = h('div', { role: 'alert' });
  panel.append(card({ title: t('tickets.dead_letters'), flush: true }, trouble, place));
  let seen = null;
  const address = (row) => `#/tickets?${new URLSearchParams({ state: 'failed', task: row.task, stage: row.stage, code: row.code })}`;
  const act = (row) => redriveMany({ api, go, filter: { task: row.task, stage: row.stage, code: row.code } });
  const watch = live(EVERY_MS, async (signal) => {
    const { total, groups } = await api.get('/v1/dead-letters', { signal });
    fill(trouble);
    const now = JSON.stringify(groups);
    if (now === seen) return;
    seen = now;
    if (!groups.length) {
      fill(place, empty(t('tickets.none_failed')));
      return;
    }
    const made = table({
      caption: t('tickets.dead_letters'), link: address,
      columns: [
        { label: t('tickets.task'), cell: (row) => h('a', { class: 'row-link', href: address(row) }, inline(row.task, 64)) },
        { label: t('tickets.failed_stage'), cell: (row) => word('tickets.stage_', row.stage) },
        { label: t('tickets.code'), cell: (row) => h('code', null, inline(row.code, 80)) },
        { label: t('tickets.how_many'), right: true, cell: (row) => h('strong', null, count(row.count)) },
        { label: t('tickets.oldest'), cell: (row) => ago(row.oldest) },
        { label: t('tickets.newest'), cell: (row) => ago(row.newest) },
        { label: t('tickets.redrive'), hideLabel: true, labelled: false, right: true, cell: (row) => session.may('issuer', 'publisher') && button(t('tickets.redrive_all_'), () => act(row), { small: true }) },
      ],
    });
    made.show(groups);
    fill(place, made.element, h('p', { class: 'more quiet' }, t('tickets.total_failed', { count: total })));
  }, { onProblem: (error) => fill(seen === null ? place : trouble, problemNotice(error, () => watch.now())) });
  return watch;
}
