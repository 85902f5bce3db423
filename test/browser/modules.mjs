// The pure modules: bits, houses, views, neighbours, repetition, words.
import { bytesOf, changedSeats, countTaken, isTaken, mapOf, putRun, withTaken } from '../../docs/box-office/seatmap/bitfield.js';
import { SeatGrid } from '../../docs/box-office/seatmap/grid.js';
import { offerNear } from '../../docs/box-office/seatmap/neighbours.js';
import { readPlan, seatLabel, seatPlace, seatPrice } from '../../docs/box-office/seatmap/plan.js';
import { luminance, seatColor, textOn } from '../../docs/box-office/seatmap/theme.js';
import { Viewport } from '../../docs/box-office/seatmap/viewport.js';
import { Choice } from '../../docs/box-office/choice.js';
import { countdown, joinLabels, money } from '../../docs/box-office/format.js';
import { judge } from '../../docs/box-office/fairness.js';
import { drawOf } from '../../docs/box-office/draw.js';
import { solve, zeroBits } from '../../docs/box-office/puzzle.js';
import { lookAfter, nearness, roughly, worthSaying } from '../../docs/box-office/queue.js';
import { fromHex, sha256, sha256Hex } from '../../docs/box-office/sha256.js';
import { ATTEMPTS, delayBefore, isPassing, persist } from '../../docs/box-office/retry.js';
import { explain } from '../../docs/box-office/words.js';
import { createHash } from 'node:crypto';
import { done, is, like, ok } from './tap.mjs';

// Numbers that come the same in every run.
let state = 12345;
const random = (below) => { state = (state * 1103515245 + 12345) & 0x7fffffff; return state % below; };

bits();
house();
grid();
view();
neighbours();
choosing();
formats();
await repetition();
words();
await room();
done();

function bits() {
  is([isTaken([0b101], 0), isTaken([0b101], 1), isTaken([0, 0x80], 15)], [true, false, true], 'bit i is byte i/8, mask 1 << (i % 8)');
  is(mapOf(new Uint8Array([1]).buffer, 20), new Uint8Array([1, 0, 0]), 'a short map is padded');
  is(withTaken(new Uint8Array([1, 0]), [0, 9]), new Uint8Array([1, 2]), 'seats can be marked');
  const run = new Uint8Array([0xff, 0xff, 0xff]);
  putRun(run, 6, 9, bytesOf('VQE='));
  is(run, new Uint8Array([0x7f, 0xd5, 0xff]), 'a run is written as it is, and nothing beside it');
  let good = true;
  for (let round = 0; round < 200; round++) {
    const capacity = 1 + random(300);
    const [before, after] = [0, 1].map(() => Uint8Array.from({ length: (capacity + 7) >> 3 }, () => random(256)));
    const plain = Array.from({ length: capacity }, (_, i) => i);
    good &&= String(changedSeats(before, after, capacity)) === String(plain.filter((i) => isTaken(before, i) !== isTaken(after, i)));
    const first = random(capacity), count = random(capacity - first + 1);
    good &&= countTaken(after, first, count) === plain.slice(first, first + count).filter((i) => isTaken(after, i)).length;
  }
  ok(good, 'changes and counts agree with a bit at a time, for 200 random maps');
}

// Two rows of ten with an aisle after the fourth seat, and a standing section without a place.
function small() {
  const x = [0, 20, 40, 60, 110, 130, 150, 170, 190, 210];
  return {
    event_id: 7, event: 'Evening', venue: 'House', currency: 'EUR', capacity: 30, width: 400, height: 400,
    categories: [{ category: 0, name: 'Gold', color: '#b4232a', price: 5000 }, { category: 3, name: 'Standing', color: '#2563eb', price: null }],
    sections: [{ section: 0, name: 'Stalls', kind: 'seated' }, { section: 1, name: 'Pit', kind: 'standing' }],
    rows: ['A', 'B'].map((row, i) => ({ section: 0, row, first_seat: i * 10, seats: x.map((_, s) => String(s + 1)), x, y: x.map(() => 100 + 25 * i), categories: i ? x.map(() => 0) : 0, ...(i && { accessible: [19] }) })),
    standing: [{ section: 1, category: 3, places: [[20, 4], [24, 6]] }],
    areas: [{ shape: 'polygon', x: 50, y: 0, polygon: { points: [{ x: 0, y: 0 }, { x: 100, y: 0 }, { x: 50, y: 40 }] } }],
  };
}

