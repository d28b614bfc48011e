// Who has signed in: a key, kept by the console's open tabs, and what it may do.
//
// The key is in sessionStorage, which ends with the tab. Another tab of the console asks the open ones for it
// (BroadcastChannel, same origin only). There is no cookie, so no other site can borrow it. When it ends in one
// tab, it ends in all of them.

import { createApi, Problem } from './api.js';
import { t } from './i18n.js';

const STORED = 'punchcard.key';
/** Whether it is an operator's: the right question is then asked first. */
const OPERATOR = 'punchcard.operator';
const PATIENCE = 250;
const TENANT = '/v1/whoami';
const ADMIN = '/admin/v1/whoami';

const channel = new BroadcastChannel('punchcard.console');
let key = null;
/** The key that is being tried, until that is done or it ended elsewhere. */
let trying = null;
let ended = () => {};

/** The roles that cover others (docs/http-api.md). */
const COVERS = {
  issuer: ['issuer'],
  viewer: ['viewer'],
  planner: ['planner', 'viewer'],
  publisher: ['publisher', 'planner', 'viewer'],
  admin: ['admin', 'publisher', 'planner', 'viewer', 'issuer'],
};

channel.addEventListener('message', ({ data }) => {
  if (data?.ask && key) channel.postMessage({ key, isOperator: sessionStorage.getItem(OPERATOR) !== null });
  if (!data?.gone) return;
  if (data.gone === trying) trying = null;
  if (data.gone === sessionStorage.getItem(STORED) && data.gone !== key) forget();
  if (data.gone === key) ended(data.reason);
});

/** Called with the reason when the key ends in another tab. */
export function onEnded(listener) {
  ended = listener;
}

/** The key of this tab, or of another that is open. */
export async function remembered() {
  const own = sessionStorage.getItem(STORED);
  if (own) return own;
  return new Promise((found) => {
    const listen = ({ data }) => {
      if (!data?.key) return;
      if (data.isOperator) sessionStorage.setItem(OPERATOR, 'yes');
      done(data.key);
    };
    const done = (value) => {
      channel.removeEventListener('message', listen);
      clearTimeout(timer);
      found(value);
    };
    const timer = setTimeout(() => done(null), PATIENCE);
    channel.addEventListener('message', listen);
    channel.postMessage({ ask: true });
  });
}

/**
 * Finds out what a key may do: a tenant's key by `/v1/whoami`, an operator's by `/admin/v1/whoami`.
 * Throws the problem of the first where neither takes it, and one of status 401 where the key ended elsewhere
 * meanwhile. `hooks.onEnd(problem, api)` names the API whose key it was.
 */
export async function signIn(shown, hooks) {
  trying = shown;
  const trial = createApi({ key: shown, onReach: hooks.onReach });
  const who = await whoIs(trial);
  if (trying !== shown) throw new Problem({ status: 401, code: 'unauthorized', detail: t('shell.ended_key') });
  trying = null;
  key = shown;
  sessionStorage.setItem(STORED, shown);
  if (who.operator) sessionStorage.setItem(OPERATOR, 'yes');
  else sessionStorage.removeItem(OPERATOR);
  const api = createApi({ key: shown, onReach: hooks.onReach, onEnd: (problem) => hooks.onEnd(problem, api) });
  return { ...describe(who), api };
}

/** The address that says who the session's key belongs to. */
export const whoami = (session) => (session.isOperator ? ADMIN : TENANT);

// A key does not show whose it is. A tenant's is asked first: there are more of them, and a tenant's key should
// not be among the refused ones of the operators' API. An operator's key is refused once, when it is typed in.
async function whoIs(api) {
  const [first, other] = sessionStorage.getItem(OPERATOR) ? [ADMIN, TENANT] : [TENANT, ADMIN];
  try {
    return await api.get(first);
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
    try {
      return await api.get(other);
    } catch (second) {
      throw second.status === 401 ? problem : second;
    }
  }
}

function describe(who) {
  if (who.operator) {
    return { isOperator: true, tenant: null, tenantName: null, name: who.operator.name ?? null, prefix: who.operator.prefix, roles: [], may: () => false };
  }
  const roles = who.roles ?? [];
  const covered = new Set(roles.flatMap((role) => COVERS[role] ?? []));
  return {
    isOperator: false, tenant: who.tenant, tenantName: who.name ?? who.tenant, name: who.key?.name ?? null, prefix: who.key?.prefix ?? '',
    roles, may: (...wanted) => wanted.some((role) => covered.has(role)),
  };
}

/** Forgets the key, here and, with a `reason`, in the other tabs. */
export function forget({ reason } = {}) {
  if (reason && key) channel.postMessage({ gone: key, reason });
  key = null;
  sessionStorage.removeItem(STORED);
  sessionStorage.removeItem(OPERATOR);
}
