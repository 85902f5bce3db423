// What one account has: its objects by id, its keys, and the events that tell of changes.

import { randomBytes } from 'node:crypto';
import { Keys } from './keys.mjs';
import { noSuch } from './errors.mjs';

export const API_VERSION = '2025-08-27.basil';

export const now = () => Math.floor(Date.now() / 1000);
export const newId = (prefix) => `${prefix}_${randomBytes(12).toString('hex')}`;

export class Account {
  keys = new Keys();
  locked = new Set();           // the ids of intents that something is being done to
  #objects = new Map();

  // tell(event) is called with each event.
  constructor(tell) { this.tell = tell; }

  add(prefix, kind, fields) {
    const made = { id: newId(prefix), object: kind, created: now(), livemode: false, ...fields };
    this.#objects.set(made.id, made);
    return made;
  }

  // An object of that kind by its id, undefined without one.
  look(kind, id) {
    const found = this.#objects.get(id);
    return found?.object === kind ? found : undefined;
  }

  find(kind, id) {
    return this.look(kind, id) ?? (() => { throw noSuch(kind, id); })();
  }

  // The newest first.
  all(kind) { return [...this.#objects.values()].filter((each) => each.object === kind).reverse(); }

  // Any object that an expand may mean.
  get(id) { return this.#objects.get(id); }

  // Events carry the object as it is now.
  happened(type, object, { requestId = null, key = null } = {}) {
    this.tell({ id: newId('evt'), object: 'event', api_version: API_VERSION, created: now(), data: { object: structuredClone(object) },
      livemode: false, pending_webhooks: 1, request: { id: requestId, idempotency_key: key }, type });
  }
}
