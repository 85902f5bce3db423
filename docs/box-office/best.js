// "Two together, not too dear": a wish that the box office fulfils by itself, the best seats first.

import { h } from './dom.js';
import { money } from './format.js';
import { isBusy, stepper, whileBusy } from './parts.js';

// hold({ quantity, section, category, together, accessible }, { work }) makes the hold.
export function bestForm(event, plan, hold) {
  const wish = { quantity: Math.min(2, event.max_per_booking ?? 10), together: false, accessible: false };
  const where = h('select', { name: 'where', 'aria-label': 'Where' }, h('option', { value: '' }, 'Anywhere'), ...options(plan));
  const button = h('button', { type: 'submit', class: 'button second' }, label());
  const check = (name, text) => h('label', { class: 'check' }, h('input', { type: 'checkbox', name, onchange: (e) => { wish[name] = e.target.checked; } }), h('span', {}, text));
  const amount = stepper('tickets', { value: wish.quantity, min: 1, max: event.max_per_booking ?? 10, change: (n) => { wish.quantity = n; button.textContent = label(); } });
  const form = h('form', { class: 'best', onsubmit: submit },
    h('h2', {}, 'Best available'),
    h('div', { class: 'best-row' }, amount, where),
    h('div', { class: 'best-checks' }, check('together', 'Only side by side'), plan.accessible.includes(1) && check('accessible', 'Accessible seats')),
    button);

  function label() { return wish.quantity === 1 ? 'Hold the best seat' : `Hold the best ${wish.quantity}`; }

  function submit(e) {
    e.preventDefault();
    if (isBusy(button)) return;
    const [kind, name] = [where.value.slice(0, 1), where.value.slice(2)];
    hold({ ...wish, section: kind === 's' ? name : null, category: kind === 'c' ? name : null },
      { work: (ask) => whileBusy(button, 'Finding your seats …', ask) });
  }

  return {
    element: form,
    // A standing place has no seat to tap: the form is where it is asked for.
    ask({ section }) {
      where.value = `s:${plan.sections.find((s) => s.section === section).name}`;
      form.scrollIntoView({ block: 'nearest' });
      button.focus({ preventScroll: true });
      form.classList.remove('called');
      requestAnimationFrame(() => form.classList.add('called'));
    },
  };
}

function options(plan) {
  const category = plan.categories.map((c) => h('option', { value: `c:${c.name}` }, c.price === null ? c.name : `${c.name}, ${money(c.price, plan.currency)}`));
  const section = plan.sections.map((s) => h('option', { value: `s:${s.name}` }, s.kind === 'standing' ? `${s.name} (standing)` : s.name));
  return [h('optgroup', { label: 'Price' }, category), h('optgroup', { label: 'Section' }, section)];
}
