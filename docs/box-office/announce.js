// What happens is also said: to screen readers only, or to all by a note that goes away by itself.

import { h } from './dom.js';

const NOTE_STAYS = 4000;        // milliseconds

// Emptied first, because the same words twice are not read again.
export function announce(text) {
  const region = document.getElementById('polite');
  region.textContent = '';
  setTimeout(() => { region.textContent = text; }, 50);
}

export function note(text) {
  const element = h('p', { class: 'toast' }, text);
  document.getElementById('toasts').replaceChildren(element);
  setTimeout(() => element.remove(), NOTE_STAYS);
}
