// A text editor for prompts and schemas: a plain text area, and behind it the same lines once more, which
// carry the numbers and the marks of findings. What is typed is never touched here.

import { h } from '../dom.js';
import { t } from '../i18n.js';
import { findingList } from './findings.js';

/** Longer texts are edited without line numbers: redrawing them at each key would be slow. */
const MOST_LINES = 4000;
const MOST_LENGTH = 200_000;

let numbered = 0;

/**
 * @param {{label: string, value: string, onChange: (text: string) => void, readonly?: boolean,
 *          code?: boolean, rows?: number}} options
 * @returns {{element: HTMLElement, value: string, mark(findings: object[]): void, focus(): void,
 *            area: HTMLTextAreaElement}}
 */
export function editor({ label, value, onChange, readonly = false, code = false, rows = 3 }) {
  const id = `editor-${(numbered += 1)}`;
  const behind = h('div', { class: 'editor-lines', 'aria-hidden': 'true' });
  const area = h('textarea', {
    id,
    class: 'editor-text',
    rows: String(rows),
    spellcheck: code ? 'false' : 'true',
    autocapitalize: 'off',
    autocomplete: 'off',
    'aria-label': label,
    'aria-describedby': `${id}-findings`,
    readonly: readonly ? '' : null,
  });
  area.value = value;
  const findings = h('div', { id: `${id}-findings`, class: 'editor-findings', 'aria-live': 'polite' });
  const stack = h('div', { class: code ? 'editor-stack editor-code' : 'editor-stack' }, behind, area);
  const element = h('div', { class: 'editor' }, stack, findings);
  let marks = new Map();

  const draw = () => {
    const lines = area.value.split('\n');
    const plain = lines.length > MOST_LINES || area.value.length > MOST_LENGTH;
    stack.classList.toggle('editor-plain', plain);
    behind.replaceChildren(...(plain ? [] : lines.map((line, index) => lineOf(line, marks.get(index + 1)))));
  };
  const goTo = ({ line, column }) => {
    const lines = area.value.split('\n');
    const before = lines.slice(0, line - 1).reduce((sum, one) => sum + one.length + 1, 0);
    const at = before + unitsOf(lines[line - 1] ?? '', (column ?? 1) - 1);
    area.focus();
    area.setSelectionRange(at, Math.min(at + 1, area.value.length));
    behind.children[line - 1]?.scrollIntoView({ block: 'center' });
  };
  area.addEventListener('input', () => {
    draw();
    onChange(area.value);
  });
  draw();

  return {
    element,
    area,
    get value() {
      return area.value;
    },
    set value(text) {
      area.value = text;
      draw();
    },
    mark(found) {
      marks = new Map();
      for (const one of found) {
        if (one.line && !(marks.get(one.line)?.severity === 'error')) marks.set(one.line, one);
      }
      area.setAttribute('aria-invalid', found.some((one) => one.severity === 'error') ? 'true' : 'false');
      findings.replaceChildren(...(found.length ? [findingList(found, { goTo })] : []));
      draw();
    },
    focus() {
      area.focus();
    },
  };
}

/** A line behind the text. An empty one keeps its height through the mark of no width. */
function lineOf(text, finding) {
  const line = h('div', { class: 'editor-line' });
  if (!finding) {
    line.append(text === '' ? '\u200b' : text);
    return line;
  }
  line.classList.add(finding.severity === 'error' ? 'line-error' : 'line-warning');
  const at = finding.column ? unitsOf(text, finding.column - 1) : 0;
  const rest = text.slice(at);
  const length = /^[\p{L}\p{N}_]+/u.exec(rest)?.[0].length ?? Math.min(rest.length, 2);
  line.append(
    text.slice(0, at),
    h('span', { class: 'editor-spot' }, rest.slice(0, length) || '\u200b'),
    rest.slice(length),
  );
  return line;
}

/** Where a column, which counts characters, is in a text that is counted in UTF-16 units. */
function unitsOf(text, characters) {
  let units = 0;
  for (const one of text) {
    if (characters <= 0) break;
    units += one.length;
    characters -= 1;
  }
  return units;
}

/** Where JSON is broken: `null` if it is not. Engines name a position, a line, or neither. */
export function jsonFinding(text, place) {
  try {
    JSON.parse(text);
    return null;
  } catch (error) {
    const said = String(error.message);
    const byLine = /line (\d+) column (\d+)/.exec(said);
    const byPosition = /position (\d+)/.exec(said);
    let where = {};
    if (byLine) {
      where = { line: Number(byLine[1]), column: Number(byLine[2]) };
    } else if (byPosition) {
      const before = text.slice(0, Number(byPosition[1])).split('\n');
      where = { line: before.length, column: [...before.at(-1)].length + 1 };
    } else if (/end of JSON/.test(said)) {
      const lines = text.split('\n');
      where = { line: lines.length, column: [...lines.at(-1)].length + 1 };
    }
    return { severity: 'error', place, ...where, message: t('prompts.not_json'), remedy: t('prompts.not_json_remedy') };
  }
}
