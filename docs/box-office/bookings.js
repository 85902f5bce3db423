// Everything one has: tickets for what is to come, and all bookings, also those of a guest in this browser.

import { findBooking, myBookings, myTickets } from './api.js';
import { h } from './dom.js';
import { joinLabels, money, plural, shortDay, time } from './format.js';
import { button, loading } from './parts.js';
import { forgetGuestBooking, guestBookings, session } from './session.js';
import { ticketStub } from './tickets.js';
import { bookingTickets } from './api.js';
import { STATES } from './words.js';

function frame(current, ...content) {
  const tab = (path, name) => h('a', { href: `#/${path}`, 'aria-current': path === current ? 'page' : null }, name);
  return h('div', { class: 'mine' }, h('h1', {}, current === 'tickets' ? 'Your tickets' : 'Your bookings'),
    h('nav', { class: 'tabs', 'aria-label': 'Your things' }, tab('tickets', 'Tickets'), tab('bookings', 'All bookings')), ...content);
}

function empty(title, text) {
  return h('section', { class: 'empty' }, h('div', { class: 'empty-art', 'aria-hidden': 'true' }), h('h2', {}, title), h('p', {}, text),
    h('a', { class: 'button', href: '#/' }, 'Find an event'), !session.token && h('a', { class: 'link', href: '#/account' }, 'Log in to see the tickets of your account'));
}

export async function ticketsPage({ show, signal }) {
  show('Your tickets', frame('tickets', loading('Loading your tickets', 'stub', 'stub')));
  const [guest, mine] = await Promise.all([guestTickets(), session.token ? myTickets(1) : { tickets: [], next_page: null }]);
  if (signal.aborted) return;
  const list = h('ul', { class: 'stubs' }, await stubs([...guest, ...mine.tickets]));
  if (list.childElementCount === 0) {
    show('Your tickets', frame('tickets', empty('No tickets yet', 'Tickets that you buy are kept here, with their codes for the door.')));
    return;
  }
  show('Your tickets', frame('tickets', list, more(mine.next_page, async (page) => {
    const next = await myTickets(page);
    list.append(...await stubs(next.tickets));
    return next.next_page;
  })));
}

async function stubs(tickets) {
  return Promise.all(tickets.map(async (ticket) => h('li', {}, await ticketStub(ticket), h('a', { class: 'link', href: `#/bookings/${ticket.booking_id}` }, 'Booking'))));
}

async function guestTickets() {
  const lists = await Promise.all(guestBookings().map((id) => bookingTickets(id).catch(() => [])));
  return lists.flat().sort((a, b) => Date.parse(a.starts_at) - Date.parse(b.starts_at));
}

export async function bookingsPage({ show, signal }) {
  show('Your bookings', frame('bookings', loading('Loading your bookings', 'line', 'line', 'line')));
  const [guest, mine] = await Promise.all([bookingsOfGuest(), session.token ? myBookings(1) : { bookings: [], next_page: null }]);
  if (signal.aborted) return;
  const all = [...guest, ...mine.bookings];
  if (all.length === 0) {
    show('Your bookings', frame('bookings', empty('Nothing booked yet', 'What you hold and buy shows here, with all that happened to it.')));
    return;
  }
  const list = h('ul', { class: 'booking-list' }, all.map(line));
  show('Your bookings', frame('bookings', list, more(mine.next_page, async (page) => {
    const next = await myBookings(page);
    list.append(...next.bookings.map(line));
    return next.next_page;
  })));
}

// Those of the guest that nobody knows any more are forgotten here too.
async function bookingsOfGuest() {
  const found = await Promise.all(guestBookings().map((id) => findBooking(id).catch((error) => {
    if (error.code === 'booking_not_found') forgetGuestBooking(id);
    return null;
  })));
  return found.filter(Boolean);
}

function more(nextPage, load) {
  if (nextPage === null) return null;
  const element = button('More', async () => {
    nextPage = await load(nextPage);
    if (nextPage === null) element.remove();
  }, 'quiet wide');
  return element;
}

function line(booking) {
  return h('li', { class: `booking-line is-${booking.status}` },
    h('div', { class: 'booking-date' }, h('strong', {}, shortDay(booking.starts_at)), h('span', {}, time(booking.starts_at))),
    h('div', {}, h('h2', {}, h('a', { href: `#/bookings/${booking.booking_id}` }, booking.event)),
      h('p', {}, `${booking.venue} · ${joinLabels(booking.labels).join('; ')}`)),
    h('div', { class: 'booking-side' }, h('span', { class: `tag tag-${booking.status}` }, STATES[booking.status]),
      h('span', {}, `${plural(booking.seats.length, 'ticket')}, ${money(booking.amount, booking.currency)}`)));
}
