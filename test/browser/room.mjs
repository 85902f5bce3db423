// room.mjs URL [PICTURES]: two who want seats of an event that has a waiting room, and one who only looks.
import { DESKTOP, PHONE, run, scan, seatsShown, signUp, visitor } from './browser.mjs';
import { done, is, like, ok } from './tap.mjs';

const heading = (page, name) => page.getByRole('heading', { name, exact: true });
const number = (page) => page.locator('.room-number').textContent();

await run(async (browser) => {
  const [ann, ben, eve] = await Promise.all([visitor(browser, 'ann', DESKTOP), visitor(browser, 'ben', PHONE), visitor(browser, 'eve', DESKTOP)]);
  await join(ann);
  await look(eve);
  await Promise.all([book(ann), waitAndMiss(ben)]);
  await ann.leave();
  await ben.leave();
});
done();

async function join(me) {
  const { page } = me;
  await signUp(page, 'Ann');
  await me.go('events/1');
  await heading(page, 'There is a waiting room').waitFor();
  like(await page.locator('.room .lead').textContent(), /begins on .*same chance/, 'ann: the room says what it is for');
  const before = await number(page);
  like(before, /^00:\d\d$/, 'ann: and when the sale begins');
  await page.getByRole('button', { name: 'Join the waiting room' }).click();
  await heading(page, 'You are in').waitFor();
  await page.waitForFunction(() => /^You are in\./.test(document.getElementById('polite').textContent));
  ok(true, 'ann: she is in, which is also said');
  await page.waitForFunction((text) => document.querySelector('.room-number').textContent !== text, before);
  ok(true, 'ann: the clock runs');
  await page.getByText('How is the draw fair?').click();
  like(await page.locator('.room-fairness code').first().textContent(), /^[0-9a-f]{64}$/, 'ann: the draw cannot be changed any more');
  await me.shot('room-1-in', true);
  await page.reload();
  await heading(page, 'You are in').waitFor();
  ok(true, 'ann: who comes back is still in');
}

async function look(me) {
  await me.go('events/1');
  await heading(me.page, 'There is a waiting room').waitFor();
  like(await me.page.getByRole('link', { name: 'Log in to join' }).getAttribute('href'), /account\?next=events\/1$/, 'eve: who has no account is shown the way');
  is(await me.page.locator('.choosing').count(), 0, 'eve: and no seats');
  await me.leave();
}

// Until it is one's turn; the page comes to it by itself.
async function turn(me) {
  const { page } = me;
  await page.getByRole('timer', { name: 'Time left to choose' }).waitFor({ timeout: 120000 });
  await page.waitForFunction(() => /It is your turn/.test(document.getElementById('polite').textContent));
  ok(true, `${me.name}: it is said whose turn it is`);
  like(await page.title(), /^Your turn!/, `${me.name}: and seen in another tab`);
  await seatsShown(page);
}

async function book(me) {
  const { page } = me;
  await turn(me);
  like(await page.getByRole('timer').textContent(), /^00:(0\d|1[0-5])$/, 'ann: she sees how long she has');
  await page.getByRole('button', { name: /^Hold the best/ }).click();
  await page.getByRole('button', { name: /^Pay/ }).click();
  await page.getByText('You’re going!').waitFor();
  ok(true, 'ann: she holds seats, and pays for them');
}

async function waitAndMiss(me) {
  const { page } = me;
  await signUp(page, 'Ben');
  await me.go('events/1');
  await page.locator('.room .lead').getByText('Who joins now stands behind').waitFor({ timeout: 90000 });
  ok(true, 'ben: who is late is told so');
  await page.getByRole('button', { name: 'Join the waiting room' }).click();
  await heading(page, 'You are in the queue').waitFor();
  like(await page.locator('.room-facts').textContent(), /Your place42.*Your turn in(less than|about)/, 'ben: he stands behind those who were there');
  const before = await number(page);
  like(before, /^\d+(people|person) ahead of you$/, 'ben: and sees how many are ahead');
  await page.waitForFunction((text) => document.querySelector('.room-number')?.textContent !== text, before);
  ok(Number.parseInt(await number(page), 10) < Number.parseInt(before, 10), 'ben: fewer and fewer');
  ok(Number(await page.getByRole('progressbar').getAttribute('aria-valuenow')) > 0, 'ben: he comes nearer');
  await scan(me, 'in the queue');
  await page.getByText('How is the draw fair?').click();
  like(await page.locator('.room-verdict').textContent(), /after the draw/, 'ben: his browser has looked at the draw');
  await me.shot('room-2-queue', true);
  await turn(me);
  await me.shot('room-3-turn');
  await scan(me, 'the turn');
  await heading(page, 'Your turn is over').waitFor({ timeout: 30000 });
  ok(true, 'ben: who does not choose loses his turn');
  await me.shot('room-4-over');
  await page.getByRole('button', { name: 'Join again' }).click();
  await page.waitForFunction(() => /You are in|It is your turn/.test(document.getElementById('polite').textContent));
  ok(true, 'ben: and can join again');
  await me.go('');
}
