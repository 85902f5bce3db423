// The waiting room, from the first visit to the turn: before the start everybody who is in has the same chance; at
// the start the places are drawn; then the queue moves on, until it is one's turn to choose. The place belongs to
// the account, not to the tab: one keeps it when the page is closed.

import { findRoom, joinQueue, leaveQueue, queueProgress, queueStatus, serverNow } from './api.js';
import { announce, note } from './announce.js';
import { choosing } from './choosing.js';
import { confirmed } from './dialog.js';
import { h } from './dom.js';
import { eventHead } from './event.js';
import { fairness } from './fairness.js';
import { countdown, dayAndTime, time } from './format.js';
import { button, isBusy, notice, whileBusy } from './parts.js';
import { solve } from './puzzle.js';
import { lookAfter, nearness, roughly, worthSaying } from './queue.js';
import { session } from './session.js';
import { Stream } from './stream.js';
import { explain } from './words.js';

const LONGEST = 20000;          // milliseconds between two looks when there is no answer
const [BEGIN_WITHIN, COME_WITHIN] = [3000, 500];
const WAITING = ['waiting', 'paused', 'sold_out'];

// A stage of the event's page (event.js).
export async function waitingRoom(page) {
  const room = new Room(page, await findRoom(page.event.event_id, { signal: page.signal }));
  page.signal.addEventListener('abort', () => room.stop());
  await room.start();
}

class Room {
  constructor(page, facts) {
    Object.assign(this, { page, facts, event: page.event, signal: page.signal, lost: 0, state: null });
    this.wake = () => { if (!document.hidden && this.timer) this.soon(0); };
    document.addEventListener('visibilitychange', this.wake);
    this.stream = new Stream(`/events/${page.event.event_id}/queue`, page.signal, { told: (queue) => this.told(queue) });
  }

  stop() {
    this.stream.stop();
    clearTimeout(this.timer);
    clearInterval(this.clock);
    document.removeEventListener('visibilitychange', this.wake);
  }

  // What changes while one waits changes in place, so that nothing is read again and no focus is lost.
  async start() {
    this.title = h('h2');
    this.text = h('p', { class: 'lead' });
    this.number = h('p', { class: 'room-number' });
    this.bar = h('span', { class: 'clock-bar' });
    this.track = h('div', { class: 'clock-track', role: 'progressbar', 'aria-label': 'How far you have come', 'aria-valuemin': 0, 'aria-valuemax': 100 }, this.bar);
    this.details = h('dl', { class: 'room-facts' });
    this.trouble = h('div', { class: 'trouble' });
    this.ways = h('div', { class: 'room-ways' });
    this.fairness = fairness();
    this.page.show(this.event.name, eventHead(this.event),
      h('section', { class: 'room', 'aria-label': 'Waiting room' }, this.title, this.text, this.number, this.track, this.details, this.trouble, this.ways), this.fairness.element);
    this.fairness.show(this.facts);
    if (session.token) await this.look();
    else this.show({ state: 'stranger' });
  }

  // --- looking ---

  async look() {
    try {
      const status = await this.ask();
      this.lost = 0;
      this.trouble.replaceChildren();
      if (this.signal.aborted) return;
      await this.show(status);
      if (VIEWS[status.state].moves) this.soon(lookAfter(status, this.facts.starts_at, serverNow()));
    } catch (error) {
      if (this.signal.aborted) return;
      if (!error.code) throw error;
      this.trouble.replaceChildren(notice(explain(error)));
      this.soon(Math.min(2000 * 2 ** this.lost++, LONGEST));
    }
  }

  // Who knows where he stands asks what a cache can answer; only what is about him alone goes to the database.
  async ask() {
    const known = this.status;
    if (known && (known.state === 'gathering' || WAITING.includes(known.state))) {
      const progress = await queueProgress(this.event.event_id, known.position, { signal: this.signal });
      if (progress.state === 'gathering') return { ...known, next_look: progress.next_look };
      const ahead = Math.max(known.position - progress.admitted, 0);
      const state = progress.state === 'admitting' ? 'waiting' : progress.state;
      if (ahead > 0 && WAITING.includes(state)) return { ...known, ...progress, position: known.position, ahead, state };
    }
    try {
      return await queueStatus(this.event.event_id, { signal: this.signal });
    } catch (error) {
      if (error.code === 'not_in_waiting_room') return { state: 'outside' };
      if (error.code === 'no_waiting_room') return { state: 'closed' };
      throw error;
    }
  }

