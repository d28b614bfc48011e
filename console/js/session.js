// Who has signed in: a key, kept by this tab alone, and what it may do.
//
// The key is in sessionStorage, which ends with the tab. Another tab of the console asks the open ones for it
// (BroadcastChannel, same origin only). There is no cookie, so no other site can borrow it.

import { createApi, Problem } from './api.js';

const STORED = 'punchcard.key';
const PATIENCE = 250;

const channel = new BroadcastChannel('punchcard.console');
let key = null;
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
  if (data?.ask && key) channel.postMessage({ key });
  if (data?.gone && key && data.gone === key) ended(null);
});

/** Called when another tab signs out. */
export function onEnded(listener) {
  ended = listener;
}

/** The key of this tab, or of another that is open. */
export async function remembered() {
  const own = sessionStorage.getItem(STORED);
  if (own) return own;
  return new Promise((found) => {
    const listen = ({ data }) => data?.key && done(data.key);
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
 * Throws the problem of the first where neither takes it.
 */
export async function signIn(shown, hooks) {
  const trial = createApi({ key: shown, onReach: hooks.onReach });
  const who = await whoIs(trial);
  key = shown;
  sessionStorage.setItem(STORED, shown);
  return { ...describe(who), api: createApi({ key: shown, ...hooks }) };
}

async function whoIs(api) {
  try {
    return await api.get('/v1/whoami');
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 401) throw problem;
    try {
      return await api.get('/admin/v1/whoami');
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

/** Forgets the key, here and, where somebody signs out, in the other tabs. */
export function forget({ everywhere = false } = {}) {
  if (everywhere && key) channel.postMessage({ gone: key });
  key = null;
  sessionStorage.removeItem(STORED);
}
