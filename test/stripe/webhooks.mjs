// Events on their way: signed, sent again until they are taken; now and then twice, or late.

import { createHmac, randomUUID } from 'node:crypto';
import { now } from './account.mjs';

export function sign(body, secret, at = now()) {
  return `t=${at},v1=${createHmac('sha256', secret).update(`${at}.${body}`).digest('hex')}`;
}

const LEASE = 20000;            // milliseconds after which what was fetched and not taken is there again
const FIRST_PAUSE = 100;
const LONGEST_PAUSE = 5000;

export class Webhooks {
  // Where to: a URL, or null, and then deliveries wait to be fetched. events: types, or '*'.
  endpoint = { url: null, secret: 'whsec_of_the_local_server_and_of_no_other', events: ['*'] };
  counts = { events: 0, deliveries: 0, attempts: 0, taken: 0 };
  #waiting = new Map();         // what is to be fetched, by delivery: { body, from }

  constructor(faults) { this.faults = faults; }

  // What is neither taken nor given up: 0, and the dust has settled.
  get open() { return this.counts.deliveries - this.counts.taken; }

  send(event) {
    const { events } = this.endpoint;
    if (!events.includes('*') && !events.includes(event.type)) return;
    this.counts.events++;
    const body = JSON.stringify(event, null, 2);
    this.#post(body);
    if (this.faults.strikes('duplicate')) this.#post(body);
  }

  #post(body) {
    this.counts.deliveries++;
    const pause = this.faults.strikes('delay') ? this.faults.random() * this.faults.rates.delay_ms : 0;
    if (this.endpoint.url) setTimeout(() => this.#attempt(body, FIRST_PAUSE), pause);
    else this.#waiting.set(randomUUID(), { body, from: Date.now() + pause });
  }

  async #attempt(body, pause) {
    this.counts.attempts++;
    const answer = await fetch(this.endpoint.url, { method: 'POST', body, signal: AbortSignal.timeout(10000),
      headers: { 'Content-Type': 'application/json; charset=utf-8', 'Stripe-Signature': sign(body, this.endpoint.secret) } }).catch(() => null);
    await answer?.body?.cancel().catch(() => null);
    if (answer?.ok) this.counts.taken++;
    else setTimeout(() => this.#attempt(body, Math.min(2 * pause, LONGEST_PAUSE)), pause);
  }

  // Up to max deliveries; each is there again unless take() follows.
  fetch(max) {
    const due = [];
    for (const [id, delivery] of this.#waiting) {
      if (due.length >= max) break;
      if (delivery.from > Date.now()) continue;
      delivery.from = Date.now() + LEASE;
      this.counts.attempts++;
      due.push({ id, body: delivery.body, signature: sign(delivery.body, this.endpoint.secret) });
    }
    return due;
  }

  take(ids) { this.counts.taken += ids.filter((id) => this.#waiting.delete(id)).length; }
}
