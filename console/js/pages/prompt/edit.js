// The draft: written, checked while it is written, tried on a past input, saved, published.
//
// Nothing that was written is lost: what is not saved yet is kept in this tab's storage at each key, comes
// back after a reload, and nobody's draft is overwritten (`If-Match`).

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { confirm } from '../../widgets/dialog.js';
import { promptDiff } from '../../widgets/prompt-diff.js';
import { notice } from '../../widgets/notice.js';
import { more, problemBox } from '../../widgets/problem.js';
import { unsaved } from '../../widgets/unsaved.js';
import { byName, when } from '../../widgets/words.js';
import { contentForm } from './content-form.js';
import { atField, liveCheck } from './live-check.js';
import { preview as makePreview } from './preview.js';
import { publishForm } from './publish.js';

/** What a prompt that is begun from nothing says. */
const example = () => ({
  messages: [
    { role: 'system', content: t('prompts.example_system') },
    { role: 'user', content: t('prompts.example_user') },
  ],
  model: '',
  parameters: {},
  answer: 'text',
  input_schema: { type: 'object', required: ['question'], properties: { question: { type: 'string', minLength: 1, maxLength: 2000 } } },
});

export async function mount(body, room) {
  const readonly = !room.may('planner') || Boolean(room.prompt?.retired);
  const started = await start(room);
  if (!started) {
    body.append(h('p', { class: 'empty' }, t('prompts.no_draft')));
    return {};
  }
  const desk = new Desk(body, room, started, readonly);
  desk.open();
  return { leave: () => desk.leave(), close: () => desk.close() };
}

/** What is edited: the draft; else a copy of a version; else an example. */
async function start(room) {
  const from = room.query.get('from');
  const draft = room.prompt?.draft ? await room.api.get(`${room.base}/draft`, { signal: room.signal }) : null;
  if (from || !draft) {
    const version = from ?? room.prompt?.production ?? room.prompt?.latest;
    if (version) {
      const base = await room.api.get(`${room.base}/versions/${encodeURIComponent(version)}`, { signal: room.signal });
      return { content: asDraft(base.content), edit: draft?.edit ?? null, basedOn: base.version, draft, copied: base.version };
    }
    if (!room.may('planner')) return null;
    const models = await modelsOf(room);
    return { content: { ...example(), model: models[0] ?? '' }, edit: null, basedOn: null, draft: null, models };
  }
  return { content: draft.content, edit: draft.edit, basedOn: draft.based_on, draft };
}

/** A draft has no texts of partials of its own. */
function asDraft({ partials: _, ...content }) {
  return content;
}

/** Models that the tenant's other prompts ask: there is no list of all. */
async function modelsOf(room) {
  try {
    const { prompts } = await room.api.get('/v1/prompts?limit=20', { signal: room.signal });
    const named = prompts.filter((one) => one.latest && one.task !== room.task).slice(0, 5);
    const versions = await Promise.all(named.map((one) => room.api.get(`/v1/prompts/${encodeURIComponent(one.task)}/versions/${one.latest}`, { signal: room.signal })));
    return [...new Set(versions.map((one) => one.content.model))];
  } catch {
    return [];
  }
}

