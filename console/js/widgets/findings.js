// What was found in a text: mistakes first, each with its place and what to do.

import { h, inline } from '../dom.js';
import { t } from '../i18n.js';

/**
 * @param {{severity: string, place?: string, line?: number, column?: number, message: string, remedy: string}[]} found
 * @param {{goTo?: (finding: object) => void, places?: boolean}} options
 */
export function findingList(found, { goTo, places = false } = {}) {
  const order = (one) => (one.severity === 'error' ? 0 : 1);
  const sorted = [...found].sort((a, b) => order(a) - order(b));
  return h('ul', { class: 'findings' }, ...sorted.map((one) => item(one, goTo, places)));
}

function item(one, goTo, places) {
  const isError = one.severity === 'error';
  const where = [];
  if (places && one.place) where.push(placeName(one.place));
  if (one.line) where.push(one.column ? t('prompts.at_line_column', { line: one.line, column: one.column }) : t('prompts.at_line', { line: one.line }));
  const place = where.join(', ');
  const jump = one.line && goTo && !places;
  return h(
    'li',
    { class: isError ? 'finding finding-error' : 'finding finding-warning' },
    h('strong', {}, isError ? t('prompts.mistake') : t('prompts.hint')),
    place
      ? jump
        ? h('button', { type: 'button', class: 'link', onclick: () => goTo(one) }, place)
        : h('span', { class: 'finding-place' }, place)
      : null,
    h('span', { class: 'finding-words' }, inline(one.message, 2000), ' ', inline(one.remedy, 2000)),
  );
}

/** A place as the server names it, in words. */
export function placeName(place) {
  const message = /^messages\[(\d+)\]$/.exec(place);
  if (message) return t('prompts.place_message', { number: Number(message[1]) + 1 });
  const known = {
    model: 'prompts.model',
    answer: 'prompts.answer_kind',
    messages: 'prompts.messages',
    input_schema: 'prompts.input_schema',
    answer_schema: 'prompts.answer_schema',
    'parameters.temperature': 'prompts.temperature',
    'parameters.top_p': 'prompts.top_p',
    'parameters.max_tokens': 'prompts.max_tokens',
    'parameters.seed': 'prompts.seed',
    'parameters.json': 'prompts.json_mode',
  };
  if (known[place]) return t(known[place]);
  const partial = /^partial (.+)$/.exec(place);
  if (partial) return t('prompts.place_partial', { name: partial[1] });
  const property = /^input_schema\.properties\.(.+)$/.exec(place);
  if (property) return t('prompts.place_property', { name: property[1] });
  const testCase = /^case ([^,]+)(?:, expect\[(\d+)\])?/.exec(place);
  if (testCase && testCase[2]) return t('prompts.place_expectation', { name: testCase[1], number: Number(testCase[2]) + 1 });
  if (testCase) return t('prompts.place_case', { name: testCase[1] });
  return place;
}
