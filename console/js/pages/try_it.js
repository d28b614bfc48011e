// A ticket of any task from a form made of its input schema, and its answer as it is written.

import { isAborted } from '../api.js';
import { fill, h, inline, text } from '../dom.js';
import { duration } from '../format.js';
import { t, word } from '../i18n.js';
import { stateBadge } from '../widgets/badge.js';
import { confirm } from '../widgets/dialog.js';
import { field } from '../widgets/field.js';
import { jsonView } from '../widgets/json-text.js';
import { card, head } from '../widgets/page.js';
import { attempt, more, problemBox } from '../widgets/problem.js';
import { schemaForm } from '../widgets/schema-form.js';
import { unsaved } from '../widgets/unsaved.js';
import { inputOf, pastOption, pastTickets } from './prompt/past-inputs.js';

export const page = {
  path: '/try',
  nav: 'shell.nav_try',
  group: 'make',
  key: 'y',
  roles: ['issuer', 'viewer'],
  async open(main, context) {
    main.append(head({ title: t('try_it.title'), about: t('try_it.about') }));
    if (!context.session.may('issuer')) {
      main.append(h('p', { class: 'notice' }, t('try_it.not_issuer')));
      return {};
    }
    const room = new TryIt(main, context);
    await room.open();
    return { close: () => room.close() };
  },
};

class TryIt {
  constructor(main, context) {
    Object.assign(this, { main, ...context });
    this.kept = unsaved('try', this.session);
    this.turn = 0;
    this.inputs = new Map();
    this.asked = null;
    this.formPlace = h('div', {});
    this.told = h('div', {});
    this.watchPlace = h('div', { class: 'stack' });
  }

  async open() {
    const tasks = await this.tasks();
    const before = this.kept.read()?.value;
    const wanted = this.query.get('task') ?? before?.task;
    this.task = tasks
      ? field({ label: t('try_it.task'), type: 'select', options: tasks.map((one) => ({ value: one, label: one })), value: tasks.includes(wanted) ? wanted : tasks[0] })
      : field({ label: t('try_it.task'), value: wanted ?? '' });
    this.label = field({ label: t('try_it.label'), hint: t('try_it.label_hint'), value: this.query.get('label') ?? '', placeholder: 'production', autocomplete: 'off', list: 'try-labels' });
    this.user = field({ label: t('try_it.user'), hint: t('try_it.user_hint'), autocomplete: 'off', maxlength: 128 });
    this.names = h('datalist', { id: 'try-labels' });
    this.past = field({ label: t('try_it.past'), type: 'select', options: [{ value: '', label: t('try_it.past_none') }] });
    this.button = h('button', { type: 'submit', class: 'primary' }, t('try_it.issue'));
    this.asJson = h('button', { type: 'button', class: 'small', 'aria-pressed': 'false', onclick: () => this.toggleJson() }, t('try_it.edit_json'));
    this.task.input.addEventListener('change', () => this.choose());
    this.label.input.addEventListener('change', () => this.choose());
    this.past.input.addEventListener('change', () => this.takePast());
    const form = h('form', { class: 'form', onsubmit: (event) => this.issue(event) }, this.names, h('div', { class: 'fields' }, this.task.element, this.label.element, this.user.element, this.past.element), this.formPlace, h('p', {}, this.asJson), this.told, h('p', { class: 'actions' }, this.button));
    this.main.append(h('div', { class: 'columns' }, card({ title: t('try_it.ask'), span: 6 }, form), h('div', { class: 'span-6 stack' }, this.watchPlace)));
    fill(this.watchPlace, h('div', { class: 'card' }, h('p', { class: 'empty' }, t('try_it.nothing_yet'))));
    if (before) this.inputs.set(before.task, before.input);
    this.asJson.hidden = true;
    await this.choose();
  }

  /** The tasks; `null` where the key may not see the list. */
  async tasks() {
    if (!this.session.may('viewer')) return null;
    const { prompts } = await this.api.get('/v1/prompts?limit=200', { signal: this.signal });
    this.prompts = prompts.filter((one) => !one.retired && one.labels.length);
    return this.prompts.length ? this.prompts.map((one) => one.task) : null;
  }

