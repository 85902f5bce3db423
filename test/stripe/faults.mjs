// What goes wrong, by chance that can be repeated: a seed, and a rate from 0 to 1 for each fault.

const KINDS = [
  'limit',          // 429
  'timeout',        // nothing is done, and no answer ever comes
  'error_before',   // 500, nothing was done
  'error_after',    // 500, though it was done
  'lost',           // it was done, and the connection breaks before the answer
  'slow',           // what is to be charged is charged slow_ms later
  'duplicate',      // a webhook comes twice
  'delay',          // a webhook comes up to delay_ms later, and so after later ones
];
const SPANS = { slow_ms: 2000, delay_ms: 2000 };

export class Faults {
  rates = { ...Object.fromEntries(KINDS.map((kind) => [kind, 0])), ...SPANS };
  injected = Object.fromEntries(KINDS.map((kind) => [kind, 0]));
  #state;

  constructor(seed = 1) { this.#state = seed >>> 0; }

  set(rates) {
    for (const [name, value] of Object.entries(rates)) {
      if (!(name in this.rates) || !(Number(value) >= 0)) throw new Error(`no such fault: ${name}=${value}`);
      this.rates[name] = Number(value);
    }
  }

  // Whether it happens now.
  strikes(kind) {
    const happens = this.random() < this.rates[kind];
    if (happens) this.injected[kind]++;
    return happens;
  }

  // From 0 up to 1: mulberry32.
  random() {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }
}
