// Times, durations and numbers as people read them.

import { h } from './dom.js';
import { lang, t } from './i18n.js';

/** A number. */
export const count = (value, digits = 0) => new Intl.NumberFormat(lang(), { maximumFractionDigits: digits }).format(value ?? 0);

/** A part of one, as a percentage. */
export const percent = (value, digits = 1) => new Intl.NumberFormat(lang(), { style: 'percent', maximumFractionDigits: digits }).format(value ?? 0);

/** US dollars. */
export function money(usd) {
  if (usd === null || usd === undefined) return '–';
  const digits = Math.abs(usd) >= 1 || usd === 0 ? 2 : 5;
  return new Intl.NumberFormat(lang(), { style: 'currency', currency: 'USD', maximumFractionDigits: digits }).format(usd);
}

/** A number in few characters. */
export const compact = (value) => new Intl.NumberFormat(lang(), { notation: 'compact', maximumFractionDigits: 1 }).format(value ?? 0);

/** Milliseconds in the unit that fits. */
export function duration(ms) {
  if (ms === null || ms === undefined) return '–';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${count(ms / 1000, ms < 10_000 ? 2 : 1)} ${t('shell.unit_s')}`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) {
    const seconds = Math.floor((ms % 60_000) / 1000);
    return `${minutes} ${t('shell.unit_min')}${seconds ? ` ${seconds} ${t('shell.unit_s')}` : ''}`;
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} ${t('shell.unit_h')} ${minutes % 60} ${t('shell.unit_min')}`;
  return `${Math.floor(hours / 24)} ${t('shell.unit_d')} ${hours % 24} ${t('shell.unit_h')}`;
}

/** A point in time, to the second or the millisecond. */
export function clock(at, { ms = false } = {}) {
  if (!at) return '–';
  const options = { hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false };
  if (ms) options.fractionalSecondDigits = 3;
  return new Intl.DateTimeFormat(lang(), options).format(new Date(at));
}

/** The same with its day. */
export const dayAndClock = (at) => (at ? new Intl.DateTimeFormat(lang(), { dateStyle: 'medium', timeStyle: 'medium', hour12: false }).format(new Date(at)) : '–');

/** How long ago, in words; the exact time when it is pointed at. */
export function ago(at) {
  if (!at) return h('span', null, '–');
  return h('time', { datetime: at, title: dayAndClock(at), class: 'nowrap' }, agoText(at));
}

function agoText(at) {
  const seconds = (new Date(at).getTime() - Date.now()) / 1000;
  const words = new Intl.RelativeTimeFormat(lang(), { numeric: 'auto', style: 'short' });
  const far = Math.abs(seconds);
  if (far < 60) return words.format(Math.round(seconds), 'second');
  if (far < 3600) return words.format(Math.round(seconds / 60), 'minute');
  if (far < 86_400) return words.format(Math.round(seconds / 3600), 'hour');
  return words.format(Math.round(seconds / 86_400), 'day');
}

/** The part of an id that tells tickets apart at a glance: its end is random. */
export const short = (id) => String(id ?? '').slice(-8);
