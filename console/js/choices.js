// What somebody may choose of the console itself: its language, and light or dark.

import { h } from './dom.js';
import { lang, t } from './i18n.js';

const NAMES = { en: 'English', ko: '한국어' };

/** The languages, each by its own name. */
export function languageChoice(choose) {
  return h('select', { 'aria-label': t('shell.language'), onchange: (event) => choose(event.target.value) },
    Object.entries(NAMES).map(([code, name]) => h('option', { value: code, lang: code, selected: code === lang() }, name)));
}

/** Light, dark, or as the system is. */
export function themeChoice() {
  let chosen = 'auto';
  try {
    chosen = localStorage.getItem('punchcard.theme') ?? 'auto';
  } catch {
    // Without storage the system's choice holds.
  }
  const choose = (event) => {
    try {
      if (event.target.value === 'auto') localStorage.removeItem('punchcard.theme');
      else localStorage.setItem('punchcard.theme', event.target.value);
    } catch {
      // It cannot be kept, then.
    }
    dispatchEvent(new Event('punchcard:theme'));
  };
  return h('select', { 'aria-label': t('shell.theme'), onchange: choose },
    ['auto', 'light', 'dark'].map((name) => h('option', { value: name, selected: name === chosen }, t(`shell.theme_${name}`))));
}
