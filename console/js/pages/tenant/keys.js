// Keys of a tenant: listed, issued, rotated, revoked. A key itself is shown once, when it is made.

import { fill, h, inline } from '../../dom.js';
import { dayAndClock } from '../../format.js';
import { t } from '../../i18n.js';
import { badge } from '../../widgets/badge.js';
import { copyable } from '../../widgets/copy.js';
import { confirm, dialog } from '../../widgets/dialog.js';
import { check, field } from '../../widgets/field.js';
import { empty } from '../../widgets/notice.js';
import { card } from '../../widgets/page.js';
import { attempt } from '../../widgets/problem.js';
import { table } from '../../widgets/table.js';
import { toast } from '../../widgets/toast.js';
import { whenBy } from '../../widgets/words.js';

const ROLES = ['issuer', 'viewer', 'planner', 'publisher', 'admin'];
const KINDS = { active: 'good', ending: 'warning', expired: null, revoked: 'bad' };
/** How long a key may go on beside the one that takes its place. */
const OVERLAPS = ['0s', '1h', '24h', '7d', '30d'];

/**
 * @param {object} context
 * @param {string} base where the keys are, such as `/v1/keys`
 * @param {{own?: string}} options `own`: the prefix of the key that is being used
 */
export async function keysCard(context, base, { own } = {}) {
  const { api, signal } = context;
  const place = h('div', {});
  const told = h('div', {});
  const load = async (after) => {
    const page = await api.get(`${base}?limit=200${after ? `&after=${encodeURIComponent(after)}` : ''}`, { signal });
    const rows = table({ caption: t('tenants.keys'), columns: columns(act, own) });
    // Those that open something come first.
    const rank = { active: 0, ending: 1, expired: 2, revoked: 3 };
    rows.show([...page.keys].sort((one, other) => rank[one.state] - rank[other.state] || other.issued.at.localeCompare(one.issued.at)));
    const more = page.next_cursor && h('p', { class: 'more' }, h('button', { type: 'button', onclick: () => attempt(told, null, () => load(page.next_cursor)) }, t('shell.more')));
    if (!after) fill(place);
    place.append(page.keys.length ? rows.element : empty(t('tenants.no_keys')), more || '');
  };
  const again = () => attempt(told, null, () => load());
  const act = {
    async rotate(key) {
      const overlap = field({ label: t('tenants.overlap'), hint: t('tenants.overlap_hint'), type: 'select', options: OVERLAPS.map((value) => ({ value, label: t(`tenants.overlap_${value}`) })), value: '24h' });
      let made = null;
      const done = await confirm({ title: t('tenants.rotate_title', { key: key.name ?? key.prefix }), body: h('div', { class: 'form' }, h('p', {}, t('tenants.rotate_words')), overlap.element), yes: t('tenants.rotate'), run: async () => {
        made = await api.post(`${base}/${encodeURIComponent(key.prefix)}/rotate`, { body: { overlap: overlap.value } });
      } });
      if (done && made) await showOnce(made);
      again();
    },
    async revoke(key) {
      const reason = field({ label: t('tenants.reason'), hint: t('tenants.reason_hint'), autocomplete: 'off', maxlength: 500 });
      const done = await confirm({ title: t('tenants.revoke_title', { key: key.name ?? key.prefix }), body: h('div', { class: 'form' }, h('p', {}, t('tenants.revoke_words')), key.prefix === own ? h('p', { class: 'wrong' }, t('tenants.revoke_own')) : null, reason.element), yes: t('tenants.revoke'), danger: true, run: () => api.post(`${base}/${encodeURIComponent(key.prefix)}/revoke`, { body: reason.value.trim() ? { reason: reason.value.trim() } : {} }) });
      if (!done) return;
      toast(t('tenants.revoked', { key: key.name ?? key.prefix }));
      again();
    },
  };
  await load();
  return card({ title: t('tenants.keys'), tools: [h('button', { type: 'button', class: 'primary small', onclick: () => issue(api, base, again) }, t('tenants.issue_'))], flush: true }, told, place);
}

function columns(act, own) {
  const opens = (key) => key.state === 'active' || key.state === 'ending';
  return [
    { label: t('tenants.holder'), labelled: false, cell: (key) => [key.name ? h('strong', {}, inline(key.name, 80)) : null, ' ', h('code', {}, key.prefix), ' ', key.prefix === own ? badge(t('tenants.this_key'), 'accent') : null] },
    { label: t('tenants.roles'), cell: (key) => key.roles.map((role) => t(`shell.role_${role}`)).join(', ') },
    { label: t('tenants.state'), labelled: false, cell: (key) => badge(t(`tenants.key_${key.state}`), KINDS[key.state]) },
    { label: t('tenants.issued'), cell: (key) => whenBy(key.issued.at, key.issued.by) },
    { label: t('tenants.ends'), cell: (key) => (key.revoked ? whenBy(key.revoked.at, key.revoked.by) : key.ends_at ? dayAndClock(key.ends_at) : t('tenants.never')) },
    { label: t('tenants.actions'), hideLabel: true, labelled: false, cell: (key) => (opens(key) ? h('div', { class: 'actions' }, key.state === 'active' ? h('button', { type: 'button', class: 'small', onclick: () => act.rotate(key) }, t('tenants.rotate_')) : null, h('button', { type: 'button', class: 'small danger', onclick: () => act.revoke(key) }, t('tenants.revoke_'))) : null) },
  ];
}

function issue(api, base, again) {
  const name = field({ label: t('tenants.holder'), hint: t('tenants.holder_hint'), autocomplete: 'off', maxlength: 64 });
  const roles = ROLES.map((role) => ({ role, box: check({ label: `${t(`shell.role_${role}`)}: ${t(`tenants.role_${role}_about`)}`, checked: role === 'viewer' }) }));
  const expires = field({ label: t('tenants.expires'), hint: t('tenants.expires_hint'), type: 'datetime-local' });
  dialog({
    title: t('tenants.issue_title'),
    body: h('form', { class: 'form', onsubmit: (event) => event.preventDefault() }, name.element, h('fieldset', { class: 'stack' }, h('legend', { class: 'strong' }, t('tenants.roles')), roles.map(({ box }) => box.element)), expires.element),
    actions: [
      { label: t('shell.cancel') },
      { label: t('tenants.issue'), primary: true, run: async (close) => {
        const chosen = roles.filter(({ box }) => box.value).map(({ role }) => role);
        const body = { roles: chosen, ...(name.value.trim() ? { name: name.value.trim() } : {}), ...(expires.value ? { expires_at: new Date(expires.value).toISOString() } : {}) };
        const made = await api.post(base, { body });
        close();
        await showOnce(made);
        again();
      } },
    ],
  });
}

/** The only time that a key is shown. */
async function showOnce(made) {
  const shown = dialog({
    title: t('tenants.new_key'),
    body: h('div', { class: 'form' }, h('p', {}, t('tenants.new_key_words')), h('div', { class: 'secret' }, copyable(made.key))),
    actions: [{ label: t('tenants.new_key_kept'), primary: true }],
  });
  await shown.closed;
}
