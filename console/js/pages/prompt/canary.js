// A canary: a version that a share of the users gets first, and what was seen of it so far.

import { fill, h, inline } from '../../dom.js';
import { count, percent as percentOf } from '../../format.js';
import { t } from '../../i18n.js';
import { live } from '../../live.js';
import { confirm } from '../../widgets/dialog.js';
import { problemNotice } from '../../widgets/notice.js';
import { attempt } from '../../widgets/problem.js';
import { toast } from '../../widgets/toast.js';
import { whenBy } from '../../widgets/words.js';

/** How often the tally is read, in milliseconds. */
const EVERY_MS = 3000;

export async function mount(body, room) {
  const place = h('div', { class: 'stack' });
  const trouble = h('div', {});
  body.append(trouble, place);
  let watch = null;
  let shown = null;

  const draw = () => {
    const { canary } = room.prompt;
    shown = canary?.canary ?? null;
    if (canary) {
      const seen = h('div', { 'aria-live': 'off' });
      fill(place, card(room, canary, seen, draw));
      tally(seen, canary);
    } else {
      fill(place, h('p', { class: 'empty' }, t('prompts.no_canary')), room.may('publisher') && room.prompt.production && !room.prompt.retired ? startCard(room, draw) : h('p', { class: 'quiet' }, t('prompts.canary_publisher')));
    }
  };
  draw();
  watch = live(EVERY_MS, async (signal) => {
    if (!shown) return;
    try {
      const canary = await room.api.get(`${room.base}/canary`, { signal });
      fill(trouble);
      if (canary.canary === shown) tally(place.querySelector('[data-tally]'), canary);
    } catch (problem) {
      if (problem.code !== 'canary_not_running') throw problem;
      // It was taken back, stopped or promoted meanwhile: the history says which.
      await room.refresh();
      fill(trouble);
      draw();
      place.prepend(h('p', { class: 'notice warning', role: 'status' }, h('span', {}, t('prompts.canary_ended'), ' ', h('a', { href: room.at('history') }, t('prompts.tab_history')))));
    }
  }, { onProblem: (problem) => fill(trouble, problemNotice(problem, () => watch.now())) });
  return { close: () => watch?.close() };
}

function card(room, canary, seen, draw) {
  seen.dataset.tally = '';
  const bounds = canary.bounds;
  const facts = [
    [t('prompts.version'), t('prompts.version_n', { version: canary.version })],
    [t('prompts.canary_share'), t('prompts.canary_of_users', { percent: canary.percent })],
    [t('prompts.canary_beside'), t('prompts.version_n', { version: canary.beside })],
    [t('prompts.started'), whenBy(canary.since, canary.by)],
    [t('prompts.reason'), canary.reason ? inline(canary.reason, 500) : '–'],
    [t('prompts.canary_bounds'), t('prompts.canary_bounds_words', { failed: bounds.max_failed_percent, broken: bounds.max_schema_violation_percent, tickets: bounds.min_tickets })],
  ];
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'canary-title' },
    h('div', { class: 'card-head' }, h('h2', { id: 'canary-title' }, t('prompts.canary_running', { version: canary.version, percent: canary.percent })), h('span', { class: 'live-dot' }, t('prompts.live'))),
    h(
      'div',
      { class: 'card-body' },
      h('dl', { class: 'facts' }, ...facts.flatMap(([name, value]) => [h('dt', {}, name), h('dd', {}, value)])),
      seen,
      room.may('publisher')
        ? h('p', { class: 'actions' }, h('button', { type: 'button', class: 'primary', onclick: () => promote(room, canary, draw) }, t('prompts.promote_')), h('button', { type: 'button', class: 'danger', onclick: () => stop(room, canary, draw) }, t('prompts.canary_stop_')))
        : h('p', { class: 'quiet' }, t('prompts.canary_publisher')),
    ),
  );
}

