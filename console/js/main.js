// The console begins here: the words, then who signs in, then the pages.

import { fill, h } from './dom.js';
import { choose, onLanguage, preferred, t, use } from './i18n.js';
import * as session from './session.js';
import { openShell } from './shell.js';
import { openSignIn } from './sign_in.js';

let close = () => {};
let current = null;
/** Whether the server is reached; the shell shows it. */
const reach = { ok: true, tell: () => {} };

const hooks = {
  onEnd: (problem) => end(problem?.code === 'tenant_suspended' ? 'shell.ended_suspended' : 'shell.ended_key'),
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

/** Ends the session with a sentence; nothing of it stays on the page. */
function end(reason, { everywhere = false } = {}) {
  if (!current && reason !== 'shell.signed_out') return;
  current = null;
  session.forget({ everywhere });
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
    signOut: () => end('shell.signed_out', { everywhere: true }),
  }));
}

session.onEnded(() => end('shell.ended_elsewhere'));

async function begin() {
  await use(preferred());
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
  fill(document.body, h('p', { class: 'noscript' }, 'The console could not be loaded. Reload the page. / 콘솔을 불러오지 못했습니다. 페이지를 새로 고치세요.'));
});