function house() {
  const plan = readPlan(small());
  is([...plan.run.slice(0, 10)], [0, 0, 0, 0, 4, 4, 4, 4, 4, 4], 'an aisle cuts a row into runs');
  is([seatLabel(plan, 13), seatLabel(plan, 25)], ['Stalls, row B, seat 4', 'Pit, standing'], 'seats and places have names');
  is(seatPlace(plan, 0), { section: 'Stalls', row: 'A', seat: '1' }, 'part by part');
  is([seatPrice(plan, 3), seatPrice(plan, 25)], [5000, null], 'and prices');
  is([plan.accessible[19], plan.accessible[18]], [1, 0], 'accessible seats are known');
  ok(plan.bounds.top < 0 && plan.bounds.bottom > plan.standing[0].y + plan.standing[0].height, 'stage and homeless standing room are in the picture');
  is(plan.standing[0].capacity, 10, 'slices of standing room are one');
  is(readPlan({ ...small(), rows: [], standing: [], areas: [] }).seated, 0, 'an empty house is one too');
}

function grid() {
  const plan = readPlan(bowl());
  const index = new SeatGrid(plan);
  let good = true;
  for (let round = 0; round < 300; round++) {
    const x = random(1200) - 100, y = random(1200) - 100, reach = 5 + random(120);
    good &&= distance(plan, index.nearest(x, y, reach), x, y, reach) === distance(plan, slowNearest(plan, x, y, reach), x, y, reach);
  }
  ok(good, 'the index finds the same seats as looking at all of them');
  is(index.nearest(50, 50, 100, () => false), -1, 'and none where none suits');
  is([index.towards(0, 1, 0), index.towards(0, 0, 1), index.towards(51, -1, 0), index.towards(51, 0, -1)], [1, 50, 50, 1], 'arrows lead to the next seat and the next row');
  is(index.towards(0, -1, 0), -1, 'and nowhere at the wall');
}

function bowl() {
  const n = Array.from({ length: 50 }, (_, i) => i);
  return { ...small(), capacity: 2500, standing: [], areas: [], rows: n.map((r) => ({ section: 0, row: String(r), first_seat: r * 50, seats: n.map(String), x: n.map((s) => s * 20), y: n.map(() => r * 22), categories: 0 })) };
}

function slowNearest(plan, x, y, reach) {
  let best = -1;
  for (let seat = 0; seat < plan.capacity; seat++) if (distance(plan, seat, x, y, reach) < distance(plan, best, x, y, reach)) best = seat;
  return best;
}

function distance(plan, seat, x, y, reach) {
  const far = seat < 0 ? Infinity : Math.hypot(plan.x[seat] - x, plan.y[seat] - y);
  return far <= reach ? far : Infinity;
}

function view() {
  const port = new Viewport(readPlan(bowl())).resize(400, 300);
  ok(port.isWhole(), 'the whole house is shown first');
  const before = port.toPlan(100, 80);
  port.zoom(1).zoom(6, 100, 80);
  const after = port.toPlan(100, 80);
  ok(Math.hypot(before.x - after.x, before.y - after.y) < 1e-6 && !port.isWhole(), 'what is under the finger stays there');
  const back = port.toScreen(after.x, after.y);
  ok(Math.hypot(back.x - 100, back.y - 80) < 1e-6, 'screen and house agree');
  port.pan(1e6, -1e6);
  const seen = port.visible();
  ok(seen.right > port.bounds.left && seen.top < port.bounds.bottom, 'the house cannot be lost');
  port.zoom(1e9);
  ok(port.scale <= port.largest, 'nor zoomed without end');
  port.zoom(1e-9);
  ok(port.isWhole(), 'in either direction');
}

function neighbours() {
  const plan = readPlan(small());
  const taken = mapOf(new ArrayBuffer(0), 30);
  taken[0] = 0b00000010;
  is(offerNear(plan, taken, [1])[0], [0], 'the seat next to the lost one comes first');
  is(offerNear(plan, taken, [1], 3).length, 3, 'up to three are offered');
  is(offerNear(plan, taken, [1, 2], 1)[0], [2, 3], 'a party stays side by side');
  ok(offerNear(plan, taken, [3], 20).every((seats) => !seats.includes(1)), 'what is gone is not offered');
  ok(offerNear(plan, taken, [12, 13, 14], 20).every((seats) => seats.every((seat) => plan.run[seat] === plan.run[seats[0]])), 'nor is an aisle between');
  ok(offerNear(plan, taken, [18], 20).every(([seat]) => seat !== 19), 'accessible seats are kept');
  ok(offerNear(plan, taken, [19], 20).some(([seat]) => seat === 19), 'for who wanted one');
  const offers = offerNear(plan, taken, [5, 6], 20).flat();
  is(new Set(offers).size, offers.length, 'no two offers overlap');
  is(offerNear(plan, mapOf(new Uint8Array(4).fill(255).buffer, 30), [5]), [], 'a full house offers nothing');
}

