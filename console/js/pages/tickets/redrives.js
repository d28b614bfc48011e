// Runs that open many failed tickets again: how far they are, and what stops them.

import { fill, h, inline } from '../../dom.js';
import { ago, count } from '../../format.js';
import { t, word } from '../../i18n.js';
import { live } from '../../live.js';
import { badge } from '../../widgets/badge.js';
import { confirm } from '../../widgets/dialog.js';
import { empty, loading, problemNotice } from '../../widgets/notice.js';
import { button } from '../../widgets/page.js';

const EVERY_MS = 1500;
const LABELS = { task: 'tickets.task', stage: 'tickets.failed_stage', code: 'tickets.code', user: 'tickets.user', requested_from: 'tickets.from', requested_before: 'tickets.before' };
const KINDS = { running: 'accent', stopped: 'warning', finished: 'good' };

/** The panel with them, the newest first. */
export function redrives(panel, { api, session }) {
  const place = h('div', { class: 'stack' }, loading());
  const trouble = h('div', { role: 'alert' });
  panel.append(trouble, place);
  let seen = null;
  const stop = async (run) => {
    await confirm({ title: t('tickets.stop_title'), body: t('tickets.stop_words'), yes: t('tickets.stop'), danger: true, run: () => api.post(`/v1/redrives/${encodeURIComponent(run.redrive)}/stop`, { body: {} }) });
    watch.now();
  };
  const watch = live(EVERY_MS, async (signal) => {
    const said = await api.get('/v1/redrives?limit=50', { signal });
    fill(trouble);
    const now = JSON.stringify(said);
    if (now === seen) return;
    seen = now;
    fill(place, said.redrives.length ? said.redrives.map((run) => row(run, session.may('issuer', 'publisher') && stop)) : h('div', { class: 'card' }, empty(t('tickets.no_redrives'))));
  }, { onProblem: (error) => fill(seen === null ? place : trouble, problemNotice(error, () => watch.now())) });
  return watch;
}

function row(run, stop) {
  const done = run.redriven + run.skipped + run.refused;
  const part = run.total ? Math.min(done / run.total, 1) : 1;
  const words = t('tickets.redrive_progress', { done, total: run.total });
  const names = Object.entries(run.filter).filter(([name]) => LABELS[name]).map(([name, value]) => `${t(LABELS[name])}: ${name === 'stage' ? word('tickets.stage_', value) : value}`).join(' · ');
  return h('section', { class: 'card' },
    h('div', { class: 'card-head' }, h('h2', null, names ? inline(names, 300) : t('tickets.every_failed')), badge(t(`tickets.redrive_${run.state}`), KINDS[run.state]), stop && run.state === 'running' && button(t('tickets.stop_'), () => stop(run), { small: true, kind: 'danger' })),
    h('div', { class: 'card-body' },
      h('div', { class: 'meter', role: 'meter', 'aria-label': words, 'aria-valuemin': 0, 'aria-valuemax': run.total, 'aria-valuenow': Math.min(done, run.total) }, h('i', { vars: { '--part': `${part * 100}%` } })),
      h('p', null, words, ' · ', t('tickets.redrive_outcomes', { redriven: count(run.redriven), skipped: count(run.skipped), refused: count(run.refused) })),
      h('p', { class: 'quiet small' }, ago(run.started_at), ' · ', inline(run.by, 80), run.from === 'requested' && ` · ${t('tickets.redrive_requested')}`, ` · ${t('tickets.pace', { count: run.per_second })}`)));
}
