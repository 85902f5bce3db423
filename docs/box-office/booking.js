// One booking, from hold to tickets: what it shows follows its state.

import { bookingHistory, bookingTickets, cancel, findBooking, release, serverNow } from './api.js';
import { announce, note } from './announce.js';
import { cardChoice } from './cards.js';
import { confirmed } from './dialog.js';
import { h, icon } from './dom.js';
import { dayAndTime, joinLabels, money, plural, shortDay, time } from './format.js';
import { dropHold, holdClock } from './hold.js';
import { button, isBusy, loading, notice, whileBusy } from './parts.js';
import { awaitPayment, startPayment } from './paying.js';
import { goTo } from './router.js';
import { session } from './session.js';
import { Stream } from './stream.js';
import { ticketStub } from './tickets.js';
import { explain, STATES } from './words.js';

const VIEWS = { held, paying, confirmed: going, released: over, expired: over, cancelled: over };

export async function bookingPage({ params, query, signal, show }) {
  show('Your booking', loading('Loading the booking', 'line', 'block'));
  const page = { signal, show, fresh: query.get('new') === '1' };
  page.load = async (trouble) => {
    const booking = await findBooking(params.booking, { signal });
    if (signal.aborted) return;
    page.status = booking.status;
    await VIEWS[booking.status](booking, page, trouble);
  };
  follow(params.booking, page);
  await page.load();
}

// What becomes of it elsewhere, or by its end, shows at once; the outcome of a payment is awaited by who pays.
function follow(id, page) {
  const news = async ({ status }) => {
    if (!page.status || status === page.status || page.busy || (page.status === 'paying' && status === 'confirmed')) return;
    dropHold(id);
    if (status === 'expired') announce('Your time ran out.');
    await page.load();
  };
  page.stream = new Stream(`/bookings/${id}`, page.signal, { told: (message) => news(message).catch(() => {}) });
}

function summary(booking) {
  return h('section', { class: 'summary', 'aria-label': 'What you book' },
    h('h2', {}, h('a', { href: `#/events/${booking.event_id}` }, booking.event)),
    h('p', {}, `${booking.venue} · ${dayAndTime(booking.starts_at)}`),
    h('ul', { class: 'summary-seats' }, joinLabels(booking.labels).map((line) => h('li', {}, line))),
    booking.seats.length > 1 && booking.adjacent === false && h('p', { class: 'summary-note' }, 'There were no seats for all of you side by side; these are as near as could be.'),
    h('p', { class: 'summary-sum' }, h('span', {}, plural(booking.seats.length, 'ticket')), h('strong', {}, money(booking.amount, booking.currency))));
}

// --- held: the clock runs ---

async function held(booking, page, trouble) {
  const cards = cardChoice(booking);
  const place = h('div', { class: 'trouble' }, trouble && notice(trouble));
  const payButton = h('button', { type: 'submit', class: 'button wide' }, `Pay ${money(booking.amount, booking.currency)}`);
  const form = h('form', { class: 'pay', onsubmit: (e) => { e.preventDefault(); payNow(booking, cards, payButton, place, page); } },
    cards ? [cards.element, place, payButton] : [place, notice(explain({ code: 'no_payment_provider' }))],
    session.token ? null : h('p', { class: 'pay-guest' }, 'You book as a guest: your tickets are kept in this browser, and with the reference below.'));
  const giveUp = button('Give the seats back', () => giveBack(booking, page), 'link');
  page.show('Pay', h('div', { class: 'booking' }, h('h1', {}, 'These seats are yours, for now'),
    holdClock(booking.expires_at, page.signal, () => ended(booking, page)),
    h('div', { class: 'booking-columns' }, summary(booking), form), h('div', { class: 'booking-foot' }, giveUp, reference(booking))));
}

// The server has the last word on when a hold has ended: its clock, not this one.
async function ended(booking, page) {
  dropHold(booking.booking_id);
  await new Promise((done) => { setTimeout(done, 1200); });
  if (page.signal.aborted || page.status !== 'held') return;
  announce('Your time ran out.');
  await page.load();
}

async function payNow(booking, cards, element, place, page) {
  if (isBusy(element)) return;
  place.replaceChildren();
  page.busy = true;
  try {
    const outcome = await whileBusy(element, 'Paying …', async (say) => {
      const token = await cards.token();
      return token && startPayment(booking.booking_id, token, { onWait: () => say('Still trying …') });
    });
    if (outcome === 'paid') await paid(booking, page);
    // However soon the bank decides now, the one who asks for it is the one who tells.
    if (outcome === 'pending') await paying(booking, page);
  } catch (error) {
    await refused(error, place, page);
  } finally {
    page.busy = false;
  }
}

