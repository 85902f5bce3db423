// Small pieces that several pages share.

import { h } from './dom.js';

// A refusal or other notice, with what can be done. actions: elements.
export function notice({ title, text }, ...actions) {
  return h('div', { class: 'notice', role: 'alert' }, h('strong', {}, title), h('p', {}, text),
    actions.length > 0 && h('div', { class: 'notice-actions' }, ...actions));
}

// A whole page that could not be shown.
export function failure({ title, text }, { href, label, act }) {
  return h('section', { class: 'empty' }, h('div', { class: 'empty-art', 'aria-hidden': 'true' }), h('h1', {}, title), h('p', {}, text),
    href ? h('a', { class: 'button', href }, label) : h('button', { class: 'button', type: 'button', onclick: act }, label));
}

// Grey shapes where content will be.
export function loading(label, ...classes) {
  return h('div', { class: 'loading', role: 'status' }, h('span', { class: 'unseen' }, label),
    ...classes.map((name) => h('div', { class: `bone ${name}`, 'aria-hidden': 'true' })));
}

export function button(label, act, kind = '') {
  return h('button', { type: 'button', class: `button ${kind}`.trim(), onclick: act }, label);
}

// While work is under way the button says so and cannot be pressed again. note(text) changes what it says.
export async function whileBusy(element, label, work) {
  const before = [...element.childNodes];
  element.setAttribute('aria-disabled', 'true');
  element.classList.add('busy');
  element.replaceChildren(label);
  try {
    return await work((text) => element.replaceChildren(text));
  } finally {
    element.removeAttribute('aria-disabled');
    element.classList.remove('busy');
    element.replaceChildren(...before);
  }
}

export const isBusy = (element) => element.classList.contains('busy');

// A number with minus and plus; change(n) is called with each new value.
export function stepper(label, { value, min, max, change }) {
  const output = h('output', { 'aria-live': 'polite' }, String(value));
  const step = (by) => {
    const next = Math.min(Math.max(value + by, min), max);
    if (next === value) return;
    value = next;
    output.textContent = String(value);
    less.disabled = value <= min;
    more.disabled = value >= max;
    change(value);
  };
  const less = h('button', { type: 'button', class: 'tool', 'aria-label': `Fewer ${label}`, onclick: () => step(-1), disabled: value <= min }, '−');
  const more = h('button', { type: 'button', class: 'tool', 'aria-label': `More ${label}`, onclick: () => step(1), disabled: value >= max }, '+');
  return h('div', { class: 'stepper', role: 'group', 'aria-label': label }, less, output, more);
}
