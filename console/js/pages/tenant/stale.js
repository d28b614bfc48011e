// A change of a setting that another operator has changed meanwhile is not made; they look first.

import { fill, h, inline } from '../../dom.js';
import { t } from '../../i18n.js';
import { notice } from '../../widgets/notice.js';

/** What `change` gives, or `null` where it was refused as stale and said so. */
export async function stale(room, told, change) {
  try {
    return await change();
  } catch (problem) {
    if (problem.code !== 'tenant_conflict') throw problem;
    fill(told, notice('bad', h('p', { role: 'alert' }, inline(problem.detail, 1000)), h('p', {}, t('tenants.stale')), h('p', {}, h('button', { type: 'button', onclick: () => dispatchEvent(new HashChangeEvent('hashchange')) }, t('tenants.look_again')))));
    return null;
  }
}