function choosing() {
  const choice = new Choice(readPlan(small()), 2);
  const taken = mapOf(new Uint8Array([1]).buffer, 30);
  is([0, 3, 4, 5, 3].map((seat) => choice.toggle(seat, taken)), ['taken', 'chosen', 'chosen', 'full', 'dropped'], 'seats are chosen, up to the limit, and dropped');
  is([choice.sorted, choice.amount], [[4], 5000], 'they have a sum');
  is([choice.dropTaken(mapOf(new Uint8Array([0x10]).buffer, 30)), choice.size], [[4], 0], 'what goes meanwhile is known');
}

function formats() {
  is([countdown(599001), countdown(0), countdown(-5), countdown(3600000)], ['10:00', '00:00', '00:00', '1:00:00'], 'a countdown');
  like(money(5000, 'EUR'), /50(?!\.)/, 'whole sums without cents');
  like(money(5050, 'EUR'), /50.50/, 'others with');
  like(money(500, 'JPY'), /500/, 'a currency without cents');
  is(joinLabels(['Stalls, row A, seat 1', 'Stalls, row A, seat 2', 'Box, seat 3', 'Floor, standing', 'Floor, standing']),
    ['Stalls, row A, seats 1 and 2', 'Box, seat 3', '2 × Floor, standing'], 'seats of a row are said together');
  ok(luminance([255, 255, 255]) > 0.99 && textOn('#000') === '#ffffff' && textOn('#ffe000') === '#000000', 'text stands out from its ground');
  ok(seatColor('#1e3a8a', true) !== seatColor('#1e3a8a', false), 'dark colours are lightened in the dark');
}

async function repetition() {
  const passing = (outcome) => isPassing(outcome, true);
  is([{ lost: true }, { status: 503, code: 'busy' }, { status: 409, code: 'request_in_progress' }, { status: 502 }].map(passing), [true, true, true, true], 'what passes is repeated');
  is([{ status: 409, code: 'seat_taken' }, { status: 402, code: 'payment_declined' }, { status: 429, code: 'too_many_attempts', retryAfter: 900 }, { status: 500 }].map(passing), [false, false, false, false], 'what does not is not');
  is(isPassing({ lost: true }, false), false, 'nor is what may not be repeated');
  ok([0, 1, 2, 9].every((n) => delayBefore(n, null, () => 0.999) <= 6000 && delayBefore(n, null, () => 0) >= 100), 'pauses grow, within bounds');
  ok(delayBefore(0, 3, () => 0) >= 3000, 'and are never shorter than was asked for');
  const pauses = [];
  let calls = 0;
  const ask = async () => (++calls < 3 ? { error: new Error('no'), outcome: { lost: true } } : { answer: 'yes' });
  is([await persist(ask, { repeatable: true, sleep: async (ms) => pauses.push(ms) }), calls, pauses.length], ['yes', 3, 2], 'it is asked until there is an answer');
  calls = -1000;
  const end = await persist(ask, { repeatable: true, sleep: async () => {} }).catch((error) => error.message);
  is([end, calls + 1000], ['no', ATTEMPTS], 'but not for ever');
}

function words() {
  const say = (code, details = {}, more = {}) => explain({ code, details, message: 'm', ...more }, { label: (seat) => `Stalls, row A, seat ${seat}` });
  is(say('seat_taken', { seats: [4] }), { title: 'That seat just went', text: 'Stalls, row A, seat 4 was taken by someone else a moment ago.' }, 'a lost seat is named');
  like(say('seat_taken', { seats: [4, 5] }).text, /seat 4 and Stalls, row A, seat 5 were/, 'and several are');
  like(say('limit_exceeded', { limit: 'max_per_customer', max: 4, has: 3 }).text, /At most 4 tickets.*you have 3/, 'a limit tells what one has');
  like(say('limit_exceeded', { limit: 'max_per_booking', max: 10 }).text, /At most 10 tickets in one booking/, 'or what a booking may');
  like(say('payment_declined', { decline_reason: 'insufficient_funds' }).text, /not enough money.*still held/, 'a declined card says that nothing is lost');
  like(say('not_enough_seats', { free: 1 }).text, /Only 1 seat /, 'one seat is one seat');
  like(say('too_many_attempts', {}, { retryAfter: 600 }).text, /10 minutes/, 'a lock-out says how long');
  like(say('event_not_on_sale', { status: 'on_sale', sale_starts_at: '2999-01-01T00:00:00Z' }).text, /begins on/, 'a sale to come says when');
  const contract = ['authentication_required', 'wrong_credentials', 'PGRST301', 'payment_declined', 'event_not_found', 'booking_not_found', 'section_not_found', 'category_not_found', 'seat_not_found', 'seat_taken', 'sold_out', 'not_enough_seats', 'no_adjacent_seats', 'limit_exceeded', 'event_not_on_sale', 'illegal_transition', 'payment_in_progress', 'too_late', 'name_taken', 'hold_expired', 'invalid_parameter', 'rate_limited', 'too_many_attempts', 'busy', 'unavailable', 'unreachable', 'admission_required', 'admission_invalid', 'not_in_waiting_room', 'no_waiting_room', 'waiting_room_closed', 'too_many_entries', 'proof_of_work_required'];
  const unknown = say('never heard of').title;
  is(contract.filter((code) => say(code).title === unknown || !say(code).text || /undefined|NaN/.test(say(code).text)), [], 'every refusal that a visitor can meet has words of its own');
  like(say('never heard of').text, /try again/, 'and any other has some');
}

