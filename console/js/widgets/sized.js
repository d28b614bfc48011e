// A picture that is drawn for the width it has: words keep their size on a phone.

import { fill, h } from '../dom.js';

/** `draw(width)` gives the picture. Gives back `{ element, redraw, close }`. */
export function sized(draw) {
  const element = h('figure', { class: 'sized' });
  let width = 0;
  const redraw = () => width && fill(element, draw(width));
  const watch = new ResizeObserver(([entry]) => {
    const now = Math.round(entry.contentRect.width);
    if (!now || now === width) return;
    width = now;
    redraw();
  });
  watch.observe(element);
  return { element, redraw, close: () => watch.disconnect() };
}
