// What an endpoint is: its address, what it is told of, and a word about it.

import { h } from '../../dom.js';
import { t } from '../../i18n.js';
import { check, field } from '../../widgets/field.js';

/** What an endpoint may be told of. */
const TYPES = ['ticket.answered', 'ticket.persisted', 'ticket.delivered', 'ticket.failed', 'ticket.cancelled'];

/** The text of an event type. */
export const typeName = (type) => t(`webhooks.type_${type.replace('.', '_')}`);

export function endpointForm(endpoint = null) {
  const url = field({ label: t('webhooks.url'), hint: t('webhooks.url_hint'), value: endpoint?.url ?? '', inputmode: 'url', autocomplete: 'off', spellcheck: 'false' });
  const description = field({ label: t('webhooks.description'), value: endpoint?.description ?? '', autocomplete: 'off', maxlength: 200 });
  const types = TYPES.map((type) => ({ type, box: check({ label: typeName(type), checked: endpoint ? endpoint.event_types.includes(type) : type === 'ticket.persisted' || type === 'ticket.failed' }) }));
  return {
    element: h('form', { class: 'form', onsubmit: (event) => event.preventDefault() }, url.element, h('fieldset', { class: 'stack' }, h('legend', { class: 'strong' }, t('webhooks.types')), types.map(({ box }) => box.element)), description.element),
    read() {
      const words = description.value.trim();
      return { url: url.value.trim(), event_types: types.filter(({ box }) => box.value).map(({ type }) => type), ...(words || endpoint ? { description: words } : {}) };
    },
  };
}
