// A JSON document as indented text: every character of it is shown, and none of it does anything.

import { text } from '../dom.js';

export function jsonView(value) {
  return text(JSON.stringify(value, null, 2), { code: true });
}
