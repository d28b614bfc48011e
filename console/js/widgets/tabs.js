// Tabs (WAI-ARIA): arrows move, the panel of the chosen one is made when it is first looked at.

import { fill, h } from '../dom.js';

let number = 0;

/**
 * `entries`: `[{ id, label, count?, open(panel) }]`; `open` may give back `{ close }`. `onChange(id)` hears of
 * each choice. Gives back `{ element, select, close, count(id, n) }`.
 */
export function tabs({ entries, selected, label, onChange = () => {} }) {
  const group = `tabs-${(number += 1)}`;
  const panel = h('div', { role: 'tabpanel', id: `${group}-panel`, tabindex: 0 });
  const buttons = new Map();
  let current = null;
  let opened = null;

  const list = h('div', { class: 'tabs', role: 'tablist', 'aria-label': label, onkeydown: move },
    entries.map((entry) => {
      const count = h('span', { class: 'count' }, entry.count === undefined ? '' : ` ${entry.count}`);
      const made = h('button', {
        type: 'button', role: 'tab', id: `${group}-${entry.id}`, 'aria-controls': `${group}-panel`,
        onclick: () => select(entry.id),
      }, entry.label, count);
      buttons.set(entry.id, { made, count });
      return made;
    }));

  function move(event) {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    const at = entries.findIndex((entry) => entry.id === current);
    const next = event.key === 'Home' ? 0 : event.key === 'End' ? entries.length - 1 : step ? (at + step + entries.length) % entries.length : null;
    if (next === null) return;
    event.preventDefault();
    select(entries[next].id);
    buttons.get(entries[next].id).made.focus();
  }

  function select(id, { quiet = false } = {}) {
    const entry = entries.find((other) => other.id === id) ?? entries[0];
    if (entry.id === current) return;
    opened?.close?.();
    current = entry.id;
    for (const [other, { made }] of buttons) {
      made.setAttribute('aria-selected', String(other === current));
      made.tabIndex = other === current ? 0 : -1;
    }
    panel.setAttribute('aria-labelledby', `${group}-${current}`);
    fill(panel);
    opened = entry.open(panel) ?? null;
    if (!quiet) onChange(current);
  }

  select(selected ?? entries[0].id, { quiet: true });
  return {
    element: h('div', { class: 'tabbed' }, list, panel),
    select,
    count: (id, value) => buttons.get(id)?.count.replaceChildren(value === null ? '' : ` ${value}`),
    close: () => opened?.close?.(),
  };
}

/** One of a few, as buttons in a row. */
export function segments({ options, value, label, onChange }) {
  const element = h('div', { class: 'segments', role: 'group', 'aria-label': label });
  let current = value;
  const draw = () => fill(element, options.map((option) => h('button', {
    type: 'button', 'aria-pressed': String(option.value === current),
    onclick: () => {
      current = option.value;
      draw();
      element.querySelector('[aria-pressed="true"]')?.focus();
      onChange(current);
    },
  }, option.label)));
  draw();
  return element;
}
