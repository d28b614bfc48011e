// A ticket: why it is where it is, its path, where its time went, its answer, and all it is made of.

import { fill, h, inline } from '../dom.js';
import { duration, short } from '../format.js';
import { t, word } from '../i18n.js';
import { live } from '../live.js';
import { badge, stateBadge } from '../widgets/badge.js';
import { copyable } from '../widgets/copy.js';
import { problemNotice } from '../widgets/notice.js';
import { card, head } from '../widgets/page.js';
import { saveButton } from '../widgets/save-picture.js';
import { sized } from '../widgets/sized.js';
import { tabs } from '../widgets/tabs.js';
import { waterfall } from '../widgets/waterfall.js';
import { buttons, forkLine } from './ticket/acts.js';
import { answerCard } from './ticket/answer.js';
import { forksPart } from './ticket/forks.js';
import { attemptsPart, callbacksPart, chainPart, eventsPart, promptPart } from './ticket/parts.js';
import { timeTravel } from './ticket/time-travel.js';
import { isEnded, why } from './ticket/why.js';

/** How often a ticket is read that goes on, in milliseconds. */
const EVERY_MS = 1500;

export const page = {
  path: '/tickets/:id',
  under: 'shell.nav_tickets',
  roles: ['viewer', 'issuer'],
  async open(main, context) {
    const room = new Room(main, context);
    await room.open();
    return { close: () => room.close() };
  },
};

class Room {
  constructor(main, context) {
    Object.assign(this, { main, ...context, context });
    this.base = `/v1/tickets/${encodeURIComponent(context.params.id)}`;
    this.top = h('div', null);
    this.trouble = h('div', null);
    this.reason = h('div', { 'aria-live': 'polite' });
    this.spent = h('p', { class: 'second small' });
    this.cursor = null;
  }

  async open() {
    await this.read(this.signal);
    const { id } = this.params;
    this.setTitle(`${this.ticket.task} ${short(id)}`);
    this.picture = sized((width) => waterfall(width, this.timeline, this.cursor));
    this.travel = timeTravel({
      api: this.api, base: this.base, id, signal: this.signal,
      onMove: (ms) => {
        this.cursor = ms;
        this.picture.redraw();
      },
    });
    this.answer = answerCard({ api: this.api, base: this.base, onNews: () => this.watch.now() });
    this.main.append(this.top, this.reason, this.trouble,
      h('div', { class: 'columns' },
        h('div', { class: 'span-7 stack' }, this.travel.element, card({ title: t('tickets.waterfall'), tools: [saveButton(this.picture.element, `${id}-waterfall.svg`)] }, this.picture.element, this.spent)),
        h('div', { class: 'span-5 stack' }, this.answer.element)),
      (this.parts = this.makeTabs()).element);
    this.draw();
    // What has ended changes only where somebody opens it again; then this page is told to look.
    this.watch = live(EVERY_MS, async (signal) => {
      if (this.isStill) return;
      await this.read(signal);
      this.draw();
    }, { onProblem: (error) => fill(this.trouble, problemNotice(error)) });
  }

  async read(signal) {
    const ask = (part) => this.api.get(`${this.base}${part}`, { signal });
    const [ticket, timeline] = await Promise.all([ask(''), ask('/timeline')]);
    // The history is long, and grows by events alone.
    const events = ticket.revision === this.ticket?.revision ? this.events : (await ask('/events')).events;
    Object.assign(this, { ticket, events, timeline, isStill: isEnded(ticket.state) });
  }

  /** Reads it although it has ended. */
  async again() {
    try {
      await this.read(this.signal);
      this.draw();
    } catch (error) {
      if (error.name !== 'AbortError') fill(this.trouble, problemNotice(error, () => this.again()));
    }
  }

  draw() {
    const { ticket, timeline } = this;
    const state = `${ticket.state} ${ticket.revision}`;
    // Buttons are not exchanged beneath a finger.
    if (state !== this.shown) {
      this.shown = state;
      fill(this.top, head({
        title: [inline(ticket.task, 80), ' ', h('span', { class: 'quiet' }, `…${short(ticket.id)}`)],
        about: h('span', { class: 'head-badges' }, stateBadge(ticket.state), ticket.fork && badge(t('tickets.a_fork'), 'accent'), ticket.user && inline(ticket.user, 80), copyable(ticket.id)),
        back: { href: '#/tickets', label: t('tickets.title') },
        actions: buttons(this.context, this.base, ticket, () => this.again()),
      }), forkLine(ticket));
      this.parts.refresh();
      this.answer.show(ticket);
    }
    fill(this.trouble);
    const sentence = why(timeline, ticket);
    if (this.reason.textContent !== sentence.textContent) fill(this.reason, sentence);
    fill(this.spent, (timeline.spent ?? []).slice(0, 4).map((share) => `${word('tickets.step_', share.step)} ${duration(share.ms)}`).join(' · '));
    this.travel.show(this.events);
    this.picture.redraw();
  }

  makeTabs() {
    const wanted = this.query.get('tab');
    const open = (part) => (panel) => {
      const show = () => fill(panel, h('section', { class: 'card' }, h('div', { class: 'card-body' }, part(this))));
      this.showPart = show;
      show();
    };
    const entries = [
      { id: 'prompt', label: t('tickets.tab_prompt'), open: open(promptPart) },
      { id: 'attempts', label: t('tickets.attempts'), count: this.timeline.attempts.length, open: open(attemptsPart) },
      { id: 'callbacks', label: t('tickets.callbacks'), count: this.timeline.callbacks.length, open: open(callbacksPart) },
      { id: 'events', label: t('tickets.events'), count: this.events.length, open: open(eventsPart) },
      { id: 'chain', label: t('tickets.chain'), open: open(chainPart) },
      { id: 'forks', label: t('tickets.forks'), open: (panel) => this.openForks(panel) },
    ];
    const made = tabs({ entries, selected: wanted ?? 'prompt', label: t('tickets.parts'), onChange: (tab) => this.remember({ tab }) });
    return {
      element: made.element, close: made.close,
      refresh: () => {
        made.count('attempts', this.timeline.attempts.length);
        made.count('callbacks', this.timeline.callbacks.length);
        made.count('events', this.events.length);
        this.showPart?.();
      },
    };
  }

  openForks(panel) {
    this.showPart = null;
    const body = h('div', { class: 'card-body' });
    panel.append(h('section', { class: 'card' }, body));
    return forksPart(body, { api: this.api, base: this.base, signal: this.signal, chosen: this.query.get('with'), onChoose: (id) => this.remember({ tab: 'forks', with: id }) });
  }

  close() {
    this.watch?.close();
    this.travel?.close();
    this.picture?.close();
    this.answer?.close();
  }
}