  /** Makes the form of the chosen task; what was written stays where the same is asked for. */
  async choose() {
    const turn = (this.turn += 1);
    const task = this.task.value.trim();
    const isOther = task !== this.drawnFor;
    const prompt = this.prompts?.find((one) => one.task === task);
    fill(this.names, (prompt?.labels ?? []).map((one) => h('option', { value: one.label })));
    fill(this.told);
    let schema = isOther ? null : this.schema;
    this.loading = true;
    this.ready();
    try {
      schema = prompt ? await this.read(prompt, turn) : null;
    } catch (problem) {
      if (turn === this.turn && !isAborted(problem)) fill(this.told, problemBox(problem));
    }
    // Another task or label was chosen meanwhile, and its form is on its way.
    if (turn !== this.turn || this.closed) return;
    this.loading = false;
    this.ready();
    if (this.pastOf !== task) this.offerPast(null, []);
    const isFirst = this.drawnFor === undefined;
    const written = isFirst ? undefined : this.form.read().value;
    if (isOther && !isFirst) this.inputs.set(this.drawnFor, written);
    this.drawnFor = task;
    if (!isFirst && JSON.stringify(schema) === JSON.stringify(this.schema)) return;
    this.schema = schema;
    this.draw(isOther ? this.inputs.get(task) : written);
  }

  /** What the chosen version asks for. */
  async read({ task }, turn) {
    const name = this.label.value.trim() || 'production';
    const base = `/v1/prompts/${encodeURIComponent(task)}`;
    const asked = [this.api.get(`${base}/versions/${encodeURIComponent(name)}`, { signal: this.signal }), this.pastOf === task ? null : pastTickets(this.api, task, this.signal)];
    const [version, tickets] = await Promise.all(asked);
    if (tickets && turn === this.turn) this.offerPast(task, tickets);
    return version.content.input_schema ?? null;
  }

  offerPast(task, tickets) {
    this.pastOf = task;
    fill(this.past.input, h('option', { value: '' }, t('try_it.past_none')), tickets.map(pastOption));
  }

  ready() {
    this.button.disabled = Boolean(this.loading || this.sending);
  }

  draw(value, asJson = false) {
    this.asJson.setAttribute('aria-pressed', String(asJson));
    this.asJson.hidden = !this.schema;
    this.form = schemaForm(asJson ? null : this.schema, { value, onChange: () => this.keepInput() });
    fill(this.formPlace, this.form.element);
  }

  toggleJson() {
    const { value, broken } = this.form.read();
    if (broken !== null) return;
    this.draw(value, this.asJson.getAttribute('aria-pressed') !== 'true');
  }

  async takePast() {
    if (!this.past.value) return;
    const turn = this.turn;
    const id = this.past.value;
    await attempt(this.told, null, async () => {
      const input = await inputOf(this.api, id, this.signal);
      if (turn !== this.turn || id !== this.past.value) return;
      this.draw(input);
      this.keepInput();
    });
  }

  keepInput() {
    const { value, broken } = this.form.read();
    if (broken === null) this.kept.keep({ task: this.drawnFor, input: value });
  }

  async issue(event) {
    event.preventDefault();
    const { value, broken } = this.form.read();
    if (broken !== null || this.loading || this.sending) return;
    this.keepInput();
    const user = this.user.value.trim();
    const label = this.label.value.trim();
    const body = { task: this.task.value.trim(), input: value, ...(user ? { user } : {}), ...(label && label !== 'production' ? { label } : {}) };
    // Where the answer was lost, the same is asked for again with the same key, and gives the same ticket.
    const words = JSON.stringify(body);
    if (this.asked?.words !== words) this.asked = { words, key: `console-${crypto.randomUUID()}` };
    this.sending = true;
    await attempt(this.told, this.button, async () => {
      try {
        const ticket = await this.api.post('/v1/tickets', { body, headers: { 'Idempotency-Key': this.asked.key } });
        this.asked = null;
        this.watch(ticket);
      } catch (problem) {
        if (isAnswer(problem)) this.asked = null;
        const at = more(problem, 'field');
        if (at?.startsWith('/input') && this.form.refuse(at.slice('/input'.length), problem.detail)) return;
        throw problem;
      }
    });
    this.sending = false;
    this.ready();
  }

  watch(ticket) {
    this.watching?.close();
    // The page was left before the answer came.
    if (this.closed) return;
    this.watching = watchTicket(this.watchPlace, this.api, ticket);
  }

  close() {
    this.closed = true;
    this.watching?.close();
  }
}

