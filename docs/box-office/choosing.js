// Choosing seats: the map, the list and the form for the best ones, around one choice; and turning it into a hold.

import { newKey, reserve, reserveSeats } from './api.js';
import { announce, note } from './announce.js';
import { basket } from './basket.js';
import { bestForm } from './best.js';
import { Choice } from './choice.js';
import { h } from './dom.js';
import { eventHead } from './event.js';
import { money, plural } from './format.js';
import { countdownTo, keepHold } from './hold.js';
import { legend } from './legend.js';
import { LiveSeats } from './live.js';
import { notice } from './parts.js';
import { goTo } from './router.js';
import { SeatList } from './seatlist.js';
import { emptyMap, isTaken, withTaken } from './seatmap/bitfield.js';
import { offerNear } from './seatmap/neighbours.js';
import { categoryOf, seatLabel, seatPrice } from './seatmap/plan.js';
import { SeatMap } from './seatmap/seatmap.js';
import { explain } from './words.js';

// turn: { token, ends, over } of who had to queue; over(error) is called when the turn is over.
export async function choosing({ event, plan, signal, show, turn = null }) {
  const page = new Choosing(event, plan, signal, turn);
  show(event.name, page.build());
  await page.start();
}

class Choosing {
  constructor(event, plan, signal, turn) {
    Object.assign(this, { event, plan, signal, turn, taken: emptyMap(plan.capacity), wish: null });
    this.choice = new Choice(plan, event.max_per_booking ?? 10);
    this.choice.addEventListener('change', () => this.refresh());
    this.live = new LiveSeats(plan, signal, {
      changed: (taken, free) => this.seatsChanged(taken, free), connected: (yes) => this.connected(yes),
    });
  }

  build() {
    this.map = new SeatMap(this.plan, {
      describe: (seat) => this.describe(seat), onPick: (seat) => this.pick(seat),
      onStanding: (place) => this.best.ask({ section: place.section }), announce,
    });
    this.list = new SeatList(this.plan, { describe: (seat) => this.describe(seat), onPick: (seat) => this.pick(seat) });
    this.signal.addEventListener('abort', () => this.map.destroy());
    this.best = bestForm(this.event, this.plan, (wish, element) => this.holdBest(wish, element));
    this.basket = basket(this.plan, { drop: (seat) => this.pick(seat), hold: (element) => this.holdChosen(element), clear: () => this.choice.replace([]) });
    this.state = h('p', { class: 'live', role: 'status' }, 'Loading seats');
    this.trouble = h('div', { class: 'trouble' });
    return h('div', { class: 'choosing' },
      eventHead(this.event, this.turn && this.turnClock()),
      h('div', { class: 'house' }, this.views(), legend(this.plan)),
      h('aside', { class: 'choosing-side', 'aria-label': 'Your seats' }, this.trouble, this.basket.element, this.best.element));
  }

  turnClock() {
    return countdownTo(this.turn.ends, this.signal, () => this.turn.over(), { text: 'It is your turn: choose within ', label: 'Time left to choose', purpose: 'to choose' });
  }

  // The map for eyes and fingers, the list for everyone; one click apart.
  views() {
    const tab = (name, label) => h('button', { type: 'button', role: 'tab', id: `tab-${name}`, 'aria-controls': `view-${name}`, onclick: () => this.view(name), onkeydown: (e) => this.tabKey(e) }, label);
    this.tabs = { map: tab('map', 'Map'), list: tab('list', 'List') };
    const panel = (name, content) => h('div', { role: 'tabpanel', id: `view-${name}`, 'aria-labelledby': `tab-${name}`, class: `view view-${name}` }, content);
    this.panels = { map: panel('map', this.map.element), list: panel('list', this.list.element) };
    this.view('map');
    return [h('div', { class: 'house-top' }, h('div', { class: 'tabs', role: 'tablist', 'aria-label': 'How to show the seats' }, Object.values(this.tabs)), this.state),
      Object.values(this.panels)];
  }

  view(name) {
    for (const [key, tab] of Object.entries(this.tabs)) {
      tab.setAttribute('aria-selected', String(key === name));
      tab.tabIndex = key === name ? 0 : -1;
      this.panels[key].hidden = key !== name;
    }
  }

  tabKey(event) {
    if (event.key !== 'ArrowLeft' && event.key !== 'ArrowRight') return;
    const other = this.tabs.map.tabIndex === 0 ? 'list' : 'map';
    this.view(other);
    this.tabs[other].focus();
  }

  async start() {
    await this.live.look();
    this.connected(true);
    this.live.soon();
    this.refresh();
  }

  // tell: whether to say so when chosen seats are among them
  seatsChanged(taken, free, tell = true) {
    const first = this.free === undefined;
    this.taken = taken;
    this.free = free;
    const changed = this.map.setTaken(taken);
    this.list.setTaken(taken, changed);
    const before = this.choice.sorted;
    // While a hold is being made its own seats show as taken; the answer says whether they are ours.
    const gone = this.wish ? [] : this.choice.dropTaken(taken);
    if (gone.length > 0 && tell) this.lost(before, gone);
    if (first || !this.wish) this.connected(true);
  }

