// How one pays, by provider: the cards that its test mode knows. In earnest the provider's own form stands here, and
// what it gives is a payment token as well; docs/box-office.md tells how. Card numbers never pass through this page.

import { h } from './dom.js';

const TEST_CARDS = {
  test: [
    ['tok_test_success', '4242', 'is accepted'],
    ['tok_test_declined', '0002', 'is declined'],
    ['tok_test_insufficient_funds', '9995', 'has no money left'],
    ['tok_test_slow', '3155', 'asks a slow bank'],
    ['tok_test_slow_declined', '3063', 'asks a slow bank, which declines'],
  ],
  // Stripe's own, by PaymentMethod.
  stripe: [
    ['pm_card_visa', '4242', 'is accepted'],
    ['pm_card_chargeDeclined', '0002', 'is declined'],
    ['pm_card_chargeDeclinedInsufficientFunds', '9995', 'has no money left'],
    ['pm_card_chargeDeclinedExpiredCard', '0069', 'has expired'],
    ['pm_card_authenticationRequired', '3184', 'has a bank that asks back'],
  ],
};

// Null where there is no way to pay a booking here; else an element, and token() for what has been chosen, which may be a
// promise, and null while that is incomplete.
export function cardChoice({ payment_provider: provider }) {
  const cards = provider.test ? TEST_CARDS[provider.name] : null;
  if (!cards) return null;
  const inputs = cards.map(([token], i) => {
    const input = h('input', { type: 'radio', name: 'card', value: token });
    input.checked = i === 0;
    return input;
  });
  const element = h('fieldset', { class: 'cards-to-pay' }, h('legend', {}, 'Pay with'),
    cards.map(([, number, what], i) => h('label', { class: 'pay-card' }, inputs[i],
      h('span', { class: 'pay-chip', 'aria-hidden': 'true' }),
      h('span', {}, h('strong', {}, `•••• ${number}`), h('small', {}, `Test card: ${what}`)))));
  return { element, token: () => inputs.find((input) => input.checked).value };
}
