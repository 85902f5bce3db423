// Asks before something that cannot be taken back. Resolves to whether it is to be done.

import { h } from './dom.js';

export function confirmed(title, text, yes, no = 'Not now') {
  return new Promise((resolve) => {
    const dialog = h('dialog', { class: 'dialog', 'aria-labelledby': 'dialog-title', onclose: () => { dialog.remove(); resolve(dialog.returnValue === 'yes'); } },
      h('h2', { id: 'dialog-title' }, title), h('p', {}, text),
      h('div', { class: 'dialog-actions' },
        h('button', { type: 'button', class: 'button quiet', onclick: () => dialog.close('no') }, no),
        h('button', { type: 'button', class: 'button', onclick: () => dialog.close('yes') }, yes)));
    document.body.append(dialog);
    dialog.showModal();
  });
}
