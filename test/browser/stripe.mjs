// stripe.mjs URL [PICTURES]: paying by Stripe's protocol: declined in several ways, then paid, and refunded.
import { DESKTOP, focusMap, PHONE, run, seatsShown, signUp, visitor, walkTo } from './browser.mjs';
import { done, is, like, ok } from './tap.mjs';

await run(async (browser) => {
  for (const [name, options] of [['desktop', DESKTOP], ['phone', PHONE]]) {
    const me = await visitor(browser, name, options);
    await signUp(me.page, 'Ann');
    await hold(me);
    await isDeclined(me, 'is declined', /The bank declined|The bank did not accept it/, '1-declined');
    await isDeclined(me, 'has no money left', /not enough money on this card/, '2-no-money');
    await isDeclined(me, 'has a bank that asks back', /bank wants you to confirm/, '3-asks-back');
    await pays(me);
    await givesUp(me);
    await me.leave();
  }
});
done();

async function hold(me) {
  const { page } = me;
  await me.go('?q=midsummer');
  await page.getByRole('link', { name: 'A Midsummer Night\'s Dream' }).click();
  await seatsShown(page);
  await focusMap(page);
  await walkTo(page, (label) => /row [D-H].*free/.test(label), ['ArrowUp', 'ArrowRight', 'ArrowUp', 'ArrowLeft', 'ArrowLeft']);
  await page.keyboard.press('Enter');
  await page.locator('.basket-seats li').waitFor();
  await page.getByRole('button', { name: 'Hold these seats' }).click();
  await page.getByRole('timer').waitFor();
  is(await page.locator('.pay-card strong').allTextContents(), ['4242', '0002', '9995', '0069', '3184'].map((last) => `•••• ${last}`), `${me.name}: the page offers Stripe's test cards`);
}

async function secondsLeft(page) {
  return (await page.getByRole('timer').textContent()).split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
}

async function isDeclined(me, card, words, title) {
  const { page } = me;
  const before = await secondsLeft(page);
  await page.getByText(card).click();
  await page.getByRole('button', { name: /^Pay/ }).click();
  await page.getByRole('alert').filter({ hasText: words }).waitFor();
  const said = await page.getByRole('alert').textContent();
  like(said, /^Your card was declined/, `${me.name}: a card that ${card} is said to be declined`);
  like(said, /Nothing was charged, and your seats are still held/, `${me.name}: and that nothing is lost`);
  const after = await secondsLeft(page);
  ok(after <= before && after > 0, `${me.name}: the time goes on from where it was`);
  await page.waitForFunction((text) => document.querySelector('[role=timer]').textContent !== text, await page.getByRole('timer').textContent());
  ok(await secondsLeft(page) < before, `${me.name}: and runs down`);
  await me.shot(`stripe-${title}`, true);
}

async function pays(me) {
  const { page } = me;
  await page.getByText('is accepted').click();
  await page.getByRole('button', { name: /^Pay/ }).click();
  await page.getByText('You’re going!').waitFor();
  await page.locator('.qr').first().waitFor();
  is(await page.locator('.stub').count(), 1, `${me.name}: another card pays, and there is the ticket`);
  await me.shot('stripe-4-tickets', true);
}

async function givesUp(me) {
  const { page } = me;
  await page.getByRole('button', { name: 'Cancel this booking' }).click();
  await page.getByRole('button', { name: 'Cancel the booking' }).click();
  await page.getByText('This booking was cancelled').waitFor();
  ok(true, `${me.name}: the booking is cancelled`);
}
