// What an entry of the history says. English is the server's own sentence; another language is put together
// here, of the same event.

import { lang, has, t } from '../../i18n.js';
import { byName } from '../../widgets/words.js';

/** An entry as a sentence in the chosen language. */
export function said(entry) {
  if (lang() === 'en') return entry.sentence;
  const key = keyOf(entry);
  if (!has(key)) return entry.sentence;
  const { event } = entry;
  const tested = event.tested ?? {};
  const what = tested.draft !== undefined ? t('prompts.draft_edit_n', { edit: tested.draft }) : tested.version !== undefined ? t('prompts.version_n', { version: tested.version }) : '';
  const sentence = t(key, {
    by: byName(entry.by),
    edit: event.edit ?? '',
    version: event.version ?? event.to ?? '',
    from: event.from ?? '',
    label: event.label ?? '',
    number: event.number ?? event.test_set ?? '',
    cases: event.cases ?? '',
    failed: event.failed ?? '',
    percent: event.percent ?? '',
    beside: event.beside ?? '',
    what,
  });
  const words = [event.notes, event.reason, event.clearance?.overridden?.reason].filter((one) => typeof one === 'string' && one !== '');
  return [sentence, ...words.map((reason) => t('prompts.said_because', { reason }))].join(' ');
}

function keyOf({ kind, event }) {
  const base = `prompts.said_${kind}`;
  if (kind === 'LabelMoved') {
    if (event.cause === 'deployed' && (event.from === undefined || event.from === null)) return `${base}_first`;
    return `${base}_${event.cause}`;
  }
  if (kind === 'CanaryEnded') return `${base}_${event.end}`;
  if (kind === 'PromptTested') return `${base}_${event.failed ? 'failed' : 'passed'}`;
  if (kind === 'PromptDrafted' && event.based_on) return `${base}_copy`;
  return base;
}
