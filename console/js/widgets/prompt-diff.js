// Two texts beside each other, line by line. Long runs of equal lines are folded.

import { h, inline } from '../dom.js';
import { t } from '../i18n.js';
import { placeName } from './findings.js';

/** Equal lines shown before and after a change. */
const CONTEXT = 3;
/** Runs of equal lines shorter than this are not worth folding. */
const FOLDED = 4;

/** What differs between two prompts, as `GET …/diff` gives it. */
export function promptDiff(diff) {
  if (diff.same) return h('p', { class: 'quiet' }, t('prompts.nothing_differs'));
  const settings = diff.settings.map((one) =>
    h(
      'tr',
      {},
      h('th', { scope: 'row' }, placeName(one.place)),
      h('td', { class: 'removed' }, inline(said(one.from), 2000)),
      h('td', { class: 'added' }, inline(said(one.to), 2000)),
    ),
  );
  return h(
    'div',
    { class: 'changes' },
    settings.length
      ? h(
          'div',
          { class: 'table-wrap', tabindex: '0', role: 'region', 'aria-label': t('prompts.settings') },
          h(
            'table',
            { class: 'table' },
            h('thead', {}, h('tr', {}, h('th', { scope: 'col' }, t('prompts.setting')), h('th', { scope: 'col' }, t('prompts.before')), h('th', { scope: 'col' }, t('prompts.after')))),
            h('tbody', {}, ...settings),
          ),
        )
      : null,
    ...diff.texts.map((text) =>
      h(
        'section',
        { class: 'diff-text' },
        h('h4', {}, placeName(text.place), ' ', textNote(text)),
        lineDiff(text.lines.map(({ kind, text: line }) => ({ op: kind, line })), placeName(text.place)),
      ),
    ),
  );
}

function textNote(text) {
  let words = null;
  if (!text.was_there) words = t('prompts.text_new');
  else if (!text.is_there) words = t('prompts.text_gone');
  else if (text.from_role && text.to_role && text.from_role !== text.to_role) {
    words = t('prompts.role_changed', { from: t(`prompts.role_${text.from_role}`), to: t(`prompts.role_${text.to_role}`) });
  }
  return words ? h('span', { class: 'quiet' }, words) : null;
}

function said(value) {
  if (value === null) return t('prompts.not_set');
  return typeof value === 'string' ? value : JSON.stringify(value);
}

/**
 * Lines with what became of them.
 * @param {{op: 'same'|'removed'|'added', line: string}[]} lines
 */
export function lineDiff(lines, label) {
  const list = h('div', { class: 'diff', role: 'region', tabindex: '0', 'aria-label': label ?? t('prompts.differences') });
  for (let at = 0; at < lines.length; ) {
    if (lines[at].op !== 'same') {
      list.append(rowOf(lines[at]));
      at += 1;
      continue;
    }
    let end = at;
    while (end < lines.length && lines[end].op === 'same') end += 1;
    const head = at === 0 ? 0 : CONTEXT;
    const tail = end === lines.length ? 0 : CONTEXT;
    const folded = lines.slice(at + head, end - tail);
    if (folded.length < FOLDED) {
      list.append(...lines.slice(at, end).map(rowOf));
    } else {
      list.append(...lines.slice(at, at + head).map(rowOf), foldOf(folded), ...lines.slice(end - tail, end).map(rowOf));
    }
    at = end;
  }
  return list;
}

function foldOf(rows) {
  const button = h(
    'button',
    { type: 'button', class: 'diff-gap plain', onclick: () => button.replaceWith(...rows.map(rowOf)) },
    t('prompts.equal_lines', { count: rows.length }),
  );
  return button;
}

function rowOf({ op, line }) {
  const sign = { same: '', removed: '−', added: '+' }[op];
  const words = { same: '', removed: t('prompts.removed'), added: t('prompts.added') }[op];
  return h(
    'div',
    { class: `diff-line ${op}` },
    h('span', { 'aria-hidden': 'true' }, sign),
    h('span', {}, words ? h('span', { class: 'aloud' }, words, ': ') : null, inline(line, 2000)),
  );
}