  // Where the queue is, as it moves. Who begins, or is let in, looks himself, and not all in one moment.
  told({ state: room, admitted }) {
    const known = this.status;
    if (!known || !this.timer) return;
    const state = room === 'admitting' ? 'waiting' : room;
    if (known.state === 'gathering' && state !== 'gathering') this.soon(Math.random() * BEGIN_WITHIN);
    else if (!WAITING.includes(known.state)) return;
    else if (admitted > known.position || !WAITING.includes(state)) this.soon(Math.random() * COME_WITHIN);
    else this.show({ ...known, state, ahead: known.position - admitted });
  }

  soon(after) {
    clearTimeout(this.timer);
    if (!this.signal.aborted) this.timer = setTimeout(() => { if (!document.hidden) this.look(); }, after);
  }

  // --- showing ---

  async show(status) {
    const before = this.status;
    this.status = status;
    const view = VIEWS[status.state];
    if (status.state !== before?.state) {
      clearInterval(this.clock);
      for (const part of [this.number, this.ways, this.details]) part.replaceChildren();
      this.track.hidden = true;
      [this.title.textContent, this.text.textContent] = [view.title, typeof view.text === 'function' ? view.text(this) : view.text];
      this.ways.replaceChildren(...view.ways.map((way) => WAYS[way](this)));
      if (before) announce(`${view.title}. ${this.text.textContent}`);
    }
    await view.show?.(this, before);
  }

  say(...pairs) {
    const lines = pairs.map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value)));
    this.details.replaceChildren(...lines);
  }

  countToStart() {
    const tick = () => {
      const left = Date.parse(this.facts.starts_at) - serverNow();
      this.number.textContent = left > 86400000 ? `${Math.floor(left / 86400000)} days` : countdown(left);
      if (left <= 0 && !VIEWS[this.status.state].moves) this.begun();
    };
    this.number.setAttribute('role', 'timer');
    tick();
    clearInterval(this.clock);
    this.clock = setInterval(tick, 1000);
  }

  // For who has only looked on so far.
  begun() {
    clearInterval(this.clock);
    this.number.replaceChildren();
    this.text.textContent = opening(this);
    announce(this.text.textContent);
  }

  moveOn(before) {
    const { position, ahead, estimate, spread } = this.status;
    if (!WAITING.includes(before?.state)) {
      this.most = ahead;
      this.checkDraw();
      announce(`${this.title.textContent}. Your place is ${(position + 1).toLocaleString()}, with ${ahead.toLocaleString()} ahead of you.`);
    } else if (worthSaying(before.ahead, ahead)) {
      announce(`${ahead.toLocaleString()} ahead of you.`);
    }
    this.number.removeAttribute('role');
    this.number.replaceChildren(ahead.toLocaleString(), h('small', {}, ahead === 0 ? 'ahead of you: you are next' : ahead === 1 ? 'person ahead of you' : 'people ahead of you'));
    const done = nearness(ahead, this.most);
    this.track.hidden = false;
    this.track.setAttribute('aria-valuenow', Math.round(100 * done));
    this.bar.style.transform = `scaleX(${done})`;
    this.say(['Your place', (position + 1).toLocaleString()], ['Your turn in', roughly(estimate === null ? null : estimate + (spread ?? 0))]);
  }

  // The secret is published with the draw.
  async checkDraw() {
    if (!this.facts.seed) this.facts = await findRoom(this.event.event_id, { signal: this.signal }).catch(() => this.facts);
    if (!this.signal.aborted) this.fairness.show(this.facts, this.status);
  }

  // The server has the last word on when a session has ended: its clock, not this one.
  async turn() {
    const { token, session_ends: ends } = this.status;
    const back = () => { if (!this.signal.aborted) this.page.again(); };
    this.stop();
    const chosen = choosing({ ...this.page, turn: { token, ends, over: (error) => (error ? back() : setTimeout(back, 1200)) } });
    document.title = `Your turn! · ${document.title}`;
    announce('It is your turn. Choose your seats.');
    await chosen;
  }

  // --- what one can do ---

  async join(element) {
    if (isBusy(element)) return;
    this.trouble.replaceChildren();
    try {
      await whileBusy(element, 'Joining …', (say) => this.knock(say));
      await this.look();
    } catch (error) {
      if (this.signal.aborted) return;
      if (error.code === 'waiting_room_closed') return this.page.again();
      this.trouble.replaceChildren(notice(explain(error)));
      if (!error.code) throw error;
    }
  }

  async knock(say) {
    try {
      return await joinQueue(this.event.event_id, null);
    } catch (error) {
      if (error.code !== 'proof_of_work_required') throw error;
      say('Solving a small puzzle …');
      return joinQueue(this.event.event_id, await solve(error.details, this.signal));
    }
  }

  async leave() {
    if (!await confirmed('Leave the waiting room?', 'Your place is given up. You can join again, behind everybody.', 'Leave', 'Stay')) return;
    await leaveQueue(this.event.event_id);
    if (this.signal.aborted) return;
    note('You have left the waiting room.');
    this.status = { state: 'left' };
    this.soon(0);
  }
}

