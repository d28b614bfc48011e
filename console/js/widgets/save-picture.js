// A picture of the page as a file of its own: what the style sheets say of it is written into it.

import { save } from '../api.js';
import { t } from '../i18n.js';
import { button } from './page.js';
import { toast } from './toast.js';

const TAKEN = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'opacity', 'font-size', 'font-family', 'font-weight', 'text-anchor'];

/** A button that saves the picture within `place` under `name`. */
export const saveButton = (place, name) => button(t('tickets.save_picture'), () => savePicture(place.querySelector('svg'), name), { picture: 'save', small: true, kind: 'plain' });

function savePicture(picture, name) {
  if (!picture) return toast(t('tickets.no_picture'), { bad: true });
  const copy = picture.cloneNode(true);
  const shown = [picture, ...picture.querySelectorAll('*')];
  [copy, ...copy.querySelectorAll('*')].forEach((element, at) => {
    const style = getComputedStyle(shown[at]);
    for (const property of TAKEN) element.setAttribute(property, style.getPropertyValue(property));
    element.removeAttribute('class');
  });
  copy.setAttribute('xmlns', 'http://www.w3.org/2000/svg');
  const [, , width, height] = copy.getAttribute('viewBox').split(' ');
  copy.setAttribute('width', width);
  copy.setAttribute('height', height);
  const ground = document.createElementNS('http://www.w3.org/2000/svg', 'rect');
  for (const [key, value] of Object.entries({ width, height, fill: getComputedStyle(document.body).getPropertyValue('--surface').trim() })) ground.setAttribute(key, value);
  copy.prepend(ground);
  return save(new Blob([new XMLSerializer().serializeToString(copy)], { type: 'image/svg+xml' }), name);
}