async function refused(error, place, page) {
  if (page.signal.aborted) return;
  const words = explain(error);
  if (error.code === 'payment_declined' || error.code === 'unreachable' || !error.code) {
    place.replaceChildren(notice(words));
    place.scrollIntoView({ block: 'nearest' });
    if (!error.code) throw error;
    return;
  }
  await page.load(words);           // the booking is in another state than was thought
}

async function paid(booking, page) {
  dropHold(booking.booking_id);
  page.fresh = true;
  announce('Paid. Here are your tickets.');
  scrollTo(0, 0);
  await page.load();
}

async function giveBack(booking, page) {
  if (!await confirmed('Give the seats back?', 'They go on sale again at once.', 'Give them back')) return;
  await release(booking.booking_id);
  dropHold(booking.booking_id);
  if (!page.signal.aborted) goTo(`events/${booking.event_id}`);
  note('Your seats were given back.');
}

// --- paying: the bank has not answered ---

async function paying(booking, page) {
  page.show('Paying', h('div', { class: 'booking' }, h('h1', {}, 'Waiting for your bank'),
    h('section', { class: 'waiting' }, h('span', { class: 'spinner', 'aria-hidden': 'true' }),
      h('p', { role: 'status' }, 'Your payment is on its way. Your seats stay yours meanwhile; please do not pay again.')),
    summary(booking), h('div', { class: 'booking-foot' }, reference(booking))));
  try {
    await awaitPayment(booking.booking_id, page.signal);
    if (!page.signal.aborted) await paid(booking, page);
  } catch (error) {
    if (page.signal.aborted) return;
    if (error.code === 'unreachable') return paying(booking, page);
    await page.load(explain(error));
  }
}

// --- confirmed: tickets ---

async function going(booking, page, trouble) {
  dropHold(booking.booking_id);
  const tickets = await bookingTickets(booking.booking_id);
  const stubs = await Promise.all(tickets.map(ticketStub));
  const canCancel = Date.parse(booking.starts_at) > serverNow();
  page.show(booking.event, h('div', { class: 'booking' },
    page.fresh ? h('div', { class: 'cheer' }, h('span', { class: 'cheer-mark', 'aria-hidden': 'true' }, icon('tick')), h('h1', {}, 'You’re going!'), h('p', {}, 'Show these codes at the door. They are kept here for you.'))
      : h('h1', {}, booking.event),
    trouble && notice(trouble),
    h('ul', { class: 'stubs' }, stubs.map((stub) => h('li', {}, stub))),
    h('div', { class: 'booking-actions' }, button('Print', () => print(), 'quiet'),
      canCancel && button('Cancel this booking', () => cancelBooking(booking, page), 'quiet danger')),
    h('div', { class: 'booking-columns' }, summary(booking), await past(booking)),
    h('div', { class: 'booking-foot' }, reference(booking))));
}

async function cancelBooking(booking, page) {
  const sure = await confirmed('Cancel this booking?', `${plural(booking.seats.length, 'ticket')} for ${booking.event} will be void at once, and the seats go on sale again.`, 'Cancel the booking', 'Keep it');
  if (!sure) return;
  try {
    await cancel(booking.booking_id, 'by the customer');
    page.fresh = false;
    note('Your booking was cancelled.');
    await page.load();
  } catch (error) {
    if (!page.signal.aborted) await page.load(explain(error));
  }
}

// --- over ---

const ENDINGS = {
  released: ['You gave these seats back', 'They are on sale again.'],
  expired: ['Your time ran out', 'The seats were not paid in time and went back on sale. They may still be there.'],
  cancelled: ['This booking was cancelled', 'Its tickets are no longer valid.'],
};

async function over(booking, page) {
  dropHold(booking.booking_id);
  const [title, text] = ENDINGS[booking.status];
  page.show(title, h('div', { class: 'booking' }, h('h1', {}, title), h('p', { class: 'lead' }, text),
    h('a', { class: 'button', href: `#/events/${booking.event_id}` }, 'Choose seats again'),
    h('div', { class: 'booking-columns' }, summary(booking), await past(booking)), h('div', { class: 'booking-foot' }, reference(booking))));
}

async function past(booking) {
  const steps = await bookingHistory(booking.booking_id);
  return h('section', { class: 'past' }, h('h2', {}, 'What happened'),
    h('ol', {}, steps.map((step) => h('li', {}, h('time', { datetime: step.changed_at }, `${shortDay(step.changed_at)}, ${time(step.changed_at)}`),
      h('strong', {}, STATES[step.to_status] ?? step.to_status)))));
}

function reference(booking) {
  return h('p', { class: 'reference' }, 'Booking reference ', h('code', {}, booking.booking_id));
}
