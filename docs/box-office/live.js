// The seats as they go. The server tells each change as it happens, and then little needs to be asked; where it does
// not, or is found to have told less than there was, the bitfield is asked for again and again, with the ETag of the
// one at hand, so that nothing travels while nothing changes. Sleeps while nobody looks.

import { availabilityMap } from './api.js';
import { bytesOf, mapOf, putRun } from './seatmap/bitfield.js';
import { Stream } from './stream.js';

const EVERY = 2000;             // milliseconds
const SELDOM = 30000;           // while all is told
const LONGEST = 20000;          // between two attempts when there is no answer
const MOST_HELD = 30;           // messages that cannot be used yet

export class LiveSeats {
  constructor(plan, signal, { changed, connected }) {
    Object.assign(this, { plan, signal, changed, connected, etag: undefined, pause: EVERY, version: null, held: [], followed: false, heard: false, trusted: false });
    this.wake = () => { if (!document.hidden) this.soon(0); };
    document.addEventListener('visibilitychange', this.wake);
    signal.addEventListener('abort', () => this.stop());
    this.stream = new Stream(`/events/${plan.eventId}`, signal, { told: (message) => this.told(message), connected: (yes) => this.follow(yes) });
  }

  stop() {
    clearTimeout(this.timer);
    document.removeEventListener('visibilitychange', this.wake);
  }

  // Looks now; rejects when there is no answer. The bytes that are gone.
  async look() {
    const fresh = await availabilityMap(this.plan.eventId, this.etag, { signal: this.signal });
    if (fresh && !this.signal.aborted && !this.isBehind(fresh)) {
      if (!this.heard) this.trusted = false;
      this.etag = fresh.etag;
      this.take(mapOf(fresh.buffer, this.plan.capacity), fresh.version, fresh.free);
    }
    this.heard = false;
    this.useHeld();
    return this.taken;
  }

  // What a cache gives may be older than what has been told; where nothing is being told it is believed.
  isBehind(fresh) { return this.followed && this.heard && this.held.length === 0 && fresh.version < this.version; }

  take(taken, version, free) {
    Object.assign(this, { taken, version });
    this.changed(taken, free);
  }

  // --- what is told ---

  told(message) {
    this.heard = this.trusted = true;
    this.held = [...this.held, message].slice(-MOST_HELD);
    if (this.version === null) return;          // the first look is under way
    this.useHeld();
    if (this.held.length > 0) this.soon(500 + Math.random() * 1000);
  }

  useHeld() {
    if (this.version !== null && this.held.reduce((_, message) => this.use(message), true)) this.held = [];
  }

  // False: something before it is missing.
  use({ version, from, taken, changes, free }) {
    if (version !== null && version <= this.version) return true;
    if (taken) this.take(mapOf(bytesOf(taken), this.plan.capacity), version, free);
    else if (changes && from <= this.version) this.take(this.with(changes), version, free);
    else return false;
    return true;
  }

  with(changes) {
    const taken = this.taken.slice();
    for (const { first_seat: first, seats, taken: run } of changes) putRun(taken, first, seats, bytesOf(run));
    return taken;
  }

  // What was told before it began is looked for once.
  follow(yes) {
    this.followed = yes;
    this.trusted &&= yes;
    this.pause = EVERY;
    if (this.timer) this.soon(Math.random() * 2000);
  }

  // --- what is asked for ---

  // A crowd that began together is spread by the jitter.
  soon(after = this.pause * (0.85 + Math.random() * 0.3)) {
    clearTimeout(this.timer);
    if (!this.signal.aborted) this.timer = setTimeout(() => this.tick(), after);
  }

  async tick() {
    if (document.hidden) return;
    try {
      await this.look();
      this.pause = this.trusted ? SELDOM : EVERY;
      this.connected(true);
    } catch {
      if (this.signal.aborted) return;
      this.pause = Math.min(this.pause * 2, LONGEST);
      this.connected(false);
    }
    // What is still missing may be in the next answer.
    this.soon(this.held.length > 0 ? 1000 + Math.random() * 1000 : undefined);
  }
}
