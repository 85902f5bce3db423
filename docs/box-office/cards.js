// How one pays. These are the cards of the built-in test provider; with a real provider its own fields stand here,
// and what they give is a payment token as well. Card numbers never pass through this page.

import { h } from './dom.js';

const CARDS = [
  ['tok_test_success', '4242', 'Test card', 'is accepted'],
  ['tok_test_declined', '0002', 'Test card', 'is declined'],
  ['tok_test_insufficient_funds', '9995', 'Test card', 'has no money left'],
  ['tok_test_slow', '3155', 'Test card', 'asks a slow bank'],
  ['tok_test_slow_declined', '3063', 'Test card', 'asks a slow bank, which declines'],
];

export function cardChoice() {
  const inputs = CARDS.map(([token], i) => {
    const input = h('input', { type: 'radio', name: 'card', value: token });
    input.checked = i === 0;
    return input;
  });
  const element = h('fieldset', { class: 'cards-to-pay' }, h('legend', {}, 'Pay with'),
    CARDS.map(([, number, name, what], i) => h('label', { class: 'pay-card' }, inputs[i],
      h('span', { class: 'pay-chip', 'aria-hidden': 'true' }),
      h('span', {}, h('strong', {}, `•••• ${number}`), h('small', {}, `${name}: ${what}`)))));
  return { element, token: () => inputs.find((input) => input.checked).value };
}
