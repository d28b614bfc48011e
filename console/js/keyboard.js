// Keys: `g` and a letter opens a page, `/` searches, `j` and `k` walk through a list, `?` shows them all.

import { h } from './dom.js';
import { t } from './i18n.js';
import { dialog } from './widgets/dialog.js';

const WAIT = 1200;

/** Listens. `places` gives `[{ key, path, label }]`; `go` opens one. */
export function listen({ places, go }) {
  let begun = 0;
  addEventListener('keydown', (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || isWriting(event.target) || document.querySelector('dialog[open]')) return;
    if (event.key === 'g') {
      begun = Date.now();
      return;
    }
    const place = Date.now() - begun < WAIT ? places().find(({ key }) => key === event.key) : null;
    begun = 0;
    if (place) {
      event.preventDefault();
      go(place.path);
    } else if (event.key === '/') {
      const search = document.querySelector('main input[type="search"], main [data-search]');
      if (!search) return;
      event.preventDefault();
      search.focus();
    } else if (event.key === '?') {
      event.preventDefault();
      help(places());
    } else if (['j', 'k', 'Enter', 'x'].includes(event.key)) {
      walk(event);
    }
  });
}

function isWriting(target) {
  return target instanceof HTMLElement && (target.isContentEditable || target.matches('input:not([type="checkbox"], [type="radio"], [type="range"]), textarea, select'));
}

/** Lists with `data-walk` on their rows; the current one carries the class `current`. */
function walk(event) {
  const rows = [...document.querySelectorAll('main [data-walk]')].filter((row) => row.offsetParent !== null);
  if (!rows.length) return;
  const at = rows.findIndex((row) => row.classList.contains('current'));
  if (event.key === 'Enter') {
    if (at >= 0 && !event.target.closest('a, button, summary')) rows[at].querySelector('a')?.click();
    return;
  }
  if (event.key === 'x') {
    if (at >= 0) rows[at].querySelector('input[type="checkbox"]')?.click();
    return;
  }
  event.preventDefault();
  const next = Math.min(Math.max(at + (event.key === 'j' ? 1 : -1), 0), rows.length - 1);
  rows.forEach((row, index) => row.classList.toggle('current', index === next));
  rows[next].scrollIntoView({ block: 'nearest' });
  rows[next].querySelector('a')?.focus({ preventScroll: true });
}

/** Shows the keys. */
export function help(places) {
  const row = (keys, label) => [h('dt', null, keys.map((key) => [h('kbd', null, key), ' '])), h('dd', null, label)];
  dialog({
    title: t('shell.keys_title'),
    body: h('dl', { class: 'facts' },
      places.map(({ key, label }) => row(['g', key], label)),
      row(['/'], t('shell.keys_search')),
      row(['j', 'k'], t('shell.keys_walk')),
      row(['Enter'], t('shell.keys_open')),
      row(['?'], t('shell.keys_help')),
      row(['Esc'], t('shell.keys_close'))),
    actions: [{ label: t('shell.close'), primary: true }],
  });
}
