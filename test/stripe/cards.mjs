// Stripe's test cards, by the id of their PaymentMethod, and what a bank says to each.

const visa = { brand: 'visa', last4: '4242' };
const declined = (last4, decline_code, code = 'card_declined', message = 'Your card was declined.') =>
  ({ brand: 'visa', last4, decline: { code, ...(decline_code && { decline_code }), message } });

const CARDS = {
  pm_card_visa: visa,
  pm_card_visa_debit: { brand: 'visa', last4: '5556' },
  pm_card_mastercard: { brand: 'mastercard', last4: '4444' },
  pm_card_amex: { brand: 'amex', last4: '8431' },
  pm_card_chargeDeclined: declined('0002', 'generic_decline'),
  pm_card_chargeDeclinedInsufficientFunds: declined('9995', 'insufficient_funds', 'card_declined', 'Your card has insufficient funds.'),
  pm_card_chargeDeclinedLostCard: declined('9987', 'lost_card'),
  pm_card_chargeDeclinedStolenCard: declined('9979', 'stolen_card'),
  pm_card_chargeDeclinedFraudulent: declined('0019', 'fraudulent'),
  pm_card_chargeDeclinedVelocityLimitExceeded: declined('6975', 'card_velocity_exceeded'),
  pm_card_chargeDeclinedExpiredCard: declined('0069', null, 'expired_card', 'Your card has expired.'),
  pm_card_chargeDeclinedIncorrectCvc: declined('0127', 'incorrect_cvc', 'incorrect_cvc', 'The security code of your card is wrong.'),
  pm_card_chargeDeclinedProcessingError: declined('0119', 'processing_error', 'processing_error', 'Your card could not be processed just now.'),
  pm_card_authenticationRequired: { brand: 'visa', last4: '3184', authentication: true },
  pm_card_threeDSecure2Required: { brand: 'visa', last4: '3220', authentication: true },
};

// Both pm_card_visa_chargeDeclined and pm_card_chargeDeclined are in use. Undefined: there is no such card.
export const cardOf = (paymentMethod) =>
  CARDS[paymentMethod] ?? CARDS[paymentMethod.replace(/^pm_card_visa_(?=chargeDeclined)/, 'pm_card_')];

// tok_visa is the card of pm_card_visa.
export const paymentMethodOf = (token) => token.replace(/^tok_/, 'pm_card_');

export const describeCard = (paymentMethod) => {
  const { brand, last4 } = cardOf(paymentMethod);
  return { id: paymentMethod, object: 'payment_method', type: 'card', card: { brand, last4, funding: 'credit' }, livemode: false };
};
