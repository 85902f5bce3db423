// The draw, computed anew from what is published (docs/waitingroom.md), so that nobody has to be believed.

import { fromHex, sha256, sha256Hex } from './sha256.js';

const ROUNDS = 8;

// Returns entry => position, both from 0 to n - 1. seed: 32 bytes in hexadecimal.
export function drawOf(seed, n) {
  const key = fromHex(seed);
  let base = Math.max(Math.floor(Math.sqrt(n)) - 1, 1);
  while (base * base < n) base++;
  const known = Array.from({ length: ROUNDS }, () => new Map());

  // The first six bytes of SHA-256(seed || "round,n,digit") as a number, to the base.
  function value(round, digit) {
    if (!known[round].has(digit)) {
      const words = sha256(Uint8Array.from([...key, ...new TextEncoder().encode(`${round},${n},${digit}`)]));
      known[round].set(digit, (words[0] * 2 ** 16 + (words[1] >>> 16)) % base);
    }
    return known[round].get(digit);
  }

  function permute(number) {
    let left = Math.floor(number / base);
    let right = number % base;
    for (let round = 0; round < ROUNDS; round++) [left, right] = [right, (left + value(round, right)) % base];
    return left * base + right;
  }

  return (entry) => {
    let position = permute(entry);
    while (position >= n) position = permute(position);
    return position;
  };
}

// What is wrong with a draw; nothing, if all is well. facts: as the waiting room publishes them.
export function faultOf({ seed_hash: hash, secret, seed, beacon_value: beacon }) {
  if (sha256Hex(fromHex(secret)) !== hash) return 'The secret is not the one that was promised.';
  const wanted = beacon === null ? secret : sha256Hex(Uint8Array.from([...fromHex(secret), ...new TextEncoder().encode(beacon)]));
  return seed === wanted ? null : 'The seed is not made as it was promised.';
}
