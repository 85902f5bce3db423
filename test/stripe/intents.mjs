// PaymentIntents: made, confirmed with a card, cancelled; each try at a card is a charge.

import { cardOf, describeCard, paymentMethodOf } from './cards.mjs';
import { cardError, invalid, noSuchParameter, parameterMissing, refusedNow } from './errors.mjs';
import { now } from './account.mjs';

const SMALLEST = { eur: 50, usd: 50, gbp: 30, chf: 50 };
const CONFIRMING = ['payment_method', 'payment_method_data', 'return_url', 'off_session', 'error_on_requires_action', 'use_stripe_sdk', 'receipt_email', 'expand'];
export const CONFIRM_PARAMETERS = [...CONFIRMING, 'payment_method_types'];
export const CREATE_PARAMETERS = [...CONFIRMING, 'amount', 'currency', 'confirm', 'customer', 'description', 'metadata', 'capture_method',
  'confirmation_method', 'payment_method_types', 'automatic_payment_methods', 'statement_descriptor_suffix', 'transfer_group', 'setup_future_usage'];
export const CANCEL_PARAMETERS = ['cancellation_reason', 'expand'];

export function createIntent(account, given, request) {
  const amount = readAmount(given);
  const currency = readCurrency(given);
  if (amount < (SMALLEST[currency] ?? 1)) {
    throw invalid('The amount is smaller than the least that can be charged.', { code: 'amount_too_small', param: 'amount' });
  }
  const paymentMethod = readPaymentMethod(given);
  const intent = account.add('pi', 'payment_intent', {
    amount, amount_capturable: 0, amount_received: 0, currency,
    automatic_payment_methods: given.payment_method_types ? null : { enabled: true, allow_redirects: 'always', ...given.automatic_payment_methods },
    canceled_at: null, cancellation_reason: null, capture_method: 'automatic', confirmation_method: 'automatic',
    customer: given.customer ?? null, description: given.description ?? null, last_payment_error: null, latest_charge: null,
    metadata: given.metadata ?? {}, next_action: null, payment_method: paymentMethod,
    payment_method_types: given.payment_method_types ?? ['card'], receipt_email: given.receipt_email ?? null,
    status: paymentMethod ? 'requires_confirmation' : 'requires_payment_method',
  });
  intent.client_secret = `${intent.id}_secret_of_the_test`;
  account.happened('payment_intent.created', intent, request);
  return given.confirm === 'true' ? confirmIntent(account, intent, given, request) : intent;
}

export function confirmIntent(account, intent, given, request) {
  if (!intent.status.startsWith('requires_')) throw unexpected('confirmed', intent);
  const paymentMethod = readPaymentMethod(given) ?? intent.payment_method;
  if (!paymentMethod) throw unexpected('confirmed without a payment method', intent);
  // Payment methods that may be chosen in the dashboard may lead the customer away, and he must find back.
  if (intent.automatic_payment_methods && intent.automatic_payment_methods.allow_redirects !== 'never' && !given.return_url) {
    throw invalid('A return_url is needed, or automatic_payment_methods[allow_redirects]=never, or payment_method_types.', { param: 'return_url' });
  }
  const card = cardOf(paymentMethod);
  intent.payment_method = paymentMethod;
  if (card.authentication) return askForAuthentication(account, intent, given, request);
  return card.decline ? decline(account, intent, card.decline, request) : charge(account, intent, request);
}

export function cancelIntent(account, intent, given, request) {
  if (!intent.status.startsWith('requires_')) throw unexpected('cancelled', intent);
  Object.assign(intent, { status: 'canceled', canceled_at: now(), cancellation_reason: given.cancellation_reason ?? null, next_action: null });
  account.happened('payment_intent.canceled', intent, request);
  return intent;
}

// What an intent is worth to the account: the amount less the fee.
function charge(account, intent, request) {
  const made = addCharge(account, intent, { status: 'succeeded', paid: true, amount_captured: intent.amount, failure_code: null, failure_message: null });
  const fee = Math.round(intent.amount * 0.015) + 25;
  made.balance_transaction = account.add('txn', 'balance_transaction', { amount: intent.amount, currency: intent.currency, fee,
    fee_details: [{ amount: fee, currency: intent.currency, type: 'stripe_fee', description: 'Stripe processing fees' }],
    net: intent.amount - fee, reporting_category: 'charge', source: made.id, status: 'pending', type: 'charge' }).id;
  Object.assign(intent, { status: 'succeeded', amount_received: intent.amount, latest_charge: made.id, last_payment_error: null, next_action: null });
  account.happened('charge.succeeded', made, request);
  account.happened('payment_intent.succeeded', intent, request);
  return intent;
}

function decline(account, intent, error, request) {
  const made = addCharge(account, intent, { status: 'failed', paid: false, amount_captured: 0, balance_transaction: null,
    failure_code: error.code, failure_message: error.message });
  const told = { type: 'card_error', ...error, charge: made.id, payment_method: describeCard(intent.payment_method) };
  Object.assign(intent, { status: 'requires_payment_method', payment_method: null, latest_charge: made.id, last_payment_error: told, next_action: null });
  account.happened('charge.failed', made, request);
  account.happened('payment_intent.payment_failed', intent, request);
  throw cardError({ ...told, payment_intent: structuredClone(intent) });
}

// The bank wants to ask its customer. Whoever cannot do that now said so, and it is a declined card.
function askForAuthentication(account, intent, given, request) {
  const message = 'The bank wants the customer to authenticate this payment.';
  if (given.off_session === 'true') return decline(account, intent, { code: 'authentication_required', decline_code: 'authentication_required', message }, request);
  if (given.error_on_requires_action === 'true') return decline(account, intent, { code: 'card_declined', decline_code: 'authentication_not_handled', message }, request);
  Object.assign(intent, { status: 'requires_action', next_action: { type: 'use_stripe_sdk', use_stripe_sdk: {} } });
  account.happened('payment_intent.requires_action', intent, request);
  return intent;
}

function addCharge(account, intent, fields) {
  return account.add('ch', 'charge', { amount: intent.amount, amount_refunded: 0, currency: intent.currency, metadata: { ...intent.metadata },
    payment_intent: intent.id, payment_method: intent.payment_method, refunded: false, captured: fields.paid, ...fields });
}

function readAmount({ amount }) {
  if (amount === undefined) throw parameterMissing('amount');
  if (!/^[1-9]\d{0,7}$/.test(amount)) throw invalid(`Invalid integer: ${amount}`, { code: 'parameter_invalid_integer', param: 'amount' });
  return Number(amount);
}

function readCurrency({ currency }) {
  if (currency === undefined) throw parameterMissing('currency');
  if (!/^[a-z]{3}$/i.test(currency)) throw invalid(`Invalid currency: ${currency}`, { param: 'currency' });
  return currency.toLowerCase();
}

// Null where none is given. An older form gives a token for a card.
function readPaymentMethod({ payment_method: id, payment_method_data: data }) {
  const token = data?.card?.token;
  const given = id ?? (token === undefined ? null : paymentMethodOf(token));
  if (given !== null && !cardOf(given)) throw noSuchParameter(id ? 'PaymentMethod' : 'token', id ?? token, id ? 'payment_method' : 'payment_method_data[card][token]');
  return given;
}

function unexpected(what, intent) {
  return refusedNow('payment_intent_unexpected_state', `This PaymentIntent cannot be ${what}: its status is ${intent.status}.`,
    { payment_intent: structuredClone(intent) });
}
