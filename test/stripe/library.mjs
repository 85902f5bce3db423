// library.mjs [WEBHOOK]: what the official library says of this server, and, given the address of payment_webhook and
// its secret in the environment, what payment_webhook says of what the official library signs.

import Stripe from 'stripe';
import { StripeServer } from './server.mjs';
import { done, is, like, ok } from '../browser/tap.mjs';

const KEY = 'sk_test_of_the_local_server';
const OTHER = 'sk_test_of_another_account';
const SECRET = 'whsec_of_the_library_test_long_enough';
const server = new StripeServer({ keys: [KEY, OTHER], seed: 7 });
const address = new URL(await server.listen());
const open = (key, options) => new Stripe(key, { host: address.hostname, port: Number(address.port), protocol: 'http', maxNetworkRetries: 0, ...options });
const stripe = open(KEY);
const { webhooks } = Stripe;

// What a call was refused for.
const refusal = (promise) => promise.then(() => null, (error) => error);
const inEuro = (more) => ({ amount: 5000, currency: 'eur', payment_method_types: ['card'], ...more });
const faults = async (rates, work) => {
  server.faults.set(rates);
  try {
    return await work();
  } finally {
    server.faults.set(Object.fromEntries(Object.keys(rates).map((name) => [name, 0])));
  }
};

await pays();
await declines();
await refuses();
await refunds();
await remembers();
await locks();
await fails();
await tells();
if (process.argv[2]) await isTaken(process.argv[2], process.env.WEBHOOK_SECRET);
server.close();
done();

async function pays() {
  const intent = await stripe.paymentIntents.create(inEuro({ payment_method: 'pm_card_visa', metadata: { booking_id: 'b1', 'a b': 'ü & =' } }));
  is([intent.object, intent.status, intent.amount, intent.currency], ['payment_intent', 'requires_confirmation', 5000, 'eur'], 'an intent is made');
  is(intent.metadata, { booking_id: 'b1', 'a b': 'ü & =' }, 'with its metadata');
  is(intent.latest_charge, null, 'and nothing charged');
  const confirmed = await stripe.paymentIntents.confirm(intent.id, { expand: ['latest_charge.balance_transaction'] });
  is([confirmed.status, confirmed.amount_received], ['succeeded', 5000], 'it is confirmed');
  const { status, balance_transaction: { amount, fee, net } } = confirmed.latest_charge;
  is([status, amount, fee, net], ['succeeded', 5000, 100, 4900], 'its charge and what it costs are expanded');
  const found = await stripe.paymentIntents.retrieve(intent.id);
  is([found.status, typeof found.latest_charge], ['succeeded', 'string'], 'it is found again, unexpanded');
  const again = await refusal(stripe.paymentIntents.confirm(intent.id));
  is([again.type, again.code, again.payment_intent.status], ['StripeInvalidRequestError', 'payment_intent_unexpected_state', 'succeeded'], 'what has succeeded is not confirmed again');
  const cancelled = await stripe.paymentIntents.create(inEuro()).then(({ id }) => stripe.paymentIntents.cancel(id, { cancellation_reason: 'abandoned' }));
  is([cancelled.status, cancelled.cancellation_reason], ['canceled', 'abandoned'], 'one is cancelled');
  is((await refusal(stripe.paymentIntents.confirm(cancelled.id, { payment_method: 'pm_card_visa' }))).code, 'payment_intent_unexpected_state', 'and not confirmed after that');
  is((await refusal(stripe.paymentIntents.cancel(intent.id))).code, 'payment_intent_unexpected_state', 'what has succeeded is not cancelled');
  const byToken = await stripe.paymentIntents.create(inEuro({ payment_method_data: { type: 'card', card: { token: 'tok_visa' } }, confirm: true }));
  is(byToken.status, 'succeeded', 'a token for a card will do');
  is((await stripe.paymentIntents.create(inEuro({ payment_method: 'pm_card_mastercard', confirm: true }))).status, 'succeeded', 'an intent is made and confirmed at once');
}

