// A refusal, in the server's own sentence, with what to do about it and a way back.

import { h, inline } from '../dom.js';
import { t } from '../i18n.js';
import { findingList } from './findings.js';

/**
 * @param {Error & {code?: string, detail?: string, remedy?: string, findings?: object[]}} problem
 * @param {{again?: () => void, back?: {href: string, words: string}, title?: string}} options
 */
export function problemBox(problem, { again, back, title } = {}) {
  const remedy = more(problem, 'remedy');
  const findings = more(problem, 'findings') ?? [];
  return h('div', { class: 'notice bad', role: 'alert' }, h(
    'div',
    {},
    h('strong', {}, title ?? t('prompts.not_done')),
    h('p', {}, inline(problem.detail ?? problem.title ?? problem.message ?? String(problem), 2000)),
    remedy ? h('p', { class: 'second' }, inline(remedy, 2000)) : null,
    findings.length ? findingList(findings, { places: true }) : null,
    again || back
      ? h(
          'p',
          { class: 'actions' },
          again ? h('button', { type: 'button', onclick: again }, t('prompts.try_again')) : null,
          back ? h('a', { href: back.href }, back.words) : null,
        )
      : null,
    problem.fields?.request_id ? h('p', { class: 'quiet small' }, t('shell.request_id'), ' ', h('code', {}, problem.fields.request_id)) : null,
  ));
}

/** A member of a problem beyond the standard ones. */
export function more(problem, name) {
  return problem?.[name] ?? problem?.fields?.[name];
}

/** Shows a problem in `place`, or nothing; what is asked for runs with the button off. */
export async function attempt(place, button, run) {
  place.replaceChildren();
  if (button) button.disabled = true;
  try {
    return await run();
  } catch (problem) {
    if (problem?.name === 'AbortError') return undefined;
    place.replaceChildren(problemBox(problem));
    place.scrollIntoView({ block: 'nearest' });
    return undefined;
  } finally {
    if (button) button.disabled = false;
  }
}
