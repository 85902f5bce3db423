// What each refusal means to the person who meets it, and what can be done about it. Reasons and details are those of
// docs/http.md; a reason that is not here is still answered in plain words.

import { dayAndTime, listed, plural } from './format.js';

const DECLINES = {
  card_declined: 'The bank declined this card.',
  insufficient_funds: 'There is not enough money on this card.',
  card_velocity_exceeded: 'This card has reached its limit.',
  expired_card: 'This card has expired.',
  incorrect_cvc: 'The security code is not right.',
  incorrect_number: 'The number is not right.',
  processing_error: 'The bank could not be reached just now; the same card may work in a moment.',
  authentication_required: 'The bank wants you to confirm this payment, which cannot be done here.',
  authentication_not_handled: 'The bank wants you to confirm this payment, which cannot be done here.',
};

const SAY = {
  seat_taken: ({ details }, { label }) => seatTaken(details.seats ?? [], label),
  sold_out: () => ['Sold out', 'All of these seats have gone. Holds that are not paid come back, so it can be worth looking again.'],
  not_enough_seats: ({ details }) => ['Not that many left', `Only ${plural(details.free ?? 0, 'seat')} can still be had here. Ask for fewer, or look in another section.`],
  no_adjacent_seats: ({ details }) => ['Not side by side', `No seats for all of you next to each other; at most ${details.largest_run ?? 1}. You can let the party be split, or try another section.`],
  limit_exceeded: ({ details }) => limit(details),
  event_not_on_sale: ({ details }) => notOnSale(details),
  admission_required: () => ['One must queue for this', 'Seats go to those whose turn it is. Join the waiting room; the page of the event shows the way.'],
  admission_invalid: () => ['Your turn is over', 'The time to choose has run out, or it is the turn of another account. Join the waiting room again.'],
  not_in_waiting_room: () => ['You are not in the waiting room', 'Join it to get a place.'],
  waiting_room_closed: () => ['The waiting room is closed', 'Nobody has to queue any more; please load the page again.'],
  no_waiting_room: () => ['There is no waiting room', 'Nobody has to queue for this event.'],
  too_many_entries: () => ['Too many from your network', 'As many people as may have joined from your network already. Try it from another one, such as your phone’s.'],
  proof_of_work_required: () => ['One moment more', 'Your browser has to solve a small puzzle to join; please try again.'],
  busy: () => ['A lot is going on', 'Others are choosing the same seats at this moment. Nothing was taken from you; please try again.'],
  unavailable: () => ['The box office is not answering', 'It is not you. Please try again in a moment; nothing is booked twice.'],
  unreachable: () => ['No connection', 'The box office cannot be reached. Check your connection and try again; nothing is booked twice.'],
  rate_limited: ({ retryAfter }) => ['A little too fast', `Please wait ${plural(retryAfter ?? 5, 'second')} and try again.`],
  too_many_attempts: ({ retryAfter }) => ['Too many attempts', `Logging in is locked for this address. Try again in ${waitFor(retryAfter)}.`],
  hold_expired: () => ['Your time ran out', 'The seats went back on sale. They may still be there: choose them again.'],
  payment_declined: ({ details }) => ['Your card was declined', `${DECLINES[details.decline_reason] ?? 'The bank did not accept it.'} Nothing was charged, and your seats are still held: try another card.`],
  payment_in_progress: () => ['Your payment is on its way', 'We are waiting for the bank. Please do not pay again.'],
  request_in_progress: () => ['Still at it', 'Your request has arrived and is being worked on. Please wait a moment; nothing is booked twice.'],
  no_payment_provider: () => ['Paying is not possible yet', 'This box office takes no payments at the moment. Your seats are held until the time above.'],
  illegal_transition: ({ details }) => ['That is not possible any more', `This booking is ${STATES[details.status] ?? details.status ?? 'in another state'} now.`],
  too_late: () => ['Too late to cancel', 'A booking can be cancelled until the event begins.'],
  booking_not_found: () => ['No such booking', 'Check the reference; if it belongs to your account, log in first.'],
  event_not_found: () => ['No such event', 'It may have been moved or taken off. Search for it instead.'],
  section_not_found: () => ['No such section', 'Please choose another one.'],
  category_not_found: () => ['No such category', 'Please choose another one.'],
  seat_not_found: () => ['No such seat', 'The plan of the house has changed; please load the page again.'],
  wrong_credentials: () => ['That did not match', 'The address or the password is not right.'],
  authentication_required: () => ['Please log in', 'This is only shown to whom it belongs to.'],
  PGRST301: () => ['You were logged out', 'It has been a while; please log in again.'],
  name_taken: () => ['You have an account already', 'There is an account with this address. Log in instead.'],
  invalid_parameter: ({ details, message }) => ['Please check what you entered', details.parameter === 'password' ? 'A password has 8 to 200 characters.' : details.parameter === 'email' ? 'That does not look like an e-mail address.' : sentence(message)],
};

export const STATES = {
  held: 'held', paying: 'being paid', confirmed: 'confirmed', released: 'given up', expired: 'expired', cancelled: 'cancelled',
};

// error: a Refusal or Unreachable of api.js. context.label(seat) names a seat. Returns { title, text }.
export function explain(error, context = {}) {
  const say = SAY[error.code];
  const [title, text] = say ? say({ details: {}, ...error, message: error.message }, { label: (seat) => `seat ${seat}`, ...context })
    : ['Something went wrong', error.status === 403 ? 'You may not do that.' : 'Please try again; if it stays like this, tell us what you did.'];
  return { title, text };
}

function seatTaken(seats, label) {
  const names = seats.map(label);
  if (seats.length === 1) return ['That seat just went', `${names[0]} was taken by someone else a moment ago.`];
  if (seats.length === 0) return ['Those seats just went', 'Someone else took them a moment ago.'];
  return ['Those seats just went', `${listed(names)} were taken by someone else a moment ago.`];
}

function limit(details) {
  if (details.limit === 'max_per_customer') {
    return ['More than one person may have', `At most ${plural(details.max, 'ticket')} a customer for this event; you have ${details.has} already.`];
  }
  return ['That is too many at once', `At most ${plural(details.max ?? 1, 'ticket')} in one booking.`];
}

function notOnSale({ status, sale_starts_at: from }) {
  if (from && Date.parse(from) > Date.now()) return ['Not on sale yet', `The sale begins on ${dayAndTime(from)}.`];
  if (status === 'paused') return ['The sale is paused', 'It will go on shortly. What you hold already can still be paid.'];
  if (status === 'closed' || status === 'ended') return ['The sale has ended', 'There are no more tickets for this event.'];
  return ['Not on sale', 'There are no tickets for this event at the moment.'];
}

function waitFor(seconds) {
  if (!seconds) return 'a few minutes';
  return seconds < 90 ? plural(seconds, 'second') : plural(Math.ceil(seconds / 60), 'minute');
}

function sentence(text) { return text ? `${text[0].toUpperCase()}${text.slice(1)}.` : ''; }
