// The seats as they go: the bitfield is asked for again and again, with the ETag of the one at hand, so that
// nothing travels while nothing changes. Sleeps while nobody looks.

import { availabilityMap } from './api.js';
import { mapOf } from './seatmap/bitfield.js';

const EVERY = 2000;             // milliseconds
const LONGEST = 20000;          // between two attempts when there is no answer

export class LiveSeats {
  constructor(plan, signal, { changed, connected }) {
    Object.assign(this, { plan, signal, changed, connected, etag: undefined, pause: EVERY });
    this.wake = () => { if (!document.hidden) this.soon(0); };
    document.addEventListener('visibilitychange', this.wake);
    signal.addEventListener('abort', () => this.stop());
  }

  stop() {
    clearTimeout(this.timer);
    document.removeEventListener('visibilitychange', this.wake);
  }

  // Looks now; rejects when there is no answer. The bytes that are gone.
  async look() {
    const fresh = await availabilityMap(this.plan.eventId, this.etag, { signal: this.signal });
    if (fresh && !this.signal.aborted) {
      this.etag = fresh.etag;
      this.taken = mapOf(fresh.buffer, this.plan.capacity);
      this.changed(this.taken, fresh.free);
    }
    return this.taken;
  }

  // A crowd that began together is spread by the jitter.
  soon(after = this.pause * (0.85 + Math.random() * 0.3)) {
    clearTimeout(this.timer);
    if (!this.signal.aborted) this.timer = setTimeout(() => this.tick(), after);
  }

  async tick() {
    if (document.hidden) return;
    try {
      await this.look();
      this.pause = EVERY;
      this.connected(true);
    } catch {
      if (this.signal.aborted) return;
      this.pause = Math.min(this.pause * 2, LONGEST);
      this.connected(false);
    }
    this.soon();
  }
}
