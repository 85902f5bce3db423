// rivals.mjs URL [PICTURES]: two browsers want the same seats, and networks that lose answers.
import { base, cursorLabel, DESKTOP, focusMap, PHONE, run, seatsShown, visitor, walkTo } from './browser.mjs';
import { done, is, like, ok } from './tap.mjs';

const EVENT = 'events/1';

await run(async (browser) => {
  await fight(browser);
  await overtaken(browser);
  await lostAnswer(browser);
  await passingTrouble(browser);
  await deadNetwork(browser);
});
done();

async function enter(browser, name, options, prepare = () => {}) {
  const me = await visitor(browser, name, options);
  await prepare(me.page);
  await me.go(EVENT);
  await seatsShown(me.page);
  await focusMap(me.page);
  return me;
}

// What was given back is seen by all again: what the edge keeps may be a moment old.
async function allFree() {
  for (let look = 0; look < 100; look++) {
    const { headers } = await fetch(`${base}/api/v1/${EVENT}/availability`, { headers: { Accept: 'application/octet-stream' } });
    if (headers.get('Tixbook-Free') === headers.get('Tixbook-Capacity')) return;
    await new Promise((done) => { setTimeout(done, 100); });
  }
  throw new Error('the house is not free again');
}

// The same keys lead everyone to the same seat, as long as all see the same house.
async function chooseFree(me, seats = 1) {
  const chosen = [];
  while (chosen.length < seats) {
    chosen.push(await walkTo(me.page, (label) => /Stalls · .* free$|Premium · .* free$/.test(label)));
    await me.page.keyboard.press('Enter');
    await me.page.keyboard.press('ArrowRight');
  }
  return chosen;
}

async function goToSeat(me, wanted) {
  const name = wanted.split(/, (?=[^,]*·)/)[0];
  await walkTo(me.page, (label) => label.startsWith(`${name},`));
}

function held(page) { return page.getByRole('timer').waitFor(); }

function press(page) { return page.getByRole('button', { name: 'Hold these seats' }).click(); }

// Both have it chosen and press at the same moment. Whoever looks anew must not see it before: that is the next test.
async function fight(browser) {
  const [ann, bob] = await Promise.all([enter(browser, 'ann', DESKTOP, freeze), enter(browser, 'bob', PHONE, freeze)]);
  const [seat] = await chooseFree(ann);
  const [same] = await chooseFree(bob);
  is(same, seat, 'both want the same seat');
  await Promise.all([press(ann.page), press(bob.page)]);
  const lost = (me) => me.page.getByRole('alert').getByText('That seat just went').waitFor().then(() => me);
  const loser = await Promise.any([lost(ann), lost(bob)]);
  const winner = loser === ann ? bob : ann;
  await held(winner.page);
  ok(true, 'one of them holds it');
  like(await loser.page.getByRole('alert').textContent(), /was taken by someone else a moment ago\. These are next to it:/, 'the other is told kindly');
  const offers = loser.page.locator('.offer');
  const count = await offers.count();
  ok(count >= 1 && count <= 3, 'and offered what is next to it');
  await loser.page.waitForTimeout(500);
  await loser.shot('lost-seat', loser === bob);
  const row = /row [^,]+/.exec(seat)[0];
  ok(!(await offers.allTextContents()).some((text) => text.startsWith(`${seat.split(', ').slice(0, 3).join(', ')}€`)), 'never the lost seat itself');
  like(await offers.first().textContent(), new RegExp(`${row}, seat \\d+€`), 'in the same row first');
  await offers.first().click();
  is(await loser.page.locator('.basket-seats li').count(), 1, 'an offer is taken with one tap');
  await press(loser.page);
  await held(loser.page);
  ok(true, 'and held');
  await giveBack(ann);
  await giveBack(bob);
}

// Nothing new is told, or seen, until this page has asked for seats: two people who look at the same old picture.
async function freeze(page) {
  let [seen, open] = [false, false];
  await page.routeWebSocket('**/live/**', (socket) => socket.close());
  await page.route('**/live/**', (route) => route.abort());
  await page.route('**/reserve-seats', (route) => { open = true; return route.continue(); });
  await page.route('**/availability', (route) => {
    if (seen && !open) return route.fulfill({ status: 304 });
    seen = true;
    return route.continue();
  });
}