async function declines() {
  const intent = await stripe.paymentIntents.create(inEuro({ payment_method: 'pm_card_chargeDeclinedInsufficientFunds' }));
  const error = await refusal(stripe.paymentIntents.confirm(intent.id));
  is([error.type, error.statusCode, error.code, error.decline_code], ['StripeCardError', 402, 'card_declined', 'insufficient_funds'], 'a card is declined');
  is([error.payment_intent.id, error.payment_intent.status], [intent.id, 'requires_payment_method'], 'the error tells of its intent');
  is((await stripe.paymentIntents.retrieve(intent.id)).last_payment_error.decline_code, 'insufficient_funds', 'so does the intent of the error');
  is((await stripe.paymentIntents.confirm(intent.id, { payment_method: 'pm_card_visa' })).status, 'succeeded', 'another card pays it');
  for (const [card, code, declineCode] of [['pm_card_chargeDeclined', 'card_declined', 'generic_decline'], ['pm_card_visa_chargeDeclinedLostCard', 'card_declined', 'lost_card'],
    ['pm_card_chargeDeclinedExpiredCard', 'expired_card', undefined], ['pm_card_chargeDeclinedIncorrectCvc', 'incorrect_cvc', 'incorrect_cvc']]) {
    const { code: told, decline_code: declined } = await refusal(stripe.paymentIntents.create(inEuro({ payment_method: card, confirm: true })));
    is([told, declined], [code, declineCode], `${card}: ${code}`);
  }
  const asks = { payment_method: 'pm_card_authenticationRequired', confirm: true };
  is((await stripe.paymentIntents.create(inEuro(asks))).status, 'requires_action', 'a bank may want its customer to authenticate');
  is((await refusal(stripe.paymentIntents.create(inEuro({ ...asks, error_on_requires_action: true })))).decline_code, 'authentication_not_handled', 'which is a decline where he cannot');
  is((await refusal(stripe.paymentIntents.create(inEuro({ ...asks, off_session: true })))).code, 'authentication_required', 'or is not there');
}

async function refuses() {
  is((await refusal(open('sk_test_wrong').paymentIntents.create(inEuro()))).type, 'StripeAuthenticationError', 'a wrong key is refused');
  is((await refusal(stripe.paymentIntents.retrieve('pi_000000000000000000000000'))).statusCode, 404, 'there is no such intent');
  is((await refusal(stripe.paymentIntents.create({ currency: 'eur' }))).param, 'amount', 'an amount is needed');
  is((await refusal(stripe.paymentIntents.create(inEuro({ amount: 3 })))).code, 'amount_too_small', 'of some size');
  is((await refusal(stripe.paymentIntents.create(inEuro({ colour: 'red' })))).code, 'parameter_unknown', 'unknown parameters are refused');
  is((await refusal(stripe.paymentIntents.create(inEuro({ payment_method: 'tok_test_success' })))).code, 'resource_missing', 'so are cards that do not exist');
  is((await refusal(stripe.paymentIntents.create({ amount: 5000, currency: 'eur', payment_method: 'pm_card_visa', confirm: true }))).param, 'return_url', 'who might be led away must find back');
  const theirs = await open(OTHER).paymentIntents.create(inEuro());
  is((await refusal(stripe.paymentIntents.retrieve(theirs.id))).code, 'resource_missing', 'another account has its own');
  const answer = await fetch(`${address}v1/payment_intents`, { method: 'POST', headers: { Authorization: `Bearer ${KEY}`, 'Content-Type': 'application/json' }, body: '{"amount": 5000}' });
  is([answer.status, (await answer.json()).error.type], [400, 'invalid_request_error'], 'a body must be a form');
}

async function refunds() {
  const intent = await stripe.paymentIntents.create(inEuro({ payment_method: 'pm_card_visa', confirm: true }));
  const part = await stripe.refunds.create({ payment_intent: intent.id, amount: 2000, metadata: { why: 'a part' } });
  is([part.object, part.amount, part.status, part.payment_intent], ['refund', 2000, 'succeeded', intent.id], 'a part is refunded');
  is((await stripe.refunds.create({ charge: intent.latest_charge })).amount, 3000, 'and the rest');
  is((await refusal(stripe.refunds.create({ payment_intent: intent.id }))).code, 'charge_already_refunded', 'and no more');
  is((await stripe.refunds.list({ payment_intent: intent.id })).data.map(({ amount }) => amount), [3000, 2000], 'they are listed, the newest first');
  is((await stripe.refunds.retrieve(part.id)).metadata, { why: 'a part' }, 'and found');
  const unpaid = await stripe.paymentIntents.create(inEuro());
  is((await refusal(stripe.refunds.create({ payment_intent: unpaid.id }))).statusCode, 400, 'what is not paid is not refunded');
  let listed = 0;
  for await (const each of stripe.refunds.list({ limit: 1 })) listed += each.object === 'refund';
  is(listed, 2, 'page by page');
}

