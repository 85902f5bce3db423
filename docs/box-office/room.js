// The waiting room, from the first visit to the turn: before the start everybody who is in has the same chance; at
// the start the places are drawn; then the place moves up, until it is one's turn to choose. The place belongs to
// the account, not to the tab: one keeps it when the page is closed.

import { joinRoom, queueStatus, serverNow } from './api.js';
import { announce } from './announce.js';
import { choosing } from './choosing.js';
import { h } from './dom.js';
import { eventHead } from './event.js';
import { countdown, dayAndTime, plural } from './format.js';
import { isBusy, notice, whileBusy } from './parts.js';
import { lookAfter, milestone, nearness, roughly } from './queue.js';
import { session } from './session.js';
import { explain } from './words.js';

const LONGEST = 20000;          // milliseconds between two looks when there is no answer

// A stage of the event's page (event.js).
export async function waitingRoom(page) {
  const room = new Room(page);
  page.signal.addEventListener('abort', () => room.stop());
  await room.start();
}

class Room {
  constructor(page) {
    Object.assign(this, { page, event: page.event, signal: page.signal, lost: 0 });
    this.wake = () => { if (!document.hidden && this.timer) this.soon(0); };
    document.addEventListener('visibilitychange', this.wake);
  }

  stop() {
    clearTimeout(this.timer);
    clearInterval(this.clockTimer);
    document.removeEventListener('visibilitychange', this.wake);
  }

  async start() {
    this.build();
    if (session.token) await this.look();
    else this.show({ state: 'stranger' });
  }

  // What changes while one waits changes in place, so that nothing is read again and no focus is lost.
  build() {
    this.title = h('h2');
    this.text = h('p', { class: 'lead' });
    this.number = h('p', { class: 'room-number' });
    this.bar = h('span', { class: 'clock-bar' });
    this.track = h('span', { class: 'clock-track', role: 'progressbar', 'aria-label': 'How far you have come', 'aria-valuemin': 0, 'aria-valuemax': 100 }, this.bar);
    this.facts = h('dl', { class: 'room-facts' });
    this.act = h('div', { class: 'room-act' });
    this.trouble = h('div', { class: 'trouble' });
    this.foot = h('p', { class: 'room-foot' });
    this.page.show(this.event.name, eventHead(this.event), h('section', { class: 'room', 'aria-label': 'Waiting room' },
      this.title, this.text, this.number, this.track, this.facts, this.trouble, this.act, this.foot));
  }

  async look() {
    try {
      const status = await queueStatus(this.event.event_id, { signal: this.signal });
      this.lost = 0;
      this.trouble.replaceChildren();
      if (!this.signal.aborted) this.show(status);
    } catch (error) {
      if (this.signal.aborted) return;
      if (!error.code) throw error;
      this.lost++;
      this.trouble.replaceChildren(notice(explain(error)));
      this.soon(Math.min(2000 * 2 ** this.lost, LONGEST));
    }
  }

  soon(after) {
    clearTimeout(this.timer);
    if (!this.signal.aborted) this.timer = setTimeout(() => { if (!document.hidden) this.look(); }, after);
  }
}
