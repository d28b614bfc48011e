// What tickets are looked for: states, task, user, times, reason. What is chosen stands in the address.

import { h } from '../../dom.js';
import { t, word } from '../../i18n.js';
import { field } from '../../widgets/field.js';
import { button } from '../../widgets/page.js';

export const STATES = ['requested', 'pre_processed', 'sent', 'answered', 'persisted', 'delivered', 'failed', 'cancelled'];
const STAGES = ['pre_process', 'model', 'persist', 'deliver'];
/** Typing settles before it is asked. */
const SETTLES_MS = 350;
const NAMES = ['state', 'task', 'user', 'stage', 'code', 'from', 'before', 'forks'];

/** The filter in an address. */
export const filterOf = (query) => Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? '']).filter(([, value]) => value));

const local = (iso) => {
  if (!iso) return '';
  const at = new Date(iso);
  return Number.isNaN(at.getTime()) ? '' : new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
};
const utc = (value) => (value ? new Date(value).toISOString() : '');

/** `onChange(filter)` hears of what is chosen. Gives back `{ element, read, close }`. */
export function filterForm({ filter, onChange }) {
  let chosen = new Set((filter.state ?? '').split(',').filter(Boolean));
  let timer = null;
  const more = h('details', { class: 'more-filters', open: Boolean(filter.from || filter.before || filter.stage || filter.code || filter.forks) });
  const tell = () => {
    clearTimeout(timer);
    onChange(read());
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(tell, SETTLES_MS);
  };
  const typed = (name, options) => field({ label: t(`tickets.${name}`), type: 'search', value: filter[name] ?? '', autocomplete: 'off', spellcheck: 'false', oninput: soon, ...options });
  const task = typed('task', { maxlength: 64 });
  const user = typed('user', { maxlength: 128 });
  const code = typed('code', { placeholder: 'deadline_exceeded', maxlength: 64 });
  const stage = field({ label: t('tickets.failed_stage'), type: 'select', value: filter.stage ?? '', options: [{ value: '', label: t('shell.all') }, ...STAGES.map((name) => ({ value: name, label: word('tickets.stage_', name) }))], onchange: tell });
  const from = field({ label: t('tickets.from'), type: 'datetime-local', value: local(filter.from), onchange: tell });
  const before = field({ label: t('tickets.before'), type: 'datetime-local', value: local(filter.before), onchange: tell });
  const forks = field({ label: t('tickets.forks'), type: 'select', value: filter.forks ?? '', options: ['', 'with', 'only'].map((value) => ({ value, label: t(`tickets.forks_${value || 'without'}`) })), onchange: tell });

  const chips = h('div', { class: 'chips', role: 'group', 'aria-label': t('tickets.state') }, STATES.map((state) => h('button', {
    type: 'button', class: 'chip', 'aria-pressed': String(chosen.has(state)),
    onclick: (event) => {
      if (!chosen.delete(state)) chosen.add(state);
      event.currentTarget.setAttribute('aria-pressed', String(chosen.has(state)));
      tell();
    },
  }, word('tickets.state_', state))));

  function read() {
    const states = STATES.filter((state) => chosen.has(state)).join(',');
    const said = { state: states, task: task.value.trim(), user: user.value.trim(), stage: stage.value, code: code.value.trim(), from: utc(from.value), before: utc(before.value), forks: forks.value };
    return Object.fromEntries(Object.entries(said).filter(([, value]) => value));
  }

  function clear() {
    chosen = new Set();
    chips.querySelectorAll('button').forEach((chip) => chip.setAttribute('aria-pressed', 'false'));
    for (const one of [task, user, stage, code, from, before, forks]) one.input.value = '';
    tell();
  }

  more.append(h('summary', null, t('tickets.more_filters')), h('div', { class: 'fields' }, from.element, before.element, stage.element, code.element, forks.element));
  return {
    element: h('search', { class: 'filter' }, h('div', { class: 'filter-head' }, chips, button(t('tickets.clear'), clear, { small: true, kind: 'plain' })), h('div', { class: 'fields' }, task.element, user.element), more),
    read,
    close: () => clearTimeout(timer),
  };
}
