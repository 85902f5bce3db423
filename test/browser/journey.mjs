// journey.mjs URL [PICTURES]: from a search to a cancelled ticket, on a desktop and on a phone.
import jsqr from 'jsqr';
import { cursorPlace, DESKTOP, focusMap, PHONE, run, seatsShown, signUp, visitor, walkTo } from './browser.mjs';
import { done, is, like, ok } from './tap.mjs';

await run(async (browser) => {
  for (const [name, options] of [['desktop', DESKTOP], ['phone', PHONE]]) {
    const me = await visitor(browser, name, options);
    await look(me);
    await choose(me);
    const id = await hold(me);
    await pay(me);
    await keep(me, id, browser);
    await giveUp(me);
    await me.leave();
  }
});
done();

async function look(me) {
  const { page } = me;
  await me.go('');
  await page.locator('.card').first().waitFor();
  ok(await page.locator('.card').count() >= 3, `${me.name}: what is on is shown`);
  await me.shot('1-events', true);
  await page.getByRole('searchbox').fill('midsumer');
  await page.waitForFunction(() => document.querySelectorAll('.card').length === 1);
  is(await page.locator('.card h2').textContent(), 'A Midsummer Night\'s Dream', `${me.name}: a search forgives a slip`);
  like(page.url(), /q=midsumer/, `${me.name}: and is in the address`);
  await me.shot('2-search');
  await page.getByRole('searchbox').fill('zzzzqq');
  await page.getByText('Nothing found').waitFor();
  await me.shot('3-nothing');
  await signUp(page, 'Ann');
  ok(true, `${me.name}: an account is made`);
  await me.go('?q=midsummer');
  await page.getByRole('link', { name: 'A Midsummer Night\'s Dream' }).click();
  await seatsShown(page);
  like(await page.title(), /^A Midsummer Night\'s Dream/, `${me.name}: the event is open`);
  await me.shot('4-event');
}

async function choose(me) {
  const { page } = me;
  await focusMap(page);
  await walkTo(page, (label) => /row [D-H].*free/.test(label), ['ArrowUp', 'ArrowRight', 'ArrowUp', 'ArrowLeft', 'ArrowLeft']);
  await page.waitForTimeout(400);
  const at = await cursorPlace(page);
  if (me.name === 'phone') await page.touchscreen.tap(at.x, at.y);
  else await page.mouse.click(at.x, at.y);
  await page.locator('.basket-seats li').waitFor();
  ok(true, `${me.name}: a seat is chosen on the map`);
  await focusMap(page);
  await page.keyboard.press('ArrowRight');
  await walkTo(page, (label) => /free/.test(label), ['ArrowRight']);
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('.basket-seats li').length === 2);
  ok(true, `${me.name}: and another with the keyboard`);
  like(await page.locator('.basket-foot').textContent(), /2 seats€\d+/, `${me.name}: they have a price`);
  await page.mouse.move(5, 5);
  await me.shot('5-chosen');
}

async function hold(me) {
  const { page } = me;
  await page.getByRole('button', { name: 'Hold these seats' }).click();
  await page.getByRole('timer').waitFor();
  const before = await page.getByRole('timer').textContent();
  like(before, /^(10:00|09:\d\d)$/, `${me.name}: they are held, and the time is counted`);
  await page.waitForFunction((text) => document.querySelector('[role=timer]').textContent !== text, before);
  const seconds = (text) => text.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  ok(seconds(await page.getByRole('timer').textContent()) < seconds(before), `${me.name}: downwards`);
  await me.shot('6-held', true);
  const id = /bookings\/([0-9a-f-]{36})/.exec(page.url())[1];
  await me.go('');
  await page.locator('.hold-bar').waitFor();
  like(await page.locator('.hold-bar').textContent(), /2 seats held for you · 0\d:\d\d/, `${me.name}: the hold is in sight on other pages`);
  await me.shot('7-hold-bar');
  await page.locator('.hold-bar').click();
  await page.getByRole('timer').waitFor();
  return id;
}

async function pay(me) {
  const { page } = me;
  await page.getByText('is declined').click();
  await page.getByRole('button', { name: /^Pay/ }).click();
  await page.getByRole('alert').getByText('Your card was declined').waitFor();
  ok(await page.getByRole('timer').isVisible(), `${me.name}: a declined card is said, and the seats are still held`);
  await me.shot('8-declined', true);
  await page.getByText('asks a slow bank', { exact: false }).first().click();
  await page.getByRole('button', { name: /^Pay/ }).click();
  await page.getByText('Waiting for your bank').waitFor();
  ok(true, `${me.name}: a slow bank is waited for`);
  await me.shot('9-paying');
  await page.getByText('You’re going!').waitFor();
  is(await page.locator('.stub').count(), 2, `${me.name}: then there are two tickets`);
}

async function keep(me, id, browser) {
  const { page } = me;
  await page.locator('.qr').first().waitFor();
  await me.shot('10-tickets', true);
  const code = await page.locator('.stub-text').first().textContent();
  is(await readCode(browser, await page.locator('.qr').first().screenshot()), code, `${me.name}: a QR reader reads the code of the ticket`);
  await me.go('tickets');
  await page.locator('.qr').nth(1).waitFor();
  is(await page.locator('.stub-text').first().textContent(), code, `${me.name}: the tickets are kept`);
  await me.shot('11-my-tickets', true);
  await me.go('bookings');
  await page.locator('.booking-line').first().waitFor();
  like(await page.locator('.booking-line').first().textContent(), /confirmed/, `${me.name}: and the booking`);
  await me.shot('12-bookings');
  await page.locator('.booking-line a').first().click();
  await page.getByText('Booking reference').waitFor();
  like(await page.locator('.reference').textContent(), new RegExp(id), `${me.name}: it is the same`);
  const steps = await page.locator('.past li strong').allTextContents();
  is([steps[0], steps.at(-1)], ['held', 'confirmed'], `${me.name}: with what happened to it`);
}

async function giveUp(me) {
  const { page } = me;
  await page.getByRole('button', { name: 'Cancel this booking' }).click();
  await page.getByRole('dialog').waitFor();
  await me.shot('13-cancel');
  await page.getByRole('button', { name: 'Keep it' }).click();
  is(await page.locator('.stub').count(), 2, `${me.name}: who thinks better of it keeps the tickets`);
  await page.getByRole('button', { name: 'Cancel this booking' }).click();
  await page.getByRole('button', { name: 'Cancel the booking' }).click();
  await page.getByText('This booking was cancelled').waitFor();
  ok(true, `${me.name}: the booking is cancelled`);
  await me.shot('14-cancelled');
  await me.go('tickets');
  await page.getByText('No tickets yet').waitFor();
  ok(true, `${me.name}: and its tickets are gone`);
  await me.shot('15-no-tickets');
}

// What a camera at the door would see.
async function readCode(browser, png) {
  const page = await browser.newPage();
  const seen = await page.evaluate(async (base64) => {
    const picture = await createImageBitmap(new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: 'image/png' }));
    const brush = new OffscreenCanvas(picture.width, picture.height).getContext('2d');
    brush.drawImage(picture, 0, 0);
    return { width: picture.width, height: picture.height, data: [...brush.getImageData(0, 0, picture.width, picture.height).data] };
  }, png.toString('base64'));
  await page.close();
  return jsqr(Uint8ClampedArray.from(seen.data), seen.width, seen.height)?.data;
}