async function room() {
  const hash = (bytes) => createHash('sha256').update(bytes).digest('hex');
  const lengths = Array.from({ length: 200 }, (_, n) => Uint8Array.from({ length: n }, (_, i) => i * 7 + n));
  is(lengths.filter((bytes) => sha256Hex(bytes) !== hash(bytes)), [], 'SHA-256 is SHA-256, whatever the length');
  is([zeroBits([1, 0], 31), zeroBits([1, 0], 32), zeroBits([0, 2 ** 31 - 1], 33), zeroBits([0, 2 ** 31], 33)], [true, false, true, false], 'zero bits are counted from the top');
  const proof = await solve({ prefix: '7:ann:00ff:', bits: 11 });
  ok(zeroBits(sha256(new TextEncoder().encode(`7:ann:00ff:${proof}`)), 11), 'a puzzle is solved');
  const stopped = await solve({ prefix: 'x', bits: 32 }, AbortSignal.timeout(100)).catch((error) => error.name);
  is(stopped, 'TimeoutError', 'or left alone by who leaves');

  const at = Date.parse('2030-01-01T12:00:00Z');
  const waits = (state, seconds, advised, random) => lookAfter({ state, next_look: advised }, '2030-01-01T12:00:00Z', at - 1000 * seconds, () => random);
  is([waits('gathering', 600, 5, 1), waits('gathering', 4, 5, 0), waits('gathering', 4, 5, 1)], [20000, 4200, 7200], 'a crowd looks at the start, spread over some seconds');
  is([waits('waiting', 0, 10, 1), waits('waiting', 0, 10, 0), waits('waiting', 0, 0.1, 1), waits('waiting', 0, 3600, 1)], [10000, 8000, 1000, 30000], 'who waits looks as often as is advised, within bounds');
  is([nearness(50, 200), nearness(0, 200), nearness(300, 200), nearness(0, 0)], [0.75, 1, 0, 1], 'how far one has come');
  is([20, 59, 61, 6000, null].map(roughly), ['less than a minute', 'about a minute', 'about 2 minutes', 'about 2 hours', 'not known yet'], 'a wait is told roughly');
  is([worthSaying(120, 90), worthSaying(90, 80), worthSaying(11, 1)], [true, false, true], 'and aloud now and then');

  const secret = 'ab'.repeat(32);
  const facts = { seed_hash: hash(fromHex(secret)), secret, seed: secret, beacon: null, beacon_value: null, drawn: 1000 };
  const place = drawOf(secret, 1000);
  is(new Set(Array.from({ length: 1000 }, (_, entry) => place(entry))).size, 1000, 'a draw gives each entry a place of its own');
  like(judge(facts, { entry: 7, position: place(7) }), /It is right/, 'a draw that is right is found right');
  like(judge(facts, { entry: 7, position: place(8) }), /not what you were given/, 'a place that is wrong is found wrong');
  like(judge({ ...facts, seed_hash: hash(fromHex('ac'.repeat(32))) }, { entry: 7, position: place(7) }), /not the one that was promised/, 'so is another secret');
  like(judge({ ...facts, beacon: 'round 7', beacon_value: '42' }, { entry: 7, position: place(7) }), /not made as it was promised/, 'and a seed without what was to be mixed in');
  like(judge({ ...facts, beacon: 'round 7', beacon_value: '42', seed: hash(Buffer.from(`${String.fromCharCode(...fromHex(secret))}42`, 'latin1')) }, { entry: 2000, position: 2000 }), /after the draw/, 'who came later stands behind');
  is(judge({ ...facts, seed: null }, { entry: 7, position: null }), '', 'before the draw there is nothing to judge');
}
