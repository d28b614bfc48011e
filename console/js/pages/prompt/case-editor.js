// The test set: cases with an input and what must hold of the answer. Like a draft, what is not saved yet
// stays in this tab, and nobody's set is overwritten.

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { confirm } from '../../widgets/dialog.js';
import { editor, jsonFinding } from '../../widgets/editor.js';
import { findingList } from '../../widgets/findings.js';
import { attempt, more } from '../../widgets/problem.js';
import { unsaved } from '../../widgets/unsaved.js';
import { when } from '../../widgets/words.js';
import { expectationList } from './expectations.js';
import { inputOf, pastOption, pastTickets } from './past-inputs.js';

/**
 * @param {object} room
 * @param {{saved: () => void}} options
 */
export async function caseEditor(room, { saved }) {
  const set = await read(room);
  const desk = new Cases(room, set, saved);
  desk.open();
  return desk;
}

async function read(room) {
  if (!room.prompt?.test_set) return { number: null, cases: [], findings: [] };
  return room.api.get(`${room.base}/test-set`, { signal: room.signal });
}

class Cases {
  constructor(room, set, saved) {
    Object.assign(this, { room, saved });
    this.number = set.number;
    this.readonly = !room.may('planner') || Boolean(room.prompt?.retired);
    this.kept = unsaved('tests', room.session, room.task);
    this.saving = false;
    this.items = [];
    this.list = h('div', { class: 'cases' });
    this.told = h('div', {});
    this.notes = h('div', { class: 'notices' });
    this.status = h('span', { class: 'second', role: 'status' });
    this.save = h('button', { type: 'button', class: 'primary', onclick: () => this.store() }, t('prompts.save_cases'));
    const tools = this.readonly
      ? null
      : h('div', { class: 'actions' }, h('button', { type: 'button', onclick: () => this.add(this.blank(), true) }, t('prompts.add_case')), h('button', { type: 'button', onclick: () => this.fromTicket() }, t('prompts.case_from_ticket')), this.save, this.status);
    this.element = h('section', { class: 'card', 'aria-labelledby': 'cases-title' }, h('div', { class: 'card-head' }, h('h2', { id: 'cases-title' }, t('prompts.cases_title'))), h('div', { class: 'card-body' }, h('p', { class: 'second' }, t('prompts.cases_about')), this.notes, this.list, this.told, tools));
    this.write(set.cases);
    this.clean = JSON.stringify(this.words());
    this.mark(set.findings ?? []);
    this.beforeUnload = (event) => {
      if (this.leave()) event.preventDefault();
    };
  }

  open() {
    addEventListener('beforeunload', this.beforeUnload);
    const found = this.kept.read();
    if (this.readonly || !found || JSON.stringify(found.value.words) === this.clean) return this.state();
    const fresh = { words: this.words(), number: this.number };
    this.restore(found.value.words);
    this.number = found.value.number;
    const note = h('div', { class: 'notice warning' }, h('div', {}, h('p', {}, t('prompts.cases_restored'), ' ', when(found.at)), h('button', { type: 'button', class: 'small', onclick: () => {
      this.restore(fresh.words);
      this.number = fresh.number;
      this.kept.drop();
      note.remove();
      this.state();
    } }, t('prompts.drop_yes'))));
    this.notes.append(note);
    this.state();
  }

  blank() {
    const names = new Set(this.items.map((item) => item.words().name));
    let number = this.items.length + 1;
    while (names.has(`case-${number}`)) number += 1;
    return { name: `case-${number}`, input: JSON.stringify(this.sample ?? {}, null, 2), expect: [] };
  }

  async fromTicket() {
    await attempt(this.told, null, async () => {
      const tickets = await pastTickets(this.room.api, this.room.task, this.room.signal);
      if (!tickets.length) {
        this.told.replaceChildren(h('p', { class: 'notice' }, t('prompts.no_tickets')));
        return;
      }
      const select = h('select', { id: 'case-ticket' }, ...tickets.map(pastOption));
      const take = async () => {
        const input = await inputOf(this.room.api, select.value, this.room.signal);
        this.told.replaceChildren();
        this.add({ ...this.blank(), input: JSON.stringify(input ?? {}, null, 2) }, true);
      };
      this.told.replaceChildren(h('div', { class: 'inline-form' }, h('label', { for: 'case-ticket' }, t('prompts.preview_ticket')), select, h('button', { type: 'button', onclick: () => attempt(this.told, null, take) }, t('prompts.take_input'))));
      select.focus();
    });
  }

  write(cases) {
    this.restore(cases.map((one) => ({ name: one.name, input: JSON.stringify(one.input, null, 2), expect: one.expect })));
  }

  restore(words) {
    this.items = [];
    this.list.replaceChildren();
    for (const one of words) this.add(one, false);
    if (!words.length) this.list.replaceChildren(h('p', { class: 'empty' }, t('prompts.no_cases')));
  }