class Desk {
  constructor(body, room, started, readonly) {
    Object.assign(this, { body, room, started, readonly });
    this.edit = started.edit;
    this.kept = unsaved('draft', room.session, room.task);
    this.dirty = Boolean(started.copied && started.draft);
    this.notes = h('div', { class: 'notices' });
    this.status = h('p', { class: 'edit-status', role: 'status' });
    this.beforeUnload = (event) => {
      if (this.dirty) event.preventDefault();
    };
    this.keys = (event) => {
      if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 's') {
        event.preventDefault();
        if (!this.readonly) this.save();
      }
    };
  }

  open() {
    const { body, room, started, readonly } = this;
    const changed = () => this.changed();
    this.form = contentForm(started.content, { onChange: changed, readonly, models: started.models ?? [] });
    this.clean = JSON.stringify(this.form.words());
    this.preview = makePreview(room, { onInput: () => this.check.soon(), schema: () => this.form.read().content.input_schema });
    this.check = liveCheck(room, { form: this.form, preview: this.preview, off: readonly, told: (found) => this.tell(found) });
    this.saveButton = h('button', { type: 'button', class: 'primary', onclick: () => this.save() }, t('prompts.save_draft'));
    this.publishPlace = h('div', {});
    const tools = readonly
      ? null
      : h(
          'div',
          { class: 'toolbar' },
          this.saveButton,
          h('button', { type: 'button', onclick: () => this.publish() }, t('prompts.publish_')),
          h('a', { class: 'button', href: room.at('tests') }, t('prompts.go_test')),
          started.draft ? h('button', { type: 'button', class: 'danger', onclick: () => this.discard() }, t('prompts.discard_')) : null,
          this.status,
        );
    body.append(this.notes, tools ?? '', this.publishPlace, h('div', { class: 'edit-room' }, this.form.element, this.preview.element));
    this.introduce();
    this.restore();
    addEventListener('beforeunload', this.beforeUnload);
    addEventListener('keydown', this.keys);
    if (started.draft && !started.copied) this.form.mark(started.draft.findings);
    this.check.soon();
  }

  introduce() {
    const { started, room } = this;
    const say = (words) => this.notes.append(h('p', { class: 'notice' }, words));
    if (this.readonly) say(room.prompt?.retired ? t('prompts.retired_no_edit') : t('prompts.read_only'));
    else if (started.copied && started.draft) say(t('prompts.copied_over_draft', { version: started.copied }));
    else if (started.copied) say(t('prompts.copied', { version: started.copied }));
    else if (!started.draft) say(t('prompts.from_example'));
    this.state();
  }

  /** Brings back what was not saved when this tab was last here. */
  restore() {
    const found = this.kept.read();
    if (this.readonly || !found || JSON.stringify(found.value.words) === this.clean) {
      if (found && !this.readonly) this.kept.drop();
      return;
    }
    const fresh = this.form.words();
    this.form.restore(found.value.words);
    this.dirty = true;
    this.edit = found.value.edit;
    const moved = (found.value.edit ?? null) !== (this.started.edit ?? null);
    const note = notice(
      'warning',
      h('p', {}, t('prompts.restored'), ' ', when(found.at), moved ? ` ${t('prompts.restored_moved')}` : ''),
      h('button', { type: 'button', onclick: async () => {
        const sure = await confirm({ title: t('prompts.drop_title'), body: t('prompts.drop_words'), yes: t('prompts.drop_yes'), danger: true });
        if (!sure) return;
        this.form.restore(fresh);
        this.edit = this.started.edit;
        this.settled();
        note.remove();
        this.check.soon();
      } }, t('prompts.drop_yes')),
    );
    this.notes.append(note);
    this.state();
  }

  changed() {
    this.dirty = JSON.stringify(this.form.words()) !== this.clean;
    if (this.dirty) this.kept.keep({ edit: this.edit, words: this.form.words() });
    else this.kept.drop();
    this.state();
    this.check.soon();
  }

  /** The fields are what is saved, or were when `clean` was sent: what was written since stays unsaved. */
  settled(clean = JSON.stringify(this.form.words())) {
    this.clean = clean;
    const words = this.form.words();
    this.dirty = JSON.stringify(words) !== clean;
    if (this.dirty) this.kept.keep({ edit: this.edit, words });
    else this.kept.drop();
    this.state();
  }

  tell(found) {
    this.found = found;
    this.state();
  }

  state() {
    const parts = [];
    if (this.dirty) parts.push(t('prompts.unsaved'));
    else if (this.edit) parts.push(t('prompts.saved_edit', { edit: this.edit }));
    const found = this.found;
    if (found === 'checking') parts.push(t('prompts.checking'));
    else if (found === 'unchecked') parts.push(t('prompts.not_checked'));
    else if (found) {
      const mistakes = found.filter((one) => one.severity === 'error').length;
      const hints = found.length - mistakes;
      parts.push(mistakes ? t('prompts.mistakes_n', { count: mistakes }) : t('prompts.no_mistakes'));
      if (hints) parts.push(t('prompts.hints_n', { count: hints }));
    }
    const words = parts.join(' · ');
    if (this.status.textContent !== words) this.status.textContent = words;
    if (this.saveButton) this.saveButton.disabled = Boolean(this.saving) || (!this.dirty && Boolean(this.edit));
  }

  /** Saves the draft; `false` where it was not. While it is being saved, that is waited for instead. */
  save(options) {
    this.saving ??= this.store(options).finally(() => {
      this.saving = null;
      this.state();
    });
    return this.saving;
  }

  async store({ over } = {}) {
    const { content, broken } = this.form.read();
    if (broken.length) {
      this.form.mark(broken);
      this.say(h('p', { class: 'notice bad', role: 'alert' }, t('prompts.broken_not_saved')));
      return false;
    }
    const edit = over ?? this.edit;
    const headers = edit ? { 'If-Match': `"${edit}"` } : { 'If-None-Match': '*' };
    const sent = JSON.stringify(this.form.words());
    this.saveButton.disabled = true;
    try {
      const body = { content, ...(this.started.basedOn ? { based_on: this.started.basedOn } : {}) };
      const saved = await this.room.api.put(`${this.room.base}/draft`, { body, headers });
      this.edit = saved.edit;
      this.started.draft = saved;
      this.notes.replaceChildren();
      this.settled(sent);
      if (!this.dirty) {
        this.form.mark(saved.findings);
        this.tell(saved.findings);
      }
      await this.room.renew();
      if (!this.closed) this.check.soon();
      return true;
    } catch (problem) {
      if (problem.code === 'draft_conflict') this.conflict(problem);
      else {
        const found = more(problem, 'findings') ?? atField(problem);
        if (found) this.form.mark(found);
        this.say(problemBox(problem, { title: t('prompts.not_saved') }));
      }
      return false;
    }
  }

  say(element) {
    this.notes.replaceChildren(element);
    element.scrollIntoView({ block: 'nearest' });
  }

  /** Somebody else was faster: both texts are there, and the writer chooses. */
  conflict(problem) {
    const current = more(problem, 'current');
    const diff = more(problem, 'diff');
    const mine = h('button', { type: 'button', onclick: async () => {
      const sure = await confirm({ title: t('prompts.keep_mine_title'), body: t('prompts.keep_mine_words', { name: byName(current?.by) }), yes: t('prompts.keep_mine'), danger: true });
      if (sure) this.save({ over: current.edit });
    } }, t('prompts.keep_mine'));
    const theirs = h('button', { type: 'button', onclick: async () => {
      const sure = await confirm({ title: t('prompts.take_theirs_title'), body: t('prompts.take_theirs_words'), yes: t('prompts.take_theirs'), danger: true });
      if (!sure) return;
      this.kept.drop();
      this.dirty = false;
      this.room.again();
    } }, t('prompts.take_theirs'));
    this.say(
      notice(
        'bad',
        h('h2', { role: 'alert' }, t('prompts.conflict')),
        current
          ? h('p', {}, t('prompts.conflict_who', { name: byName(current.by), edit: current.edit }), ' ', when(current.saved_at), ' ', t('prompts.conflict_kept'))
          : h('p', {}, t('prompts.conflict_gone')),
        diff ? h('details', { open: true }, h('summary', {}, t('prompts.conflict_diff')), promptDiff(diff)) : null,
        current ? h('p', { class: 'actions' }, mine, theirs) : h('p', { class: 'actions' }, h('button', { type: 'button', onclick: () => {
          this.edit = null;
          this.save();
        } }, t('prompts.save_anew'))),
      ),
    );
  }

  async discard() {
    const sure = await confirm({ title: t('prompts.discard_title'), body: t('prompts.discard_words'), yes: t('prompts.discard'), danger: true });
    if (!sure) return;
    try {
      await this.room.api.delete(`${this.room.base}/draft`, { headers: { 'If-Match': `"${this.edit}"` } });
      this.kept.drop();
      this.dirty = false;
      this.room.go(`/prompts/${this.room.task}?tab=versions`);
    } catch (problem) {
      if (problem.code === 'draft_conflict') this.conflict(problem);
      else this.say(problemBox(problem));
    }
  }

  async publish() {
    // What is written while it is being saved is saved too.
    while (this.dirty || this.saving || !this.edit) {
      const saved = await this.save();
      if (!saved) return;
    }
    this.publishPlace.replaceChildren(publishForm(this.room, { edit: this.edit, found: Array.isArray(this.found) ? this.found : [], mark: (found) => this.form.mark(found), close: () => this.publishPlace.replaceChildren() }));
  }

  leave() {
    return this.dirty ? t('prompts.leave_words') : null;
  }

  close() {
    this.closed = true;
    this.check.stop();
    removeEventListener('beforeunload', this.beforeUnload);
    removeEventListener('keydown', this.keys);
  }
}
