// live.mjs URL PICTURES told|asked: what others do shows on the page: told by the edge, or asked for.
import { readPlan, seatLabel } from '../../docs/box-office/seatmap/plan.js';
import { base, focusMap, run, seatsShown, visitor, walkTo } from './browser.mjs';
import { done, is, ok } from './tap.mjs';

const EVENT = 'events/1';
const held = new Set();      // each time another seat: what became of one may be told late, and a choice ends with it

await run(async (browser) => {
  if (process.argv[4] === 'told') {
    await soldElsewhere(browser, true);
    await endsElsewhere(browser);
    await endsByItself(browser);
  } else {
    await soldElsewhere(browser, false);
    await endsByItself(browser);
  }
});
done();

async function call(path, body) {
  const answer = await fetch(`${base}/api/v1${path}`, { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body ?? {}) });
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
  return answer.json();
}

function reserve(seats) { return call('/bookings/reserve', { event_id: 1, quantity: seats }); }

function release(booking) { return call(`/bookings/${booking.booking_id}/release`); }

async function free(page) {
  return Number(/(\d[\d.,]*) seats? free/.exec(await page.locator('.live').textContent())?.[1].replace(/\D/g, ''));
}

async function shows(page, seats) {
  await page.waitForFunction((wanted) => Number(/(\d[\d.,]*) seats? free/.exec(document.querySelector('.live')?.textContent ?? '')?.[1].replace(/\D/g, '')) === wanted, seats);
}

// told: nothing is asked for any more, since every question fails.
async function soldElsewhere(browser, told) {
  const me = await visitor(browser, told ? 'told' : 'asked');
  await me.go(EVENT);
  await seatsShown(me.page);
  if (told) {
    // The first news shows that they come.
    const before = await free(me.page);
    await release(await reserve(1));
    await shows(me.page, before);
    await me.page.route('**/availability', (route) => route.abort());
  }
  const before = await free(me.page);
  const begun = Date.now();
  const booking = await reserve(4);
  await shows(me.page, before - 4);
  const late = Date.now() - begun;
  ok(late < (told ? 5000 : 15000), `seats sold elsewhere are gone after ${late} ms`);
  await focusMap(me.page);
  const seat = await walkTo(me.page, (label) => label.endsWith('free'));
  await me.page.keyboard.press('Enter');
  is(await me.page.locator('.basket-seats li').count(), 1, 'a seat is chosen');
  const other = await call('/bookings/reserve-seats', { event_id: 1, seats: [await indexOf(seat)] });
  await me.page.getByRole('alert').getByText('That seat just went').waitFor();
  ok(true, 'and lost when it is sold elsewhere, which the page learns by itself');
  await release(other);
  await release(booking);
  await shows(me.page, before);
  ok(true, 'what is given back is free again');
  await me.leave();
}

// The seat of which the map says so.
async function indexOf(label) {
  const plan = readPlan(await (await fetch(`${base}/api/v1/${EVENT}/plan`)).json());
  for (let seat = 0; seat < plan.capacity; seat++) if (label.startsWith(`${seatLabel(plan, seat)},`)) return seat;
  throw new Error(`there is no seat ${label}`);
}

async function holdHere(me) {
  await me.go(EVENT);
  await seatsShown(me.page);
  await focusMap(me.page);
  held.add(await walkTo(me.page, (label) => label.endsWith('free') && !held.has(label)));
  await me.page.keyboard.press('Enter');
  await me.page.getByRole('button', { name: 'Hold these seats' }).click();
  await me.page.getByRole('timer').waitFor();
  return /bookings\/([0-9a-f-]{36})/.exec(me.page.url())[1];
}

// One gives the seats back on another device.
async function endsElsewhere(browser) {
  const me = await visitor(browser, 'ends-elsewhere');
  let id = await holdHere(me);
  await release({ booking_id: id });
  await me.page.getByRole('heading', { name: 'You gave these seats back' }).waitFor();
  ok(true, 'a booking that ends elsewhere shows it');
  id = await holdHere(me);
  await me.go('');
  await me.page.locator('.hold-bar').waitFor();
  await release({ booking_id: id });
  await me.page.locator('.hold-bar').waitFor({ state: 'detached' });
  ok(true, 'also where one looks at something else');
  await me.leave();
}

async function endsByItself(browser) {
  const me = await visitor(browser, 'ends-by-itself');
  await holdHere(me);
  await me.page.getByRole('button', { name: 'Give the seats back' }).click();
  await me.page.getByRole('button', { name: 'Give them back' }).click();
  await seatsShown(me.page);
  ok(true, 'what one does oneself is not in its way');
  await me.leave();
}
