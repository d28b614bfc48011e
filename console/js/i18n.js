// The console's words. Every text that the console itself says stands in texts/<language>/<area>.js.

export const LANGUAGES = ['en', 'ko'];
export const AREAS = ['shell', 'now', 'tickets', 'prompts', 'try_it', 'shadow', 'tenants', 'webhooks', 'usage'];

let language = 'en';
let texts = {};
let plural = new Intl.PluralRules('en');
const listeners = new Set();

/** The language in use. */
export const lang = () => language;

/** What was chosen before, else what the browser asks for, else English. */
export function preferred() {
  let chosen = null;
  try {
    chosen = localStorage.getItem('punchcard.language');
  } catch {
    // Without storage the browser's language holds.
  }
  if (LANGUAGES.includes(chosen)) return chosen;
  const asked = navigator.languages ?? [navigator.language];
  return asked.map((tag) => tag.slice(0, 2)).find((tag) => LANGUAGES.includes(tag)) ?? 'en';
}

/** Loads a language and uses it. */
export async function use(next) {
  const loaded = await Promise.all(AREAS.map((area) => import(`/console/texts/${next}/${area}.js`)));
  texts = Object.fromEntries(AREAS.map((area, at) => [area, loaded[at].default]));
  language = next;
  plural = new Intl.PluralRules(next);
  document.documentElement.lang = next;
  for (const listener of listeners) listener(next);
}

/** Remembers a choice, and uses it. */
export async function choose(next) {
  try {
    localStorage.setItem('punchcard.language', next);
  } catch {
    // Then it holds for this page.
  }
  await use(next);
}

/** Called whenever the language changes. Gives back what ends that. */
export function onLanguage(listener) {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** Whether there is such a text. */
export const has = (key) => find(key) !== undefined;

function find(key) {
  const dot = key.indexOf('.');
  return texts[key.slice(0, dot)]?.[key.slice(dot + 1)];
}

/**
 * The text of `area.key`, with `{name}` replaced. A text may be `{ one, other }`, chosen by `count`. A key
 * without a text is shown as it is: tests look for that.
 */
export function t(key, params = {}) {
  let found = find(key);
  if (found !== undefined && typeof found !== 'string') found = found[plural.select(params.count ?? 0)] ?? found.other;
  if (found === undefined) return key;
  return found.replace(/\{(\w+)\}/g, (whole, name) => {
    const value = params[name];
    if (value === undefined) return whole;
    return typeof value === 'number' ? new Intl.NumberFormat(language).format(value) : String(value);
  });
}

/** The word for a stable code: `word("tickets.state_", "sent")`; the code itself where there is none. */
export const word = (prefix, code) => (has(`${prefix}${code}`) ? t(`${prefix}${code}`) : String(code ?? "").replaceAll("_", " "));