async function giveBack(me) {
  await me.page.getByRole('button', { name: 'Give the seats back' }).click();
  await me.page.getByRole('button', { name: 'Give them back' }).click();
  await seatsShown(me.page);
  await me.leave();
}

// The seats go while one still thinks about it: the page sees it by itself.
async function overtaken(browser) {
  await allFree();
  const ann = await enter(browser, 'slow-ann', DESKTOP);
  const bob = await enter(browser, 'quick-bob', DESKTOP);
  const [first, second] = await chooseFree(ann, 2);
  await goToSeat(bob, second);
  await bob.page.keyboard.press('Enter');
  await press(bob.page);
  await held(bob.page);
  await ann.page.getByRole('alert').getByText('That seat just went').waitFor();
  ok(true, 'who waits learns that a seat has gone, without asking');
  is(await ann.page.locator('.basket-seats li').count(), 1, 'the other seat stays chosen');
  like(await ann.page.locator('.basket-seats li').textContent(), new RegExp(first.split(', ').slice(0, 3).join(', ')), 'it is the right one');
  ok(await ann.page.locator('.offer').count() > 0, 'two seats side by side are offered');
  await ann.page.locator('.offer').first().click();
  is(await ann.page.locator('.basket-seats li').count(), 2, 'and chosen instead');
  await giveBack(bob);
  await ann.leave();
}

// The server made the hold, but its answer was lost: the same request goes again with the same key, and one hold is made.
async function lostAnswer(browser) {
  const me = await enter(browser, 'lost-answer', DESKTOP);
  const keys = [];
  const ids = new Set();
  await me.page.route('**/reserve-seats', async (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    const answer = await route.fetch();
    ids.add((await answer.json()).booking_id);
    return keys.length === 1 ? route.abort('connectionreset') : route.fulfill({ response: answer });
  });
  await chooseFree(me, 2);
  await press(me.page);
  await held(me.page);
  is(keys.length, 2, 'a lost answer is asked for again');
  ok(keys[0] && keys[0] === keys[1], 'with the same key');
  is([ids.size, me.page.url().includes([...ids][0])], [1, true], 'which gives the same hold');
  await giveBack(me);
}

// 503 with Retry-After: waited for, tried again, not shown.
async function passingTrouble(browser) {
  const me = await enter(browser, 'passing-trouble', DESKTOP);
  await chooseFree(me);
  await press(me.page);
  await held(me.page);
  const keys = [];
  await me.page.route('**/payment', (route) => {
    keys.push(route.request().headers()['idempotency-key']);
    if (keys.length > 2) return route.continue();
    return route.fulfill({ status: 503, headers: { 'Retry-After': '1' }, contentType: 'application/json',
      body: JSON.stringify({ code: 'unavailable', message: 'the ticket office does not answer just now', details: null }) });
  });
  await me.page.getByRole('button', { name: /^Pay/ }).click();
  await me.page.getByText('Still trying').waitFor();
  ok(true, 'who waits is told so');
  await me.page.getByText('You’re going!').waitFor();
  is([keys.length, new Set(keys).size], [3, 1], 'a payment is tried until it is answered, with one key');
  await me.page.getByRole('button', { name: 'Cancel this booking' }).click();
  await me.page.getByRole('button', { name: 'Cancel the booking' }).click();
  await me.page.getByText('This booking was cancelled').waitFor();
  await me.leave();
}

// No network at all: said, kept, and taken up again by itself.
async function deadNetwork(browser) {
  const me = await enter(browser, 'dead-network', PHONE);
  const label = await cursorLabel(me.page);
  await me.context.setOffline(true);
  await me.page.getByText('Reconnecting').waitFor();
  ok(true, 'a lost connection is shown');
  await me.shot('reconnecting');
  await me.context.setOffline(false);
  await seatsShown(me.page);
  is((await cursorLabel(me.page)).split(' · ')[0], label.split(' · ')[0], 'and found again, with nothing lost');
  await me.page.route(`${base}/api/**`, (route) => route.abort());
  await me.go('events/2');
  await me.page.getByRole('heading', { name: 'No connection' }).waitFor({ timeout: 60000 });
  await me.shot('no-connection');
  await me.page.unroute(`${base}/api/**`);
  await me.page.getByRole('button', { name: 'Try again' }).click();
  await seatsShown(me.page);
  ok(true, 'a page that could not load can be tried again');
  await me.leave();
}
