// Tables: rows of values; on a phone each row becomes a small card.

import { fill, h } from '../dom.js';

/**
 * `columns`: `[{ label, cell(row), right?, wide?, labelled? }]`; `link(row)` gives the address of a row, which
 * then opens on a click and with Enter. Gives back `{ element, show(rows), add(rows), body }`.
 */
export function table({ columns, caption, link, walk = Boolean(link), rowClass }) {
  const body = h('tbody');
  const element = h('div', { class: 'table-wrap' },
    h('table', { class: 'table folds' },
      caption && h('caption', { class: 'aloud' }, caption),
      h('thead', null, h('tr', null, columns.map((column) => h('th', { scope: 'col', class: column.right ? 'right' : null }, column.hideLabel ? h('span', { class: 'aloud' }, column.label) : column.label)))),
      body));

  function row(entry) {
    const address = link?.(entry);
    const cells = columns.map((column) => {
      const shown = column.cell(entry);
      const nothing = shown === null || shown === undefined || shown === '';
      return h('td', { class: [column.right && 'right', column.wide && 'wide', nothing && 'nothing'], data: { label: column.labelled === false ? undefined : column.label } }, shown);
    });
    const made = h('tr', { class: [address && 'linked', rowClass?.(entry)], 'data-walk': walk || null }, cells);
    if (address) {
      made.addEventListener('click', (event) => {
        if (event.target.closest('a, button, input, label, summary, select') || getSelection()?.toString()) return;
        if (event.ctrlKey || event.metaKey) open(address, '_blank', 'noopener');
        else location.hash = address.replace(/^#/, '');
      });
    }
    return made;
  }

  return {
    element, body, row,
    show: (rows) => fill(body, rows.map(row)),
    add: (rows) => body.append(...rows.map(row)),
  };
}

/** Names and values. */
export const facts = (entries) => h('dl', { class: 'facts' }, entries.filter((entry) => entry && entry[1] !== null && entry[1] !== undefined && entry[1] !== false)
  .map(([name, value]) => [h('dt', null, name), h('dd', null, value)]));
