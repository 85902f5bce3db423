// The draw, computed anew from what is published (docs/waitingroom.md), so that nobody has to be believed.

import { fromHex, sha256, sha256Hex } from './sha256.js';

const ROUNDS = 8;

// Returns entry => position, both from 0 to n - 1. seed: 32 bytes in hexadecimal.
export function drawOf(seed, n) {
  const key = fromHex(seed);
  let base = Math.max(Math.floor(Math.sqrt(n)) - 1, 1);
  while (base * base < n) base++;
  const known = Array.from({ length: ROUNDS }, () => new Map());

  // One SHA-256 has the numbers of five neighbouring digits, six bytes each.
  function value(round, digit) {
    const five = Math.floor(digit / 5);
    if (!known[round].has(five)) {
      const hash = new DataView(new ArrayBuffer(32));
      sha256(Uint8Array.from([...key, ...new TextEncoder().encode(`${round},${n},${five}`)])).forEach((word, i) => hash.setUint32(4 * i, word));
      known[round].set(five, [0, 6, 12, 18, 24].map((at) => (hash.getUint16(at) * 2 ** 32 + hash.getUint32(at + 2)) % base));
    }
    return known[round].get(five)[digit % 5];
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
