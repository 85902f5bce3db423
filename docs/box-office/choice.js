// The seats that one has in mind, before they are held: which, how many, what they cost. Pure, but for telling.

import { isTaken } from './seatmap/bitfield.js';
import { seatPrice } from './seatmap/plan.js';

export class Choice extends EventTarget {
  constructor(plan, most) {
    super();
    Object.assign(this, { plan, most, seats: new Set(), offers: [] });
  }

  get size() { return this.seats.size; }

  get sorted() { return [...this.seats].sort((a, b) => a - b); }

  get amount() { return this.sorted.reduce((sum, seat) => sum + (seatPrice(this.plan, seat) ?? 0), 0); }

  // Returns 'chosen', 'dropped', 'taken' or 'full'.
  toggle(seat, taken) {
    if (this.seats.delete(seat)) return this.told('dropped');
    if (isTaken(taken, seat)) return 'taken';
    if (this.seats.size >= this.most) return 'full';
    this.seats.add(seat);
    return this.told('chosen');
  }

  replace(seats) {
    this.seats = new Set(seats);
    this.offers = [];
    this.told();
  }

  offer(offers) {
    this.offers = offers;
    this.told();
  }

  // Drops what is gone; returns it.
  dropTaken(taken) {
    const gone = this.sorted.filter((seat) => isTaken(taken, seat));
    gone.forEach((seat) => this.seats.delete(seat));
    if (gone.length > 0) this.told();
    return gone;
  }

  told(what) {
    this.dispatchEvent(new Event('change'));
    return what;
  }
}
