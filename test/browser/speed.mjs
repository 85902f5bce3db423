// speed.mjs URL EVENT: what drawing and updating 20,000 seats takes, by the page's own measures.
import { DESKTOP, PHONE, run, seatsShown, visitor } from './browser.mjs';
import { done, is, ok, remark } from './tap.mjs';

const event = process.argv[3];
const SEATS = 20000;
const DRAWING = 100;            // milliseconds
const UPDATE = 16;
const VISITS = 3;               // each of a browser that has never drawn; the machine may have other things to do in one
const UPDATES = 12;             // of each visit; by few and by many seats in turns
const FEW = 25;                 // seats that change between two looks

await run(async (browser) => {
  for (const [name, options] of [['desktop', DESKTOP], ['phone', PHONE]]) {
    const visits = [];
    for (let i = 0; i < VISITS; i++) visits.push(await measure(await visitor(browser, name, options), i === 0));
    report(name, visits);
  }
});
done();

// Returns the times of one visit: of the first drawing, of updates by a few seats and by half of the house, of frames.
async function measure(me, first) {
  const { page } = me;
  await page.addInitScript(collect);
  const drawn = await countSeats(me, first);
  let looks = 0;
  await page.route('**/availability', async (route) => {
    const answer = await route.fetch({ headers: { ...route.request().headers(), 'if-none-match': '"none"' } });
    const bytes = await answer.body();
    // The true map, with ever other seats taken in it; every other look half of the house at once.
    for (let i = 0; i < FEW && looks > 0; i++) flip(bytes, (looks * 7919 + i * 131) % drawn);
    if (looks % 4 >= 2) for (let seat = 0; seat < drawn; seat += 2) flip(bytes, seat);
    return route.fulfill({ response: answer, body: bytes, headers: { ...answer.headers(), etag: `"look ${looks++}"` } });
  });
  await me.go(`events/${event}`);
  await seatsShown(page);
  await lookAgain(page, UPDATES);
  const before = await page.evaluate(() => window.measures);
  await wander(page, me.name);
  const after = await page.evaluate(() => window.measures);
  await me.leave();
  const updates = before['seatmap-update'].slice(0, UPDATES);
  return { drawing: Math.max(...before['seatmap-draw']), few: updates.filter((_, i) => i % 2 === 0), half: updates.filter((_, i) => i % 2 === 1), frames: after['seatmap-frame'] };
}

// Who comes back to the page looks at once; so there is no need to wait for each look.
async function lookAgain(page, updates) {
  for (let seen = 0; seen < updates; seen++) {
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
    await page.waitForFunction((before) => (window.measures['seatmap-update'] ?? []).length > before, seen);
  }
}

function collect() {
  window.measures = {};
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) (window.measures[name] ??= []).push(duration);
  }).observe({ type: 'measure', buffered: true });
}

function flip(bytes, seat) { bytes[seat >> 3] ^= 1 << (seat & 7); }

async function countSeats(me, told) {
  await me.go('');
  const seats = await me.page.evaluate(async (id) => {
    const plan = await (await fetch(`/api/v1/events/${id}/plan`)).json();
    return plan.rows.reduce((sum, row) => sum + row.seats.length, 0);
  }, event);
  if (told) is(seats, SEATS, `${me.name}: ${SEATS} seats are drawn`);
  return seats;
}

// A zoom and a drag, frame by frame.
async function wander(page, name) {
  const box = await page.locator('.seatmap-surface').boundingBox();
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  await page.mouse.move(middle.x, middle.y);
  if (name === 'desktop') for (let i = 0; i < 12; i++) await page.mouse.wheel(0, i < 6 ? -120 : 120);
  await page.mouse.down();
  for (let i = 0; i < 40; i++) await page.mouse.move(middle.x + i * 3, middle.y + (i % 7) * 4);
  await page.mouse.up();
  await page.waitForTimeout(400);
}

// The median says what it takes; the worst, in the remarks, says what else the machine was doing.
function report(name, visits) {
  const all = (what) => visits.flatMap((visit) => visit[what]);
  for (const [what, limit, title] of [['drawing', DRAWING, 'drawing the house for the first time'], ['few', UPDATE, `an update by ${FEW} seats`],
    ['half', UPDATE, 'an update by half of the house'], ['frames', UPDATE, 'a frame of a gesture']]) {
    const times = all(what).sort((a, b) => a - b);
    const median = times[times.length >> 1];
    remark(`${name}: ${title}: median ${median.toFixed(1)} ms, worst ${times.at(-1).toFixed(1)} ms of ${times.length}`);
    ok(median < limit, `${name}: ${title} takes under ${limit} ms`);
  }
}
