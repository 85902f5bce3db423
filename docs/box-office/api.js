// Every call the page makes, and nothing else of it: paths, headers, keys, repetition. The contract is docs/http.md.

import { persist } from './retry.js';
import { isGuestBooking, session } from './session.js';

const BASE = document.querySelector('meta[name="tixbook-api"]').content.replace(/\/$/, '');
const GIVE_UP = 12000;          // milliseconds without an answer; then the same request is sent again

// Where the server tells what happens: beside the API.
export const liveUrl = (path) => new URL(`${BASE.replace(/\/api\/v\d+$/, '')}/live${path}`, location.href).href;

// What the server refused, by its reason.
export class Refusal extends Error {
  constructor(status, body, retryAfter) {
    super(body.message ?? `HTTP ${status}`);
    Object.assign(this, { name: 'Refusal', status, code: body.code ?? `http_${status}`, retryAfter });
    this.details = readDetails(body.details);
  }
}

// No answer came: nobody knows what became of the request.
export class Unreachable extends Error {
  constructor(cause) {
    super('no answer', { cause });
    Object.assign(this, { name: 'Unreachable', status: 0, code: 'unreachable', details: {} });
  }
}

function readDetails(details) {
  if (details && typeof details === 'object') return details;
  try {
    return JSON.parse(details ?? '{}') ?? {};
  } catch {
    return {};
  }
}

// How far the server's clock is ahead of this one, so that countdowns end when holds do.
const CLOCKS_DIFFER = 2000;     // milliseconds; less than that is the way of the answer
let clockAhead = 0;

export function serverNow() { return Date.now() + clockAhead; }

// One for each thing that a customer wants; it goes with every repetition of the request.
export function newKey() {
  if (crypto.randomUUID) return crypto.randomUUID();    // not there on plain http
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (b) => b.toString(16).padStart(2, '0')).join('');
}

async function send(method, path, { body, key, etag, admission, accept = 'application/json', anonymous = false, signal }) {
  const headers = { Accept: accept };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = key;
  if (etag) headers['If-None-Match'] = etag;
  if (admission) headers['Admission-Token'] = admission;
  if (!anonymous && session.token) headers.Authorization = `Bearer ${session.token}`;
  const limit = AbortSignal.timeout(GIVE_UP);
  return fetch(BASE + path, {
    method, headers, body: body === undefined ? undefined : JSON.stringify(body),
    // With an ETag of our own the browser's cache must not answer in its place.
    cache: etag === undefined ? 'default' : 'no-store', credentials: 'omit',
    signal: signal ? AbortSignal.any([limit, signal]) : limit,
  });
}

async function attempt(method, path, options) {
  let response;
  try {
    response = await send(method, path, options);
    if (response.ok || response.status === 304) return { answer: await options.read(response) };
  } catch (error) {
    if (options.signal?.aborted) throw error;
    return { outcome: { lost: true }, error: new Unreachable(error) };
  }
  const refusal = new Refusal(response.status, await response.json().catch(() => ({})), retryAfter(response));
  if (refusal.code === 'PGRST301' && !options.anonymous) session.end('expired');
  return { outcome: refusal, error: refusal };
}

function retryAfter(response) {
  const seconds = Number.parseInt(response.headers.get('Retry-After'), 10);
  return Number.isNaN(seconds) ? null : seconds;
}

function readJson(response) {
  noteClock(response);
  return response.json();
}

function noteClock(response) {
  const date = Date.parse(response.headers.get('Date'));
  const ahead = date + 1000 - Date.now();       // the header is cut to seconds; better early than late
  if (!Number.isNaN(date)) clockAhead = Math.abs(ahead) > CLOCKS_DIFFER ? ahead : 0;
}

function call(method, path, { repeatable = method === 'GET', read = readJson, onWait, ...options } = {}) {
  return persist(() => attempt(method, path, { read, ...options }), { repeatable, onWait });
}

function get(path, query = {}, options = {}) {
  const set = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== '' && value !== false);
  return call('GET', set.length > 0 ? `${path}?${new URLSearchParams(set)}` : path, options);
}

// A booking made as a guest is asked for as a guest, also by who has logged in since.
function ofBooking(id, options = {}) { return { ...options, anonymous: isGuestBooking(id) }; }

// --- looking ---

export const searchEvents = (query) => get('/events/search', query);
export const findEvent = (event, options) => get(`/events/${event}`, {}, options);
export const seatPlan = (event, options) => get(`/events/${event}/plan`, {}, options);
export const sectionAvailability = (event, options) => get(`/events/${event}/sections`, {}, options);

// The bitfield: { buffer, etag, free }, or null while it is still the one with that ETag.
export function availabilityMap(event, etag, options = {}) {
  return call('GET', `/events/${event}/availability`, {
    ...options, etag: etag ?? null, accept: 'application/octet-stream',
    read: async (response) => (response.status === 304 ? null : {
      buffer: await response.arrayBuffer(),
      etag: response.headers.get('ETag'),
      version: Number(response.headers.get('Tixbook-Version')),
      free: Number(response.headers.get('Tixbook-Free')),
    }),
  });
}

// --- the waiting room; each of these may be repeated as it is ---

const queue = (what, event, options, more = {}) => call('POST', `/queue/${what}`, { body: { event_id: event, ...more }, repeatable: true, ...options });

export const findRoom = (event, options) => get(`/events/${event}/waiting-room`, {}, options);
export const joinQueue = (event, proof, options) => queue('join', event, options, proof === null ? {} : { proof });
export const queueStatus = (event, options) => queue('status', event, options);
export const leaveQueue = (event, options) => queue('leave', event, options);

// What is the same for all who stand near each other, and so comes from a cache.
export const queueProgress = (event, position, options) => get(`/events/${event}/queue`, { position }, options);

// --- accounts ---

export const signUp = (account) => call('POST', '/accounts', { body: account, anonymous: true });
export const logIn = (email, password) => call('POST', '/accounts/log-in', { body: { email, password }, anonymous: true, repeatable: true });

// --- bookings; options.admission is the token of who had to queue; `key` is kept by the caller for as long as it is the same wish ---

const keyed = (path, body, key, options) => call('POST', path, { body, key, repeatable: true, ...options });

export const reserve = (wish, key, options) => keyed('/bookings/reserve', wish, key, options);
export const reserveSeats = (event, seats, key, options) => keyed('/bookings/reserve-seats', { event_id: event, seats }, key, options);
export const pay = (id, token, key, options) =>
  keyed(`/bookings/${id}/payment`, { payment_token: token }, key, { ...ofBooking(id), ...options, read: readPayment });

async function readPayment(response) {
  return { ...await readJson(response), retryAfter: response.status === 202 ? retryAfter(response) ?? 1 : null };
}

export const findBooking = (id, options) => get(`/bookings/${id}`, {}, ofBooking(id, options));
export const bookingTickets = (id) => get(`/bookings/${id}/tickets`, {}, ofBooking(id));
export const bookingHistory = (id) => get(`/bookings/${id}/history`, {}, ofBooking(id));
export const release = (id) => call('POST', `/bookings/${id}/release`, ofBooking(id, { body: {}, repeatable: true }));
export const cancel = (id, reason) => call('POST', `/bookings/${id}/cancel`, ofBooking(id, { body: { reason }, repeatable: true }));
export const myBookings = (page) => get('/bookings', { page });
export const myTickets = (page) => get('/tickets', { page });