async function remembers() {
  const options = { idempotencyKey: 'key 1' };
  const wish = inEuro({ payment_method: 'pm_card_visa', confirm: true });
  const first = await stripe.paymentIntents.create(wish, options);
  const second = await stripe.paymentIntents.create(wish, options);
  is(second.id, first.id, 'the same key and parameters: the same answer');
  is([first.lastResponse.headers['idempotent-replayed'], second.lastResponse.headers['idempotent-replayed']], [undefined, 'true'], 'which says that it is');
  is((await refusal(stripe.paymentIntents.create({ ...wish, amount: 6000 }, options))).type, 'StripeIdempotencyError', 'other parameters are refused');
  ok((await open(OTHER).paymentIntents.create(wish, options)).id !== first.id, 'another account has keys of its own');
  const declined = { ...wish, payment_method: 'pm_card_chargeDeclined' };
  const errors = [await refusal(stripe.paymentIntents.create(declined, { idempotencyKey: 'key 2' })), await refusal(stripe.paymentIntents.create(declined, { idempotencyKey: 'key 2' }))];
  is(errors[1].payment_intent.id, errors[0].payment_intent.id, 'a declined card is remembered');
  await refusal(stripe.paymentIntents.create({ ...wish, amount: 'much' }, { idempotencyKey: 'key 3' }));
  is((await stripe.paymentIntents.create(wish, { idempotencyKey: 'key 3' })).status, 'succeeded', 'what was wrong with the request is not');
  const slow = await faults({ slow: 1, slow_ms: 300 }, async () => {
    const both = [stripe.paymentIntents.create(wish, { idempotencyKey: 'key 4' }), refusal(stripe.paymentIntents.create(wish, { idempotencyKey: 'key 4' }))];
    return Promise.all(both);
  });
  is([slow[0].status, slow[1].statusCode, slow[1].code], ['succeeded', 409, 'idempotency_key_in_use'], 'while it is under way, the same key has to wait');
}

async function locks() {
  const { id } = await stripe.paymentIntents.create(inEuro({ payment_method: 'pm_card_visa' }));
  const [confirmed, cancelled, seen] = await faults({ slow: 1, slow_ms: 300 }, async () => {
    const confirming = stripe.paymentIntents.confirm(id);
    await new Promise((later) => { setTimeout(later, 100); });
    return Promise.all([confirming, refusal(stripe.paymentIntents.cancel(id)), stripe.paymentIntents.retrieve(id)]);
  });
  is([confirmed.status, cancelled.statusCode, cancelled.code, seen.status], ['succeeded', 429, 'lock_timeout', 'requires_confirmation'], 'what is being confirmed cannot be cancelled meanwhile');
}