  add({ name, input, expect }, focus) {
    const changed = () => this.changed();
    if (!this.items.length) this.list.replaceChildren();
    const item = {};
    const id = `case-name-${this.items.length}-${Math.floor(performance.now())}`;
    const nameField = h('input', { id, type: 'text', autocomplete: 'off', autocapitalize: 'off', spellcheck: 'false', readonly: this.readonly ? '' : null, oninput: () => {
      title.textContent = nameField.value;
      changed();
    } });
    nameField.value = name;
    const title = h('strong', {}, name);
    const text = editor({ label: t('prompts.case_input'), value: input, onChange: changed, readonly: this.readonly, code: true, rows: 4 });
    const expected = expectationList(expect, { onChange: changed, readonly: this.readonly });
    const marks = h('div', { 'aria-live': 'polite' });
    const count = h('span', { class: 'quiet' });
    const remove = this.readonly ? null : h('button', { type: 'button', class: 'small', onclick: () => this.remove(item) }, t('prompts.remove_case'));
    item.element = h('details', { class: 'case', open: focus }, h('summary', {}, title, ' ', count), marks, h('div', { class: 'field' }, h('label', { for: id }, t('prompts.case_name')), h('p', { class: 'hint' }, t('prompts.case_name_hint')), nameField), h('h4', {}, t('prompts.case_input')), text.element, h('h4', {}, t('prompts.case_expect')), expected.element, remove);
    item.words = () => ({ name: nameField.value, input: text.value, expect: expected.read([]) });
    item.read = (broken) => {
      const finding = jsonFinding(text.value, 'input');
      text.mark(finding ? [finding] : []);
      const wrong = [];
      const expect = expected.read(wrong);
      if (finding || wrong.length) broken.push(item);
      return { name: nameField.value.trim(), input: finding ? null : JSON.parse(text.value), expect };
    };
    item.mark = (findings) => {
      marks.replaceChildren(...(findings.length ? [findingList(findings, { places: true })] : []));
      if (findings.some((one) => one.severity === 'error')) item.element.open = true;
    };
    item.count = () => (count.textContent = t('prompts.expectations_n', { count: expected.count() }));
    item.count();
    this.items.push(item);
    this.list.append(item.element);
    if (focus) {
      nameField.focus();
      changed();
    }
  }

  async remove(item) {
    const sure = await confirm({ title: t('prompts.remove_case_title', { name: item.words().name }), body: t('prompts.remove_case_words'), yes: t('prompts.remove_case'), danger: true });
    if (!sure) return;
    this.items.splice(this.items.indexOf(item), 1);
    item.element.remove();
    this.changed();
  }

  words() {
    return this.items.map((item) => item.words());
  }

  changed() {
    if (this.leave()) this.kept.keep({ number: this.number, words: this.words() });
    else this.kept.drop();
    for (const item of this.items) item.count();
    this.state();
  }

  state() {
    const dirty = Boolean(this.leave());
    this.save.disabled = !dirty || this.saving;
    const words = dirty ? t('prompts.unsaved') : this.number ? t('prompts.cases_saved', { number: this.number }) : '';
    if (this.status.textContent !== words) this.status.textContent = words;
  }

  mark(findings) {
    for (const item of this.items) {
      const name = item.words().name;
      item.mark(findings.filter((one) => one.place === `case ${name}` || one.place.startsWith(`case ${name},`)));
    }
    const known = (one) => this.items.some((item) => one.place.startsWith(`case ${item.words().name}`));
    const rest = findings.filter((one) => !known(one));
    if (rest.length) this.told.replaceChildren(findingList(rest, { places: true }));
  }

  async store(over) {
    if (this.saving) return;
    const broken = [];
    const cases = this.items.map((item) => item.read(broken));
    if (broken.length) {
      broken[0].element.open = true;
      this.told.replaceChildren(h('p', { class: 'notice bad', role: 'alert' }, t('prompts.cases_broken')));
      return;
    }
    const number = over ?? this.number;
    const headers = number ? { 'If-Match': `"${number}"` } : { 'If-None-Match': '*' };
    const sent = JSON.stringify(this.words());
    this.saving = true;
    await attempt(this.told, this.save, async () => {
      try {
        const set = await this.room.api.put(`${this.room.base}/test-set`, { body: { cases }, headers });
        this.number = set.number;
        this.clean = sent;
        // What was written meanwhile is unsaved, beside the set as it is now.
        if (this.leave()) this.kept.keep({ number: this.number, words: this.words() });
        else this.kept.drop();
        this.notes.replaceChildren();
        this.mark(set.findings);
        await this.room.renew();
        this.saved();
      } catch (problem) {
        if (problem.code !== 'test_set_conflict') {
          this.mark(more(problem, 'findings') ?? []);
          throw problem;
        }
        this.conflict(more(problem, 'current'));
      }
    });
    this.saving = false;
    this.state();
  }

  conflict(current) {
    const keep = h('button', { type: 'button', onclick: async () => {
      const sure = await confirm({ title: t('prompts.keep_cases_title'), body: t('prompts.keep_cases_words'), yes: t('prompts.keep_mine'), danger: true });
      if (sure) {
        this.notes.replaceChildren();
        this.store(current.number);
      }
    } }, t('prompts.keep_mine'));
    const take = h('button', { type: 'button', onclick: async () => {
      const sure = await confirm({ title: t('prompts.take_theirs_title'), body: t('prompts.take_theirs_words'), yes: t('prompts.take_theirs'), danger: true });
      if (!sure) return;
      this.kept.drop();
      this.number = current.number;
      this.write(current.cases);
      this.clean = JSON.stringify(this.words());
      this.notes.replaceChildren();
      this.state();
    } }, t('prompts.take_theirs'));
    const theirs = (current?.cases ?? []).map((one) => h('li', {}, h('details', {}, h('summary', {}, one.name), h('pre', { class: 'boxed' }, JSON.stringify(one, null, 2)))));
    this.notes.replaceChildren(h('div', { class: 'notice bad', role: 'alert' }, h('div', {}, h('strong', {}, t('prompts.cases_conflict')), h('p', {}, t('prompts.cases_conflict_words')), h('ul', {}, ...theirs), current ? h('p', { class: 'actions' }, keep, take) : null)));
    this.notes.scrollIntoView({ block: 'nearest' });
  }

  leave() {
    return !this.readonly && JSON.stringify(this.words()) !== this.clean ? t('prompts.leave_words') : null;
  }

  close() {
    removeEventListener('beforeunload', this.beforeUnload);
  }
}

