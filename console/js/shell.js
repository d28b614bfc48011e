// The frame around every page: the column of pages, who has signed in, and whether the server is reached.

import { fill, h, icon, inline } from './dom.js';
import { languageChoice, themeChoice } from './choices.js';
import { t } from './i18n.js';
import { help, listen } from './keyboard.js';
import { live } from './live.js';
import { pages } from './pages.js';
import * as router from './router.js';
import { confirm } from './widgets/dialog.js';
import { empty, problemNotice } from './widgets/notice.js';

/** How often a page that asks nothing itself finds out whether the key still opens it, in ms. */
const PULSE = 3_000;

let places = [];
let listening = false;

/** Whether a page is for whoever has signed in. */
export function isFor(page, session) {
  if (page.operator === 'both') return session.isOperator || session.may(...(page.roles ?? []));
  if (session.isOperator) return page.operator === true;
  return !page.operator && (!page.roles || session.may(...page.roles));
}

/** Opens the frame. Gives back what closes it. */
export function openShell(root, { session, reach, signOut, chooseLanguage }) {
  const gone = new AbortController();
  const own = pages.filter((page) => isFor(page, session));
  const listed = own.filter((page) => page.nav);
  places = listed.filter((page) => page.key).map((page) => ({ key: page.key, path: page.path, label: t(page.nav) }));
  if (!listening) {
    listening = true;
    listen({ places: () => places, go: router.go });
  }

  const frame = h('div', { class: 'shell' });
  const main = h('main', { id: 'main', tabindex: -1 });
  const lost = h('div', { class: 'connection', role: 'status', hidden: reach.ok }, t('shell.connection_lost'));
  reach.tell = (ok) => (lost.hidden = ok);
  const links = new Map();
  const title = h('span', { class: 'bar-title' });
  const menu = h('button', { type: 'button', class: 'plain', 'aria-label': t('shell.menu'), 'aria-expanded': 'false', onclick: () => toggle() }, icon('menu'));
  const toggle = (open = !frame.classList.contains('menu-open')) => {
    frame.classList.toggle('menu-open', open);
    menu.setAttribute('aria-expanded', String(open));
  };

  const nav = h('nav', { class: 'nav', 'aria-label': t('shell.pages') }, groups(listed).map(([group, members]) => [
    h('div', { class: 'nav-group' }, t(`shell.group_${group}`)),
    members.map((page) => {
      const link = h('a', { href: `#${page.path}` }, icon(page.icon ?? page.nav.replace('shell.nav_', '')), t(page.nav), page.key && h('kbd', { 'aria-hidden': 'true' }, `g ${page.key}`));
      links.set(page, link);
      return link;
    }),
  ]));

  const who = h('div', { class: 'who' },
    h('div', null,
      h('div', { class: 'who-name' }, inline(session.isOperator ? t('shell.operator') : session.tenantName, 60)),
      h('div', { class: 'who-line' }, inline([session.name ?? session.prefix, ...session.roles.map((role) => t(`shell.role_${role}`))].filter(Boolean).join(' · '), 80))),
    h('div', { class: 'who-tools' },
      languageChoice(chooseLanguage), themeChoice(),
      h('button', { type: 'button', class: 'plain small', onclick: () => help(places) }, t('shell.keys')),
      h('button', { type: 'button', class: 'plain small', onclick: signOut }, icon('out'), t('shell.sign_out'))));

  frame.append(
    h('header', { class: 'bar' }, menu, title),
    h('div', { class: 'side' }, h('a', { class: 'brand', href: `#${listed[0]?.path ?? '/'}` }, h('img', { src: '/console/icon.svg', alt: '' }), 'Punchcard'), nav, who),
    h('button', { type: 'button', class: 'scrim', 'aria-label': t('shell.close_menu'), onclick: () => toggle(false) }),
    h('div', { class: 'content' }, lost, main));
  root.append(h('a', { class: 'skip', href: '#main', onclick: (event) => { event.preventDefault(); main.focus(); } }, t('shell.skip')), frame);
  addEventListener('keydown', (event) => event.key === 'Escape' && toggle(false), { signal: gone.signal });

  let opened = null;
  let turn = 0;

  /** Whether somebody who would leave a page with unsaved text wants to stay after all. */
  async function stays(event) {
    const words = opened?.leave?.();
    const before = event?.oldURL ? new URL(event.oldURL).hash : null;
    if (!words || before === null || before === location.hash) return false;
    const wanted = location.hash;
    history.replaceState(null, '', before);
    if (!(await confirm({ title: t('shell.leave_title'), body: words, yes: t('shell.leave') }))) return true;
    if (opened) opened.leave = null;
    location.hash = wanted;
    return true;
  }

  async function route(event) {
    if (await stays(event)) return undefined;
    document.querySelectorAll('dialog').forEach((element) => element.close());
    const mine = (turn += 1);
    opened?.abort.abort();
    opened?.close?.();
    opened = null;
    toggle(false);
    const { path, query } = router.parse(location.hash);
    if (path === '/' && listed[0]) return router.go(listed[0].path, null, { replace: true });
    const found = router.find(own, path);
    const abort = new AbortController();
    const visit = { abort, close: null };
    opened = visit;
    const section = h('div', { class: 'page' });
    fill(main, section);
    scrollTo(0, 0);
    const setTitle = (words) => {
      document.title = `${words} · Punchcard`;
      fill(title, inline(words, 60));
    };
    const inList = found && (links.has(found.page) ? found.page : listed.find((page) => page.nav === found.page.under));
    for (const [page, link] of links) {
      if (page === inList) link.setAttribute('aria-current', 'page');
      else link.removeAttribute('aria-current');
    }
    setTitle(inList ? t(inList.nav) : 'Punchcard');
    if (!found) {
      const known = router.find(pages, path);
      section.append(h('h1', { tabindex: -1 }, t(known ? 'shell.not_yours' : 'shell.no_page')),
        empty(t(known ? 'shell.not_yours_about' : 'shell.no_page_about'), h('a', { href: '#/', class: 'button' }, t('shell.to_start'))));
      return undefined;
    }
    try {
      const closing = await found.page.open(section, {
        params: found.params, query, path, session, api: session.api, go: router.go, signal: abort.signal, setTitle,
        remember: (values) => mine === turn && router.remember(path, values),
      });
      if (mine !== turn) closing?.close?.();
      else Object.assign(visit, { close: () => closing?.close?.(), leave: () => closing?.leave?.() ?? null });
    } catch (error) {
      if (abort.signal.aborted) return undefined;
      if (!error.status && error.code === undefined) console.error(error);
      if (!section.querySelector('h1')) section.append(h('h1', { tabindex: -1 }, t(error.status === 404 ? 'shell.not_found' : 'shell.went_wrong')));
      section.append(problemNotice(error, error.status === 404 ? null : route), h('p', null, h('a', { href: '#/' }, t('shell.to_start'))));
    }
    if (mine === turn && announced) section.querySelector('h1')?.focus({ preventScroll: true });
    announced = true;
    return undefined;
  }
  // The first page does not take the focus from the start of the document.
  let announced = false;

  addEventListener('hashchange', route, { signal: gone.signal });
  route();
  // What it answers is known; that it does not is told by the hooks of the session.
  const pulse = live(PULSE, (signal) => session.api.get(session.isOperator ? '/admin/v1/whoami' : '/v1/whoami', { signal }));
  return () => {
    pulse.close();
    gone.abort();
    turn += 1;
    opened?.abort.abort();
    opened?.close?.();
    reach.tell = () => {};
  };
}

function groups(listed) {
  const order = new Map();
  for (const page of listed) {
    const group = page.group ?? 'more';
    order.set(group, [...(order.get(group) ?? []), page]);
  }
  return [...order];
}
