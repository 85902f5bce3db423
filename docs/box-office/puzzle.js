// The small puzzle that makes joining dear for who would join a thousand times: a text for which the SHA-256 of
// prefix + text begins with so many zero bits.

import { sha256 } from './sha256.js';

// Whether the words begin with so many zero bits.
export function zeroBits(words, bits) {
  const whole = bits >> 5;
  for (let i = 0; i < whole; i++) if (words[i] !== 0) return false;
  return bits % 32 === 0 || words[whole] >>> (32 - bits % 32) === 0;
}

const A_BREATH = 20;            // milliseconds, after which the page may do something else

// Resolves to the text; rejects when signal is aborted.
export async function solve({ prefix, bits }, signal) {
  const encoder = new TextEncoder();
  let pause = performance.now() + A_BREATH;
  for (let n = 0; ; n++) {
    if (zeroBits(sha256(encoder.encode(prefix + n)), bits)) return String(n);
    if (n % 64 === 0 && performance.now() > pause) {
      await new Promise((done) => { setTimeout(done); });
      signal?.throwIfAborted();
      pause = performance.now() + A_BREATH;
    }
  }
}
