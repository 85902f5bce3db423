// Refunds: all of a charge or a part of it.

import { invalid, noSuchParameter, parameterMissing, refusedNow } from './errors.mjs';

export const REFUND_PARAMETERS = ['payment_intent', 'charge', 'amount', 'reason', 'metadata', 'expand'];

export function createRefund(account, given, request) {
  const charge = chargeToRefund(account, given);
  const left = charge.amount - charge.amount_refunded;
  if (left === 0) throw refusedNow('charge_already_refunded', `Charge ${charge.id} has been refunded already.`);
  if (given.amount !== undefined && !/^[1-9]\d{0,7}$/.test(given.amount)) {
    throw invalid(`Invalid integer: ${given.amount}`, { code: 'parameter_invalid_integer', param: 'amount' });
  }
  const amount = Number(given.amount ?? left);
  if (amount > left) throw refusedNow(null, `The refund (${amount}) is greater than what is left of the charge (${left}).`, { param: 'amount' });
  const refund = account.add('re', 'refund', { amount, charge: charge.id, currency: charge.currency, metadata: given.metadata ?? {},
    payment_intent: charge.payment_intent, reason: given.reason ?? null, status: 'succeeded' });
  // What a charge has cost is not given back.
  refund.balance_transaction = account.add('txn', 'balance_transaction', { amount: -amount, currency: charge.currency, fee: 0, fee_details: [],
    net: -amount, reporting_category: 'refund', source: refund.id, status: 'pending', type: 'refund' }).id;
  charge.amount_refunded += amount;
  charge.refunded = charge.amount_refunded === charge.amount;
  account.happened('refund.created', refund, request);
  account.happened('charge.refunded', charge, request);
  return refund;
}

function chargeToRefund(account, { charge: id, payment_intent: intentId }) {
  if (id !== undefined) {
    return account.look('charge', id) ?? (() => { throw noSuchParameter('charge', id, 'charge'); })();
  }
  if (intentId === undefined) throw parameterMissing('payment_intent');
  const intent = account.look('payment_intent', intentId);
  if (!intent) throw noSuchParameter('payment_intent', intentId, 'payment_intent');
  if (intent.status !== 'succeeded') throw refusedNow(null, `This PaymentIntent (${intentId}) has no charge that succeeded.`, { param: 'payment_intent' });
  return account.look('charge', intent.latest_charge);
}
