// The forks of a ticket, and two tickets beside each other.

import { fill, h, inline, text } from '../../dom.js';
import { ago, duration, money, percent, short } from '../../format.js';
import { t } from '../../i18n.js';
import { stateBadge } from '../../widgets/badge.js';
import { empty, loading, problemNotice } from '../../widgets/notice.js';
import { button } from '../../widgets/page.js';
import { lineDiff } from '../../widgets/prompt-diff.js';
import { table } from '../../widgets/table.js';

/** The list, and the comparison with `chosen` where one is. `onChoose(id)` hears of another. */
export function forksPart(panel, { api, base, signal, chosen, onChoose }) {
  const place = h('div', { class: 'stack' });
  const list = h('div', null, loading());
  panel.append(h('div', { class: 'stack' }, list, place));

  async function compare(id) {
    onChoose(id);
    fill(place, loading());
    try {
      fill(place, comparison(await api.get(`${base}/compare?with=${encodeURIComponent(id)}`, { signal })));
      place.scrollIntoView({ block: 'nearest' });
    } catch (error) {
      if (error.name !== 'AbortError') fill(place, problemNotice(error, () => compare(id)));
    }
  }

  async function read() {
    try {
      const { tickets } = await api.get(`${base}/forks`, { signal });
      if (!tickets.length) return fill(list, empty(t('tickets.no_forks')));
      const made = table({
        caption: t('tickets.forks'),
        columns: [
          { label: t('tickets.id'), cell: (row) => h('a', { href: `#/tickets/${encodeURIComponent(row.id)}` }, h('code', null, `…${short(row.id)}`)) },
          { label: t('tickets.state'), cell: (row) => stateBadge(row.state) },
          { label: t('tickets.issued'), cell: (row) => ago(row.requested_at) },
          { label: t('tickets.compare'), hideLabel: true, right: true, labelled: false, cell: (row) => button(t('tickets.compare'), () => compare(row.id), { small: true }) },
        ],
      });
      made.show(tickets);
      return fill(list, made.element);
    } catch (error) {
      return error.name === 'AbortError' ? undefined : fill(list, problemNotice(error, read));
    }
  }

  read();
  if (chosen) compare(chosen);
  return {};
}

/** Two tickets beside each other, as `GET …/compare` tells it. */
export function comparison(said) {
  const json = (value) => (value === undefined ? '' : inline(JSON.stringify(value), 400));
  return h('div', { class: 'stack' },
    h('p', { role: 'status' }, h('strong', null, said.same ? t('tickets.answers_same') : t('tickets.answers_similar', { part: percent(said.similarity, 0) }))),
    h('div', { class: 'columns' }, side(t('tickets.this_ticket'), said.left), side(t('tickets.other_ticket'), said.right)),
    said.parameters?.length > 0 && h('section', null, h('h3', null, t('tickets.parameters')), h('ul', null, said.parameters.map((one) => h('li', null, h('code', null, inline(one.name, 80)), ': ', json(one.left) || '–', ' → ', json(one.right) || '–')))),
    !said.same && said.json && h('section', null, h('h3', null, t('tickets.answers_differ')), h('ul', { class: 'stack' }, said.json.map((one) => h('li', null, h('code', null, inline(one.pointer || '/', 300)), ' ', one.left !== undefined && h('del', { class: 'removed' }, json(one.left)), one.left !== undefined && one.right !== undefined && ' → ', one.right !== undefined && h('ins', { class: 'added' }, json(one.right)))))),
    !said.same && said.text && h('section', null, h('h3', null, t('tickets.answers_differ')), lineDiff(said.text, t('tickets.answers_differ'))),
    said.prompt_text?.some((line) => line.op !== 'same') && h('section', null, h('h3', null, t('tickets.prompts_differ')), lineDiff(said.prompt_text, t('tickets.prompts_differ'))));
}

function side(name, one) {
  const words = [one.prompt?.version && t('tickets.version_n', { task: one.prompt.task ?? '', version: one.prompt.version }), one.model, one.usage && t('tickets.tokens_n', { count: one.usage.prompt_tokens + one.usage.completion_tokens }), one.cost_usd !== undefined && money(one.cost_usd), one.total_ms !== undefined && duration(one.total_ms)];
  const answer = one.answer ?? one.failure?.message ?? '';
  return h('section', { class: 'span-6 stack' },
    h('h3', null, name, ' ', stateBadge(one.state)),
    h('p', { class: 'quiet small' }, inline(words.filter(Boolean).join(' · '), 300), ' · ', h('a', { href: `#/tickets/${encodeURIComponent(one.ticket)}` }, h('code', null, `…${short(one.ticket)}`))),
    text(typeof answer === 'string' ? answer : JSON.stringify(answer, null, 2), { boxed: true, code: typeof answer !== 'string', max: 20000 }));
}
