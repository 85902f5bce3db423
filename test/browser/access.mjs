// access.mjs URL [PICTURES]: without a mouse, without sight, in the dark, without motion.
import { DESKTOP, focusMap, PHONE, run, scan, seatsShown, signUp, visitor } from './browser.mjs';
import { done, is, like, ok } from './tap.mjs';

await run(async (browser) => {
  for (const [name, options] of [['light', { ...DESKTOP, colorScheme: 'light' }], ['dark', { ...DESKTOP, colorScheme: 'dark' }], ['phone', { ...PHONE, colorScheme: 'light' }], ['dark-phone', { ...PHONE, colorScheme: 'dark' }]]) {
    await scanAll(await visitor(browser, name, { ...options, reducedMotion: 'reduce' }));
  }
  await withKeys(await visitor(browser, 'keyboard', { ...DESKTOP, reducedMotion: 'reduce' }));
});
done();

async function scanAll(me) {
  const { page } = me;
  await me.go('');
  await page.locator('.card').first().waitFor();
  await scan(me, 'what is on');
  await me.go('account?new=1');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await scan(me, 'signing up wrongly');
  await signUp(page, 'Eve');
  await scan(me, 'the account');
  await me.go('tickets');
  await page.getByText('No tickets yet').waitFor();
  await scan(me, 'no tickets');
  await me.go('events/1');
  await seatsShown(page);
  await focusMap(page);
  await page.keyboard.press('Enter');
  await scan(me, 'the map');
  await page.getByRole('tab', { name: 'List' }).click();
  await page.locator('.seatlist summary').first().click();
  await page.getByRole('gridcell').first().waitFor();
  await scan(me, 'the list');
  await page.getByRole('button', { name: /^Hold the best/ }).click();
  await page.getByRole('timer').waitFor();
  await scan(me, 'paying');
  await page.getByRole('button', { name: /^Pay/ }).click();
  await page.getByText('You’re going!').waitFor();
  await scan(me, 'tickets');
  await page.getByRole('button', { name: 'Cancel this booking' }).click();
  await scan(me, 'a question');
  await page.getByRole('button', { name: 'Cancel the booking' }).click();
  await page.getByText('This booking was cancelled').waitFor();
  await scan(me, 'a cancelled booking');
  await me.go('bookings');
  await page.locator('.booking-line').first().waitFor();
  await scan(me, 'bookings');
  await me.go('events/2');
  await page.getByRole('button', { name: 'Join the waiting room' }).waitFor();
  await scan(me, 'a waiting room');
  await page.getByRole('button', { name: 'Join the waiting room' }).click();
  await page.getByRole('heading', { name: 'You are in' }).waitFor();
  await page.getByText('How is the draw fair?').click();
  await scan(me, 'before the draw');
  await me.go('events/3');
  await page.getByRole('button', { name: 'Join the waiting room' }).click();
  await page.getByRole('heading', { name: 'You are in the queue' }).waitFor();
  await scan(me, 'the queue');
  await me.go('events/999999');
  await page.getByRole('heading', { name: 'No such event' }).waitFor();
  await scan(me, 'an unknown event');
  await me.leave();
}

function focused(page) {
  return page.evaluate(() => {
    const element = document.activeElement;
    return `${element.getAttribute('role') ?? element.tagName.toLowerCase()} ${element.getAttribute('aria-label') ?? element.textContent.trim()}`.slice(0, 120);
  });
}

async function tabTo(page, wanted, most = 60) {
  for (let i = 0; i < most; i++) {
    await page.keyboard.press('Tab');
    if (wanted.test(await focused(page))) return true;
  }
  return false;
}

async function joinWithKeys(page) {
  ok(await tabTo(page, /^button Join the waiting room/), 'the waiting room is reached');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => /^You are in\b/.test(document.getElementById('polite').textContent));
  ok(true, 'and that one is in is said');
  ok(await tabTo(page, /^summary How is the draw fair/), 'how it is fair can be asked');
}

// From the first key to the tickets, without a mouse; what is heard on the way.
async function withKeys(me) {
  const { page } = me;
  await me.go('');
  await page.locator('.card').first().waitFor();
  await page.keyboard.press('Tab');
  is(await focused(page), 'a Skip to content', 'the first stop skips to the content');
  ok(await tabTo(page, /^a A Midsummer/), 'an event is reached with Tab');
  await page.keyboard.press('Enter');
  await seatsShown(page);
  ok(await tabTo(page, /^tab Map/), 'then the ways to see the seats');
  await page.keyboard.press('ArrowRight');
  is(await page.getByRole('tab', { name: 'List' }).getAttribute('aria-selected'), 'true', 'arrows change between them');
  ok(await tabTo(page, /^summary Stalls/), 'a section is reached');
  await page.keyboard.press('Enter');
  await page.getByRole('gridcell').first().waitFor();
  ok(await tabTo(page, /^gridcell Stalls, row/), 'its seats are one stop');
  like(await focused(page), /^gridcell Stalls, row \w+, seat \d+, .+ · €\d+ · free/, 'a seat says where it is, what it costs, and that it is free');
  const start = await focused(page);
  await page.keyboard.press('ArrowRight');
  ok(await focused(page) !== start, 'arrows go from seat to seat');
  await page.keyboard.press('ArrowLeft');
  is(await focused(page), start, 'and back');
  await page.keyboard.press('ArrowDown');
  like(await focused(page), /row B/, 'and to the next row');
  await page.keyboard.press('ArrowUp');
  await page.keyboard.press('Space');
  is(await page.evaluate(() => document.activeElement.getAttribute('aria-selected')), 'true', 'Space chooses');
  await page.waitForFunction(() => /chosen\. 1 seat, €/.test(document.getElementById('polite').textContent));
  ok(true, 'which is said, with the sum');
  ok(await tabTo(page, /^button Hold these seats/, 200), 'the way to the hold is open');
  await page.keyboard.press('Enter');
  await page.getByRole('timer').waitFor();
  ok(await page.evaluate(() => document.activeElement.id === 'main'), 'a new page begins at its beginning');
  ok(await tabTo(page, /^button Pay/), 'paying is reached');
  await page.keyboard.press('Enter');
  await page.getByText('You’re going!').waitFor();
  await page.waitForFunction(() => /your tickets/.test(document.getElementById('polite').textContent));
  ok(true, 'and said');
  ok(await tabTo(page, /^button Cancel this booking/), 'cancelling is reached');
  await page.keyboard.press('Enter');
  like(await focused(page), /^button/, 'a question has the focus');
  await page.keyboard.press('Escape');
  like(await focused(page), /^button Cancel this booking/, 'Escape goes back to where one was');
  await signUp(page, 'Zoe');
  await me.go('events/2');
  await joinWithKeys(page);
  await me.leave();
}