function tally(place, canary) {
  if (!place) return;
  const seen = canary.tally;
  if (!seen) {
    fill(place, h('p', { class: 'quiet' }, t('prompts.tally_none')));
    return;
  }
  const ended = seen.answered + seen.failed;
  const share = (part) => (ended ? percentOf(part / ended) : '–');
  const row = (name, part, bound) => h('tr', {}, h('th', { scope: 'row' }, name), h('td', { class: 'right' }, count(part)), h('td', { class: 'right' }, bound === null ? '' : share(part)), h('td', { class: 'right' }, bound === null ? '' : percentOf(bound / 100, 0)));
  fill(
    place,
    h(
      'table',
      { class: 'table' },
      h('thead', {}, h('tr', {}, h('td', {}), h('th', { scope: 'col', class: 'right' }, t('prompts.tally_count')), h('th', { scope: 'col', class: 'right' }, t('prompts.tally_share')), h('th', { scope: 'col', class: 'right' }, t('prompts.tally_bound')))),
      h('tbody', {}, row(t('prompts.tally_tickets'), seen.tickets, null), row(t('prompts.tally_answered'), seen.answered, null), row(t('prompts.tally_failed'), seen.failed, canary.bounds.max_failed_percent), row(t('prompts.tally_broken'), seen.schema_violations, canary.bounds.max_schema_violation_percent)),
    ),
  );
}

async function promote(room, canary, draw) {
  const done = await confirm({
    title: t('prompts.promote_title', { version: canary.version }),
    body: t('prompts.promote_words', { version: canary.version, beside: canary.beside }),
    yes: t('prompts.promote'),
    danger: true,
    run: () => room.api.put(`${room.base}/labels/production`, { body: { version: canary.version, expected: canary.beside, expected_canary: canary.canary } }),
  });
  await room.renew();
  if (done) toast(t('prompts.deployed', { version: canary.version, label: 'production' }));
  draw();
}

async function stop(room, canary, draw) {
  const done = await confirm({
    title: t('prompts.canary_stop_title', { version: canary.version }),
    body: t('prompts.canary_stop_words', { version: canary.version, beside: canary.beside }),
    yes: t('prompts.canary_stop'),
    danger: true,
    run: () => room.api.delete(`${room.base}/canary`, {}),
  });
  await room.renew();
  if (done) toast(t('prompts.canary_stopped'));
  draw();
}

function startCard(room, draw) {
  const version = h('select', { id: 'canary-version' });
  for (let number = room.prompt.latest; number > 0; number -= 1) if (number !== room.prompt.production) version.append(h('option', { value: String(number) }, t('prompts.version_n', { version: number })));
  if (!version.options.length) return h('p', { class: 'quiet' }, t('prompts.canary_nothing_else'));
  const numeric = (id, value, min, max) => {
    const input = h('input', { id, type: 'number', min: String(min), max: String(max), step: '1', required: true });
    input.value = String(value);
    return input;
  };
  const percent = numeric('canary-percent', 10, 1, 99);
  const failed = numeric('canary-failed', 10, 0, 100);
  const broken = numeric('canary-broken', 10, 0, 100);
  const tickets = numeric('canary-tickets', 20, 1, 1_000_000);
  const reason = h('input', { id: 'canary-reason', type: 'text', maxlength: '500', autocomplete: 'off' });
  const told = h('div', {});
  const button = h('button', { type: 'submit', class: 'primary' }, t('prompts.canary_start_'));
  const field = (id, label, input, hint) => h('div', { class: 'field' }, h('label', { for: id }, label), hint ? h('p', { class: 'hint' }, hint) : null, input);
  const submit = async (event) => {
    event.preventDefault();
    const words = reason.value.trim();
    const body = { version: Number(version.value), percent: Number(percent.value), bounds: { max_failed_percent: Number(failed.value), max_schema_violation_percent: Number(broken.value), min_tickets: Number(tickets.value) }, ...(words ? { reason: words } : {}) };
    const sure = await confirm({ title: t('prompts.canary_start_title', { version: body.version, percent: body.percent }), body: t('prompts.canary_start_words', { percent: body.percent, version: body.version, production: room.prompt.production }), yes: t('prompts.canary_start'), danger: true });
    if (!sure) return;
    await attempt(told, button, async () => {
      await room.api.put(`${room.base}/canary`, { body });
      await room.renew();
      draw();
    });
  };
  return h(
    'section',
    { class: 'card', 'aria-labelledby': 'canary-new' },
    h('div', { class: 'card-head' }, h('h2', { id: 'canary-new' }, t('prompts.canary_new'))),
    h('form', { class: 'card-body form', onsubmit: submit }, h('p', { class: 'second' }, t('prompts.canary_about')), h('div', { class: 'fields' }, field('canary-version', t('prompts.version'), version), field('canary-percent', t('prompts.canary_percent'), percent), field('canary-failed', t('prompts.canary_max_failed'), failed), field('canary-broken', t('prompts.canary_max_broken'), broken), field('canary-tickets', t('prompts.canary_min_tickets'), tickets)), field('canary-reason', t('prompts.reason'), reason, t('prompts.reason_hint')), told, h('p', {}, button)),
  );
}

