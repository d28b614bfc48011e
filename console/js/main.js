// The console begins here: the words, then who signs in, then the pages.

import { fill, h } from './dom.js';
import { choose, has, onLanguage, preferred, t, use } from './i18n.js';
import * as session from './session.js';
import { openSignIn } from './sign_in.js';

let close = () => {};
let current = null;
let openShell = null;
/** Whether the server is reached; the shell shows it. */
const reach = { ok: true, tell: () => {} };

const hooks = {
  // What was asked with a former key may be answered after somebody has signed in with another.
  onEnd: (problem, api) => api === current?.api && end(problem.code === 'tenant_suspended' ? 'shell.ended_suspended' : 'shell.ended_key'),
  onReach: (ok) => {
    if (ok === reach.ok) return;
    reach.ok = ok;
    reach.tell(ok);
  },
};

function show(opened) {
  close();
  close = opened ?? (() => {});
}

/** Ends the session with a sentence, in the other tabs too; nothing of it stays on the page. */
function end(reason, { tell = true } = {}) {
  if (!current) return;
  current = null;
  session.forget({ reason: tell ? reason : undefined });
  document.querySelectorAll('dialog, .toasts').forEach((element) => element.remove());
  askForKey(t(reason));
}

function askForKey(sentence) {
  close();
  close = () => {};
  fill(document.body);
  show(openSignIn(document.body, { sentence, signIn: enter, chooseLanguage: choose }));
}

async function enter(key) {
  current = await session.signIn(key, hooks);
  draw();
}

function draw() {
  close();
  close = () => {};
  fill(document.body);
  show(openShell(document.body, {
    session: current, reach, chooseLanguage: choose,
    signOut: () => end('shell.signed_out'),
  }));
}

session.onEnded((reason) => end(reason === 'shell.signed_out' || !has(String(reason)) ? 'shell.ended_elsewhere' : reason, { tell: false }));

async function begin() {
  await use(preferred());
  ({ openShell } = await import('./shell.js'));
  onLanguage(() => (current ? draw() : askForKey()));
  const key = await session.remembered();
  if (!key) return askForKey();
  try {
    await enter(key);
  } catch (problem) {
    if (problem.status === 401) session.forget();
    askForKey(problem.status === 401 ? t('shell.ended_key') : problem.detail);
  }
  return undefined;
}

begin().catch((error) => {
  console.error(error);
  // The words may be among what could not be loaded.
  const [sentence, reload] = has('shell.not_loaded') ? [t('shell.not_loaded'), t('shell.reload')] : ['The console could not be loaded. / 콘솔을 불러오지 못했습니다.', 'Reload / 새로 고침'];
  fill(document.body, h('main', { class: 'noscript', role: 'alert' }, h('p', null, sentence), h('button', { type: 'button', class: 'primary', onclick: () => location.reload() }, reload)));
});
