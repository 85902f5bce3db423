// speed.mjs URL EVENT [SEATS]: what drawing and updating the house takes, by the page's own measures.
import { DESKTOP, PHONE, run, seatsShown, visitor } from './browser.mjs';
import { done, is, ok, remark } from './tap.mjs';

const event = process.argv[4] ?? '3';
const SEATS = 20000;
const DRAWING = 100;            // milliseconds
const UPDATE = 16;

await run(async (browser) => {
  for (const [name, options] of [['desktop', DESKTOP], ['phone', PHONE]]) await measure(await visitor(browser, name, options));
});
done();

async function measure(me) {
  const { page } = me;
  await page.addInitScript(collect);
  // What the page gets is the true map with ever other seats taken in it.
  let changes = 0;
  const drawn = await countSeats(me);
  await page.route('**/availability', async (route) => {
    const answer = await route.fetch({ headers: { ...route.request().headers(), 'if-none-match': '"none"' } });
    const bytes = await answer.body();
    for (let i = 0; i < 25 && changes > 0; i++) flip(bytes, (changes * 7919 + i * 131) % drawn);
    // Now and then half of the house at once: as much as can happen between two looks.
    if (changes % 5 === 4) for (let seat = 0; seat < drawn; seat += 2) flip(bytes, seat);
    return route.fulfill({ response: answer, body: bytes, headers: { ...answer.headers(), etag: `"test-${changes++}"` } });
  });
  await me.go(`events/${event}`);
  await seatsShown(page);
  const first = await page.evaluate(() => window.measures['seatmap-draw']);
  await page.waitForFunction(() => (window.measures['seatmap-update'] ?? []).length >= 8, null, { timeout: 60000 });
  await wander(page, me.name);
  const measures = await page.evaluate(() => window.measures);
  report(me.name, first, measures);
  await me.leave();
}

function collect() {
  window.measures = {};
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) (window.measures[name] ??= []).push(duration);
  }).observe({ type: 'measure', buffered: true });
}

function flip(bytes, seat) { bytes[seat >> 3] ^= 1 << (seat & 7); }

async function countSeats(me) {
  await me.go('');
  const seats = await me.page.evaluate(async (id) => {
    const plan = await (await fetch(`/api/v1/events/${id}/plan`)).json();
    return plan.rows.reduce((sum, row) => sum + row.seats.length, 0);
  }, event);
  is(seats, SEATS, `${me.name}: ${SEATS} seats are drawn`);
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

function report(name, first, measures) {
  const [drawing, update, frame] = ['seatmap-draw', 'seatmap-update', 'seatmap-frame'].map((m) => measures[m] ?? []);
  const worst = (times) => Math.max(...times);
  const middle = (times) => [...times].sort((a, b) => a - b)[times.length >> 1];
  const told = (times) => `median ${middle(times).toFixed(1)} ms, worst ${worst(times).toFixed(1)} ms of ${times.length}`;
  remark(`${name}: the first drawing ${worst(first).toFixed(1)} ms; drawings ${told(drawing)}; updates ${told(update)}; frames of gestures ${told(frame)}`);
  ok(worst(drawing) < DRAWING, `${name}: drawing takes under ${DRAWING} ms`);
  ok(worst(update) < UPDATE, `${name}: an update takes under ${UPDATE} ms`);
  ok(middle(frame) < UPDATE, `${name}: so does a frame of a gesture`);
}
