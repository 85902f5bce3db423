// What a test may ask of the server beside Stripe's own API, under /admin: JSON both ways.

const fields = (object, ...names) => Object.fromEntries(names.map((name) => [name, object[name]]));

// { charges, refunds, intents } of all accounts: what a reconciliation looks at.
function books(server) {
  const all = (kind) => [...server.accounts.values()].flatMap((account) => account.all(kind));
  return {
    charges: all('charge').map((charge) => fields(charge, 'id', 'payment_intent', 'status', 'amount', 'amount_refunded', 'currency', 'metadata', 'payment_method')),
    refunds: all('refund').map((refund) => fields(refund, 'id', 'payment_intent', 'charge', 'amount', 'currency', 'status', 'metadata')),
    intents: all('payment_intent').map((intent) => fields(intent, 'id', 'status', 'amount', 'currency', 'latest_charge', 'metadata')),
  };
}

const ENDPOINTS = {
  'GET charges': books,
  'GET counts': ({ requests, faults, webhooks }) => ({ requests, injected: faults.injected, webhooks: { ...webhooks.counts, open: webhooks.open } }),
  // Rates from 0 to 1 by the names in faults.mjs.
  'POST faults': ({ faults }, rates) => { faults.set(rates); return faults.rates; },
  // { url, secret, events }; without a url webhooks wait to be fetched.
  'POST endpoint': ({ webhooks }, endpoint) => Object.assign(webhooks.endpoint, endpoint),
  // Deliveries to make; those that are not taken are there again.
  'POST webhooks/fetch': ({ webhooks }, { max = 100 }) => webhooks.fetch(max),
  'POST webhooks/take': ({ webhooks }, { ids }) => { webhooks.take(ids); return {}; },
};

// [status, body]
export function administer(server, method, path, body) {
  const act = ENDPOINTS[`${method} ${path}`];
  if (!act) return [404, { error: 'no such endpoint' }];
  try {
    return [200, act(server, body ? JSON.parse(body) : {})];
  } catch (error) {
    return [400, { error: error.message }];
  }
}
