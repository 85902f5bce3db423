// A payment from the press of the button to its outcome, which may take a while.

import { findBooking, newKey, pay } from './api.js';

const LOOK_EVERY = 2000;        // milliseconds between two looks at a booking that is being paid

// The payments that have no outcome yet, by booking: asked for again, they must carry the same key.
const open = new Map();

// Resolves to 'paid' or 'pending'; rejects with the refusal.
export async function startPayment(id, token, options) {
  if (open.get(id)?.token !== token) open.set(id, { token, key: newKey() });
  return ask(id, options);
}

// 202 says when to ask again, with the same request and key. A reload has lost the key; then the booking tells.
export async function awaitPayment(id, signal, retryAfter = 1) {
  while (!signal.aborted) {
    await pause(open.has(id) ? retryAfter * 1000 : LOOK_EVERY, signal);
    if (signal.aborted) return;
    if (open.has(id)) {
      if (await ask(id, { signal }) === 'paid') return;
    } else if ((await findBooking(id, { signal })).status !== 'paying') {
      return;
    }
  }
}

async function ask(id, options) {
  const { token, key } = open.get(id);
  try {
    const answer = await pay(id, token, key, options);
    if (answer.state === 'pending') return 'pending';
    open.delete(id);
    return 'paid';
  } catch (error) {
    // Declined, or not possible any more: the next try is another payment. Without an answer it is still this one.
    if (error.code !== 'unreachable') open.delete(id);
    throw error;
  }
}

function pause(milliseconds, signal) {
  return new Promise((done) => {
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', () => { clearTimeout(timer); done(); }, { once: true });
  });
}
