// Who is here: the customer that logged in, and the bookings that were made in this browser without an account.
// Both stand in localStorage, so that a ticket is there at the door although the tab was closed; the strict
// content policy the page is made for (no inline script, no foreign source) is what keeps them from others.

const SESSION = 'tixbook.session';
const GUEST = 'tixbook.guest-bookings';
const LAST_EMAIL = 'tixbook.last-email';

class Session extends EventTarget {
  get current() {
    const kept = read(SESSION);
    if (kept && kept.until > Date.now()) return kept;
    if (kept) localStorage.removeItem(SESSION);
    return null;
  }

  get token() { return this.current?.token ?? null; }

  // answer: what sign-up and log-in give
  begin(answer) {
    write(SESSION, { token: answer.token, customer: answer.customer, email: answer.email, name: answer.name,
      until: Date.now() + answer.expires_in * 1000 });
    write(LAST_EMAIL, answer.email);
    this.dispatchEvent(new CustomEvent('change', { detail: 'begun' }));
  }

  // why: 'logged out' or 'expired'
  end(why) {
    localStorage.removeItem(SESSION);
    this.dispatchEvent(new CustomEvent('change', { detail: why }));
  }

  get lastEmail() { return read(LAST_EMAIL) ?? ''; }
}

export const session = new Session();

export function guestBookings() { return read(GUEST) ?? []; }

export function isGuestBooking(id) { return guestBookings().includes(id); }

export function keepGuestBooking(id) {
  if (!isGuestBooking(id)) write(GUEST, [id, ...guestBookings()].slice(0, 50));
}

export function forgetGuestBooking(id) { write(GUEST, guestBookings().filter((kept) => kept !== id)); }

function read(name) {
  try {
    return JSON.parse(localStorage.getItem(name));
  } catch {
    return null;                // written by something else
  }
}

function write(name, value) { localStorage.setItem(name, JSON.stringify(value)); }