async function fails() {
  const charges = () => [...server.accounts.values()].flatMap((account) => account.all('charge')).length;
  const wish = inEuro({ payment_method: 'pm_card_visa', confirm: true });
  let before = charges();
  const answer = await faults({ error_before: 1 }, () => refusal(stripe.paymentIntents.create(wish, { idempotencyKey: 'fault 1' })));
  is([answer.statusCode, charges() - before], [500, 0], 'a 500 before anything was done');
  is((await refusal(stripe.paymentIntents.create(wish, { idempotencyKey: 'fault 1' }))).statusCode, 500, 'is remembered for its key');
  const after = await faults({ error_after: 1 }, () => refusal(stripe.paymentIntents.create(wish, { idempotencyKey: 'fault 2' })));
  is([after.statusCode, charges() - before], [500, 1], 'a 500 after all was done');
  is([(await refusal(stripe.paymentIntents.create(wish, { idempotencyKey: 'fault 2' }))).statusCode, charges() - before], [500, 1], 'is remembered, and not done again');
  before = charges();
  const lost = await faults({ lost: 1 }, () => refusal(stripe.paymentIntents.create(wish, { idempotencyKey: 'fault 3' })));
  is([lost.type, charges() - before], ['StripeConnectionError', 1], 'an answer is lost after the charge');
  is([(await stripe.paymentIntents.create(wish, { idempotencyKey: 'fault 3' })).status, charges() - before], ['succeeded', 1], 'the same key tells what became of it');
  before = charges();
  const silent = await faults({ timeout: 1 }, () => refusal(open(KEY, { timeout: 200 }).paymentIntents.create(wish, { idempotencyKey: 'fault 4' })));
  is([silent.type, charges() - before], ['StripeConnectionError', 0], 'no answer, and nothing was done');
  is((await stripe.paymentIntents.create(wish, { idempotencyKey: 'fault 4' })).status, 'succeeded', 'the same key does it then');
  is((await faults({ limit: 1 }, () => refusal(stripe.paymentIntents.create(wish)))).type, 'StripeRateLimitError', 'there is a limit of requests');
  before = charges();
  const paid = await faults({ lost: 0.3, timeout: 0.3 }, () => open(KEY, { maxNetworkRetries: 20, timeout: 200 }).paymentIntents.create(wish));
  is([paid.status, charges() - before], ['succeeded', 1], 'the library comes through by itself, and charges once');
}

async function tells() {
  server.webhooks.take(server.webhooks.fetch(1e6).map(({ id }) => id));
  Object.assign(server.webhooks.endpoint, { secret: SECRET, events: ['payment_intent.succeeded', 'payment_intent.payment_failed', 'charge.refunded'] });
  const { id } = await stripe.paymentIntents.create(inEuro({ payment_method: 'pm_card_visa', confirm: true, metadata: { booking_id: 'b2' } }), { idempotencyKey: 'told' });
  const [delivery] = server.webhooks.fetch(10);
  const event = webhooks.constructEvent(delivery.body, delivery.signature, SECRET);
  is([event.type, event.data.object.id, event.data.object.metadata.booking_id, event.request.idempotency_key], ['payment_intent.succeeded', id, 'b2', 'told'],
    'the library takes the events of this server');
  ok(await refusal(Promise.resolve().then(() => webhooks.constructEvent(`${delivery.body} `, delivery.signature, SECRET))), 'and no others');
  is(server.webhooks.fetch(10), [], 'what is fetched is not there again at once');
  server.webhooks.take([delivery.id]);
  await stripe.refunds.create({ payment_intent: id });
  await faults({ duplicate: 1 }, () => refusal(stripe.paymentIntents.create(inEuro({ payment_method: 'pm_card_chargeDeclined', confirm: true }))));
  const types = server.webhooks.fetch(10).map(({ body }) => JSON.parse(body).type);
  is(types, ['charge.refunded', 'payment_intent.payment_failed', 'payment_intent.payment_failed'], 'refunds and failures are told, some of them twice');
  like(webhooks.generateTestHeaderString({ payload: '{}', secret: SECRET }), /^t=\d+,v1=[0-9a-f]{64}$/, 'the library signs as this server does');
}

// Other direction: payment_webhook reads what the official library signs.
async function isTaken(url, secret) {
  const event = { id: 'evt_of_the_library', object: 'event', type: 'payment_intent.succeeded', created: 1, data: { object: { id: 'pi_unknown', object: 'payment_intent', status: 'succeeded', metadata: {} } } };
  const payload = JSON.stringify(event, null, 2);
  const post = async (header, body = payload) => {
    const answer = await fetch(url, { method: 'POST', headers: { 'Content-Type': 'application/json; charset=utf-8', 'Stripe-Signature': header }, body });
    const said = await answer.json();
    return [answer.status, said.code];
  };
  const header = (more) => webhooks.generateTestHeaderString({ payload, secret, ...more });
  is((await post(header()))[1] === 'signature_invalid', false, 'payment_webhook takes what the library signs');
  is(await post(header({ secret: 'whsec_wrong' })), [401, 'signature_invalid'], 'and not what is signed with another secret');
  is(await post(header({ timestamp: Math.floor(Date.now() / 1000) - 400 })), [401, 'signature_invalid'], 'nor an old one');
  is(await post(header(), `${payload} `), [401, 'signature_invalid'], 'nor one that was changed');
}
