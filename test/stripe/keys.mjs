// Idempotency keys of one account: the first answer to a key is the answer for good, also when it is a 500.

import { createHash } from 'node:crypto';
import { invalid, keyInUse, keyReused } from './errors.mjs';

const LONGEST = 255;

export const fingerprint = (...parts) => createHash('sha256').update(JSON.stringify(parts)).digest('base64');

export class Keys {
  #kept = new Map();

  // The answer that is kept, or undefined: then the request is under way until save() or forget().
  claim(key, print) {
    if (key.length > LONGEST) throw invalid(`An idempotency key has at most ${LONGEST} characters.`);
    const kept = this.#kept.get(key);
    if (!kept) {
      this.#kept.set(key, { print });
      return undefined;
    }
    if (kept.print !== print) throw keyReused(key);
    if (!kept.answer) throw keyInUse(key);
    return kept.answer;
  }

  save(key, answer) { this.#kept.get(key).answer = answer; }

  forget(key) { this.#kept.delete(key); }
}