/** Whether a request was refused for good, so that nothing can have come of it. */
function isAnswer({ status }) {
  return status >= 400 && status < 500 && ![408, 409, 425, 429].includes(status);
}

/** Follows a ticket's stream: its states, its text as it comes, and what became of it. */
function watchTicket(place, api, ticket) {
  const stop = new AbortController();
  const began = performance.now();
  const state = h('span', {}, stateBadge(ticket.state));
  const link = h('span', { class: 'live-dot' }, t('try_it.waiting'));
  const out = h('div', { class: 'text boxed streamed provisional', dir: 'auto', tabindex: 0, role: 'group', 'aria-label': t('try_it.answer') });
  const note = h('p', { class: 'second', role: 'status' }, t('try_it.waiting'));
  const told = h('div', {});
  let written = '';
  let first = null;
  let ended = false;
  let scheduled = false;
  const draw = () => {
    scheduled = false;
    if (!ended) fill(out, text(written));
    out.scrollTop = out.scrollHeight;
  };
  const write = () => {
    if (!scheduled) {
      scheduled = true;
      requestAnimationFrame(draw);
    }
  };
  const cancel = (mode) => async () => {
    const done = await confirm({ title: t(`try_it.${mode}_title`), body: t(`try_it.${mode}_words`), yes: t(`try_it.${mode}`), danger: true, run: () => api.post(`/v1/tickets/${ticket.id}/cancel`, { body: { mode } }) });
    if (done) note.textContent = t('try_it.cancelling');
  };
  const tools = h('p', { class: 'actions' }, h('button', { type: 'button', class: 'small', onclick: cancel('stop') }, t('try_it.stop_')), h('button', { type: 'button', class: 'small', onclick: cancel('void') }, t('try_it.void_')));
  const finish = (words, bad) => {
    ended = true;
    tools.remove();
    link.classList.add('off');
    fill(link, t('try_it.ended'));
    out.classList.remove('provisional');
    note.textContent = words;
    if (bad) note.className = 'wrong';
  };
  const on = {
    state: ({ state: now }) => fill(state, stateBadge(now)),
    text: ({ offset, text: piece }) => {
      if (first === null) first = performance.now() - began;
      written = written.slice(0, offset) + piece;
      note.textContent = t('try_it.streaming', { count: written.length });
      write();
    },
    generation: ({ generation }) => {
      written = '';
      note.textContent = t('try_it.again', { attempt: generation });
      write();
    },
    lost: () => {
      written = '';
      note.textContent = t('try_it.lost');
      write();
    },
    answer: ({ answer }) => {
      finish(first === null ? t('try_it.done', { time: duration(performance.now() - began) }) : t('try_it.done_first', { time: duration(performance.now() - began), first: duration(first) }));
      fill(out, typeof answer === 'string' ? text(answer) : jsonView(answer));
    },
    failed: (data) => {
      const failure = data.failure ?? data;
      finish(t('try_it.failed'), true);
      fill(told, problemBox({ detail: failure.message ?? failure.code ?? '' }, { title: t('try_it.failed_at', { stage: word('tickets.stage_', failure.stage ?? '') }) }));
    },
    cancelled: ({ text: kept }) => {
      finish(t('try_it.cancelled'));
      if (kept) fill(out, text(kept));
    },
  };
  fill(
    place,
    h(
      'section',
      { class: 'card', 'aria-label': t('try_it.watch') },
      h('div', { class: 'card-head' }, h('h2', {}, inline(ticket.task, 60)), state, link),
      h('div', { class: 'card-body' }, h('p', { class: 'quiet small' }, h('a', { href: `#/tickets/${ticket.id}` }, t('try_it.open_ticket')), ' ', h('code', {}, ticket.id)), note, out, told, tools),
    ),
  );
  place.scrollIntoView({ block: 'nearest' });
  const onEvent = ({ event, data }) => Object.hasOwn(on, event) && on[event](data);
  const onState = (now) => {
    if (ended) return;
    link.classList.toggle('lost', now === 'lost');
    fill(link, t(now === 'lost' ? 'try_it.connection_lost' : 'try_it.live'));
  };
  api.stream(`/v1/tickets/${ticket.id}/stream`, { onEvent, onState, signal: stop.signal }).catch((problem) => fill(told, problemBox(problem)));
  return { close: () => stop.abort() };
}

