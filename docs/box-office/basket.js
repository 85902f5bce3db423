// The seats chosen so far, what they cost, and the button that holds them. On a phone it stays at the bottom edge.

import { h, icon } from './dom.js';
import { money, plural } from './format.js';
import { isBusy, whileBusy } from './parts.js';
import { categoryOf, seatLabel, seatPrice } from './seatmap/plan.js';

export function basket(plan, { drop, hold, clear }) {
  const list = h('ul', { class: 'basket-seats' });
  const sum = h('strong', { class: 'basket-sum' });
  const count = h('span', { class: 'basket-count' });
  const button = h('button', { type: 'button', class: 'button', onclick: () => !isBusy(button) && hold({ work: (ask) => whileBusy(button, 'Holding your seats …', ask) }) }, 'Hold these seats');
  const element = h('section', { class: 'basket', 'aria-label': 'Chosen seats' },
    h('div', { class: 'basket-top' }, h('h2', {}, 'Your seats'), h('button', { type: 'button', class: 'link', onclick: clear }, 'Clear')),
    h('p', { class: 'basket-hint' }, 'Tap seats on the map to choose them, or let us find the best ones.'),
    list, h('div', { class: 'basket-foot' }, h('div', {}, count, sum), button));

  function line(seat) {
    const price = seatPrice(plan, seat);
    const name = seatLabel(plan, seat);
    return h('li', {}, h('span', { class: 'basket-seat' }, h('span', {}, name), h('small', {}, categoryOf(plan, plan.category[seat]).name)),
      h('span', { class: 'basket-price' }, price === null ? '' : money(price, plan.currency)),
      h('button', { type: 'button', class: 'tool small', 'aria-label': `Remove ${name}`, onclick: () => drop(seat) }, icon('close')));
  }

  return {
    element,
    focus: () => button.focus(),
    show(choice) {
      element.classList.toggle('is-empty', choice.size === 0);
      list.replaceChildren(...choice.sorted.map(line));
      count.textContent = plural(choice.size, 'seat');
      sum.textContent = money(choice.amount, plan.currency);
    },
  };
}