  connected(yes) {
    const text = !yes ? 'Reconnecting' : this.free === 0 ? 'Sold out for now' : `${plural(this.free, 'seat')} free`;
    if (this.state.textContent !== text) this.state.textContent = text;
    this.state.classList.toggle('live-lost', !yes);
  }

  describe(seat) {
    const price = seatPrice(this.plan, seat);
    const state = this.choice.seats.has(seat) ? 'chosen' : isTaken(this.taken, seat) ? 'taken' : 'free';
    const parts = [categoryOf(this.plan, this.plan.category[seat]).name, price !== null && money(price, this.plan.currency), this.plan.accessible[seat] && 'accessible', state];
    return { title: seatLabel(this.plan, seat), note: parts.filter(Boolean).join(' · '), state };
  }

  pick(seat) {
    const what = this.choice.toggle(seat, this.taken);
    const label = seatLabel(this.plan, seat);
    if (what === 'taken') note(`${label} is taken.`);
    else if (what === 'full') note(`At most ${plural(this.choice.most, 'ticket')} in one booking.`);
    else {
      this.trouble.replaceChildren();
      this.choice.offers = [];
      this.refresh();
      announce(`${label} ${what === 'chosen' ? 'chosen' : 'no longer chosen'}. ${plural(this.choice.size, 'seat')}, ${money(this.choice.amount, this.plan.currency)}.`);
    }
  }

  refresh() {
    const offered = new Set(this.choice.offers.flat());
    this.map.setMarks({ chosen: this.choice.seats, offered });
    this.list.setChosen(this.choice.seats);
    this.basket.show(this.choice);
  }

  holdBest(wish, element) {
    return this.hold(element, { event_id: this.event.event_id, ...wish }, (body, key, options) => reserve(body, key, options));
  }

  holdChosen(element) {
    return this.hold(element, this.choice.sorted, (seats, key, options) => reserveSeats(this.event.event_id, seats, key, options));
  }

  // The same wish keeps its key, also when it is pressed again after the connection was lost: it may have arrived.
  async hold(element, what, ask) {
    const text = JSON.stringify(what);
    if (this.unanswered?.text !== text) this.unanswered = { text, key: newKey() };
    this.wish = what;
    this.trouble.replaceChildren();
    try {
      const hold = await element.work((say) => ask(what, this.unanswered.key, { admission: this.turn?.token, onWait: () => say('Still trying …') }));
      keepHold(hold, this.event);
      if (!this.signal.aborted) goTo(`bookings/${hold.booking_id}`);
    } catch (error) {
      if (error.code !== 'unreachable') this.unanswered = null;
      if (!this.signal.aborted) await this.refused(error, Array.isArray(what) ? what : []);
    } finally {
      this.wish = null;
    }
  }

  async refused(error, wanted) {
    this.wish = null;
    if (error.code.startsWith('admission_') && this.turn) return this.turn.over(error);
    const seats = error.code === 'seat_taken' ? error.details.seats ?? wanted : [];
    await this.live.look().catch(() => {});
    // A look may be answered from a cache that is a second old; the refusal is newer.
    this.seatsChanged(withTaken(this.taken, seats), this.free, false);
    if (seats.length > 0) return this.lost(wanted.length > 0 ? wanted : seats, seats, error);
    this.trouble.replaceChildren(notice(explain(error, { label: (seat) => seatLabel(this.plan, seat) })));
    return this.trouble.scrollIntoView({ block: 'nearest' });
  }

  // Seats that were chosen have gone: says so kindly, and offers as many next to them.
  lost(wanted, gone, error = { code: 'seat_taken', details: { seats: gone } }) {
    const offers = offerNear(this.plan, this.taken, wanted);
    const words = explain(error, { label: (seat) => seatLabel(this.plan, seat) });
    this.choice.offer(offers);
    if (offers.length > 0) words.text += wanted.length === 1 ? ' These are next to it:' : ' These are next to them:';
    else words.text += ' Nothing near is free for all of you; try the best seats in another section.';
    this.trouble.replaceChildren(notice(words, ...offers.map((seats) => this.offerButton(seats))));
    this.trouble.scrollIntoView({ block: 'nearest' });
    if (offers.length > 0) this.map.show([...wanted, ...offers.flat()]);
  }

  offerButton(seats) {
    const price = seats.reduce((sum, seat) => sum + (seatPrice(this.plan, seat) ?? 0), 0);
    const label = seatLabel(this.plan, seats[0]);
    const name = seats.length === 1 ? label : `${label} to ${this.plan.rows[this.plan.rowOf[seats.at(-1)]].seats[seats.at(-1) - this.plan.rows[this.plan.rowOf[seats.at(-1)]].first]}`;
    return h('button', { type: 'button', class: 'offer', onclick: () => this.accept(seats) }, h('span', {}, name), h('strong', {}, money(price, this.plan.currency)));
  }

  accept(seats) {
    this.trouble.replaceChildren();
    this.choice.replace(seats);
    this.map.show(seats);
    this.basket.focus();
    announce(`${plural(seats.length, 'seat')} chosen, ${money(this.choice.amount, this.plan.currency)}.`);
  }
}