const door = (label) => (room) => {
  const element = button(label, () => room.join(element));
  return element;
};

const WAYS = {
  join: door('Join the waiting room'),
  again: door('Join again'),
  leave: (room) => h('button', { type: 'button', class: 'link', onclick: () => room.leave() }, 'Leave the waiting room'),
  account: (room) => h('a', { class: 'button', href: `#/account?next=events/${room.event.event_id}` }, 'Log in to join'),
};

const started = (room) => Date.parse(room.facts.starts_at) <= serverNow();
const opening = (room) => (started(room) ? 'The sale has begun. Who joins now stands behind those who are here.'
  : `The sale begins on ${dayAndTime(room.facts.starts_at)}. All who are here by then have the same chance: places are drawn.`);
const beforeStart = (room) => { if (!started(room)) room.countToStart(); };

// What each state says, what one can do in it, and whether it changes by itself.
const VIEWS = {
  stranger: { title: 'There is a waiting room', text: opening, ways: ['account'], show: beforeStart },
  outside: { title: 'There is a waiting room', text: opening, ways: ['join'], show: beforeStart },
  gathering: {
    title: 'You are in', moves: true, ways: ['leave'], show: (room) => room.countToStart(),
    text: (room) => `Places are drawn at ${time(room.facts.starts_at)}, and everybody who is here by then has the same chance. You may close this page; be back for the draw.`,
  },
  drawing: { title: 'The draw', text: 'The places are being drawn. One moment.', ways: ['leave'], moves: true },
  waiting: {
    title: 'You are in the queue', moves: true, ways: ['leave'], show: (room, before) => room.moveOn(before),
    text: 'This page moves on by itself. Stay near: when it is your turn, you have a little time to come.',
  },
  paused: { title: 'The queue stands still', text: 'Nobody is let in at the moment. You keep your place.', ways: ['leave'], moves: true, show: (room, before) => room.moveOn(before) },
  sold_out: { title: 'All seats are taken for now', text: 'Seats that are not paid for come back, and then the queue moves on. You keep your place.', ways: ['leave'], moves: true, show: (room, before) => room.moveOn(before) },
  admitted: { title: 'It is your turn', text: 'Choose your seats.', ways: [], show: (room) => room.turn() },
  missed: { title: 'It was your turn', text: 'You did not come in time, and others were let in. You can join again, at the end.', ways: ['again'] },
  ended: { title: 'Your turn is over', text: 'What you hold or have bought stays yours. If you want more, join again, at the end.', ways: ['again'] },
  closed: { title: 'The waiting room is closed', text: 'Nobody has to queue any more.', ways: [], show: (room) => room.page.again() },
};
