// The beginning: what stands around the pages, and which page belongs to which address.

import { accountPage } from './account.js';
import { announce } from './announce.js';
import { bookingPage } from './booking.js';
import { bookingsPage, ticketsPage } from './bookings.js';
import { h, icon } from './dom.js';
import { eventPage } from './event.js';
import { eventsPage } from './events.js';
import { failure } from './parts.js';
import { holdBar } from './hold.js';
import { Router } from './router.js';
import { session } from './session.js';
import { explain } from './words.js';

const router = new Router(document.getElementById('main'), [
  ['', eventsPage],
  ['events/:event', eventPage],
  ['bookings', bookingsPage],
  ['bookings/:booking', bookingPage],
  ['tickets', ticketsPage],
  ['account', accountPage],
  ['nowhere', nowherePage],
], { onPage, failed });

async function nowherePage({ show }) {
  show('Not found', failure({ title: 'Nothing here', text: 'This page does not exist. It may have moved.' }, { href: '#/', label: 'See what is on' }));
}

// A page that could not load says why, and offers to try again.
function failed(error, { show }) {
  const words = explain(error);
  show(words.title, failure(words, error.status === 404 ? { href: '#/', label: 'See what is on' } : { label: 'Try again', act: () => router.go() }));
  announce(`${words.title}. ${words.text}`);
  if (!error.code) throw error;     // a fault of the page itself belongs in the console too
}

function onPage(path) {
  const here = (section) => (path.split('/')[0] === section ? 'page' : null);
  const account = session.current;
  document.querySelector('.top-nav').replaceChildren(
    h('a', { href: '#/', class: 'wide-only', 'aria-current': path === '' ? 'page' : here('events') }, 'Events'),
    h('a', { href: '#/tickets', 'aria-current': here('tickets') ?? here('bookings') }, icon('ticket'), 'Tickets'),
    h('a', { href: '#/account', 'aria-current': here('account') }, icon('person'), account ? account.name || account.email.split('@')[0] : 'Log in'));
  document.body.dataset.page = path.split('/')[0] || 'events-list';
  holdBar(document.getElementById('hold-bar'), path);
}

session.addEventListener('change', ({ detail }) => {
  onPage(location.hash.slice(2).split('?')[0]);
  if (detail === 'expired') announce('You were logged out. Please log in again.');
});

document.querySelector('.skip').addEventListener('click', (event) => {
  event.preventDefault();
  document.getElementById('main').focus();
});

router.go();
