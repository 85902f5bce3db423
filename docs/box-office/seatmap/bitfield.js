// The availability of an event as it comes over the wire: one bit a seat, bit i is byte i/8, mask 1 << (i % 8).
// A set bit is a seat that is gone: held, sold, or kept off the sale.

export function isTaken(bytes, seat) {
  return (bytes[seat >> 3] & (1 << (seat & 7))) !== 0;
}

// What is new in `after`: the seats whose bit differs. Bytes that are equal cost one comparison for eight seats.
export function changedSeats(before, after, capacity) {
  const changed = [];
  for (let at = 0; at < after.length; at++) {
    let differing = before[at] ^ after[at];
    while (differing !== 0) {
      const bit = 31 - Math.clz32(differing & -differing);
      const seat = at * 8 + bit;
      if (seat < capacity) changed.push(seat);
      differing &= differing - 1;
    }
  }
  return changed;
}

// How many of `count` seats from `first` on are gone.
export function countTaken(bytes, first, count) {
  let taken = 0;
  for (let seat = first; seat < first + count; seat++) {
    if ((seat & 7) === 0 && first + count - seat >= 8) {
      taken += bitsOf(bytes[seat >> 3]);
      seat += 7;
    } else if (isTaken(bytes, seat)) {
      taken++;
    }
  }
  return taken;
}

// Bits of one byte, added up in pairs, then fours, then eights.
function bitsOf(byte) {
  byte -= (byte >> 1) & 0x55;
  byte = (byte & 0x33) + ((byte >> 2) & 0x33);
  return (byte + (byte >> 4)) & 0x0f;
}

// The same map with these seats gone as well.
export function withTaken(bytes, seats) {
  const marked = bytes.slice();
  for (const seat of seats) marked[seat >> 3] |= 1 << (seat & 7);
  return marked;
}

// An event that sells nothing yet has an empty map; all of its seats show as they will be: free.
export function emptyMap(capacity) {
  return new Uint8Array((capacity + 7) >> 3);
}

// A map of the right length whatever came: a short one is padded, so that no seat has an undefined bit.
export function mapOf(buffer, capacity) {
  const bytes = emptyMap(capacity);
  bytes.set(new Uint8Array(buffer).subarray(0, bytes.length));
  return bytes;
}

// What comes as text, in base64.
export function bytesOf(base64) { return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)); }

// Writes the seats of a run, `count` from `first` on, as they stand in its own map.
export function putRun(bytes, first, count, run) {
  for (let i = 0; i < count; i++) {
    const seat = first + i;
    if (isTaken(run, i)) bytes[seat >> 3] |= 1 << (seat & 7);
    else bytes[seat >> 3] &= ~(1 << (seat & 7));
  }
}
