// A text that is taken along: an id, a key.

import { h, icon } from '../dom.js';
import { t } from '../i18n.js';
import { toast } from './toast.js';

/** `shown` with a button that copies `value`. */
export function copyable(value, shown = value) {
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(value);
      toast(t('shell.copied'));
    } catch {
      toast(t('shell.not_copied'), { bad: true });
    }
  };
  return h('span', { class: 'copy' }, h('code', null, shown), h('button', { type: 'button', 'aria-label': t('shell.copy', { what: value }), onclick: copy }, icon('copy')));
}
