// The hold that is running: remembered across pages and reloads, and counted down wherever one is.

import { serverNow } from './api.js';
import { announce } from './announce.js';
import { h, icon } from './dom.js';
import { countdown, plural } from './format.js';
import { keepGuestBooking, session } from './session.js';
import { Stream } from './stream.js';

const HOLD = 'tixbook.hold';
const SAY_AT = [300, 60, 20];   // seconds before the end at which it is also said

export function keepHold(hold, event) {
  if (!session.token) keepGuestBooking(hold.booking_id);
  localStorage.setItem(HOLD, JSON.stringify({ booking_id: hold.booking_id, event: event.name, expires_at: hold.expires_at, seats: hold.seats.length }));
}

export function dropHold(id) {
  if (currentHold()?.booking_id === id) localStorage.removeItem(HOLD);
}

function currentHold() {
  try {
    const hold = JSON.parse(localStorage.getItem(HOLD));
    return hold && Date.parse(hold.expires_at) > serverNow() ? hold : null;
  } catch {
    return null;
  }
}

let barTimer;
let barStream;

// A line under the header, on every page but that of the hold itself.
export function holdBar(place, path) {
  clearInterval(barTimer);
  barStream?.stop();
  const hold = currentHold();
  place.replaceChildren();
  if (!hold || path === `bookings/${hold.booking_id}`) return;
  const clock = h('strong', { class: 'clock' });
  place.append(h('a', { class: 'hold-bar', href: `#/bookings/${hold.booking_id}` }, icon('clock'),
    h('span', {}, `${plural(hold.seats, 'seat')} held for you · `, clock), h('span', { class: 'hold-bar-go' }, 'Pay now')));
  const tick = () => {
    const left = Date.parse(hold.expires_at) - serverNow();
    clock.textContent = countdown(left);
    if (left <= 0) holdBar(place, path);
  };
  tick();
  barTimer = setInterval(tick, 1000);
  // It may be paid or given back elsewhere.
  barStream = new Stream(`/bookings/${hold.booking_id}`, new AbortController().signal, {
    told: () => { dropHold(hold.booking_id); holdBar(place, path); },
  });
}

// The large clock of a hold. over() is called once, at its end.
export function holdClock(expiresAt, signal, over) {
  return countdownTo(expiresAt, signal, over, { text: 'Held for you for ', label: 'Time left', purpose: 'to pay' });
}

// A clock that runs down, and is said aloud near its end.
export function countdownTo(instant, signal, over, { text: before, label, purpose }) {
  const text = h('span', { class: 'clock', role: 'timer', 'aria-label': label });
  const end = Date.parse(instant);
  const whole = Math.max(end - serverNow(), 1);
  const bar = h('span', { class: 'clock-bar' });
  const tick = () => {
    const left = end - serverNow();
    const seconds = Math.ceil(left / 1000);
    text.textContent = countdown(left);
    bar.style.transform = `scaleX(${Math.max(left / whole, 0)})`;
    element.classList.toggle('soon', seconds <= 60);
    if (SAY_AT.includes(seconds)) announce(`${seconds >= 60 ? plural(seconds / 60, 'minute') : plural(seconds, 'second')} left ${purpose}.`);
    if (left <= 0) {
      clearInterval(timer);
      over();
    }
  };
  const element = h('div', { class: 'countdown' }, h('p', {}, before, text), h('span', { class: 'clock-track', 'aria-hidden': 'true' }, bar));
  const timer = setInterval(tick, 1000);
  signal.addEventListener('abort', () => clearInterval(timer));
  tick();
  return element;
}
