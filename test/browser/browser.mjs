// What the browser tests share: a headless Chromium, visitors on a desktop or a phone, and ways about the page.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { ok, remark } from './tap.mjs';

export const base = process.argv[2];
const shots = process.argv[3];          // a directory for pictures; none are taken without
if (shots) mkdirSync(shots, { recursive: true });

const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];

export const launch = () => chromium.launch({ executablePath: '/usr/bin/chromium', args: FLAGS });

export const DESKTOP = { viewport: { width: 1440, height: 900 } };
export const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 3, hasTouch: true, isMobile: true };

// A person with a browser of their own. What goes wrong in the page is kept in visitor.faults.
export async function visitor(browser, name, options = DESKTOP) {
  const context = await browser.newContext({ locale: 'en-GB', timezoneId: 'Europe/Berlin', ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(20000);
  const faults = [];
  page.on('pageerror', (error) => faults.push(String(error.stack ?? error)));
  // A refused request is an answer, not a fault.
  page.on('console', (message) => { if (message.type() === 'error' && !/Failed to load resource|WebSocket connection to|EventSource's response/.test(message.text())) faults.push(message.text()); });
  return {
    name, context, page, faults,
    go: (path) => page.goto(`${base}/#/${path}`),
    shot: async (title, whole = false) => {
      if (!shots) return;
      if (whole) await page.evaluate(() => window.scrollTo(0, 0));
      await page.screenshot({ path: `${shots}/${name}-${title}.png`, fullPage: whole, animations: 'disabled' });
    },
    leave: async () => {
      ok(faults.length === 0, `${name}: no fault in the page`);
      faults.forEach((fault) => remark(fault));
      await context.close();
    },
  };
}

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// The page as it stands against the rules of WCAG.
export async function scan(me, title) {
  await me.page.evaluate(axe);
  const { violations, passes } = await me.page.evaluate(() => window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }));
  ok(violations.length === 0 && passes.length > 10, `${me.name}: ${title} has no violation`);
  for (const { id, nodes } of violations) nodes.forEach((node) => remark(`${id}: ${node.html.slice(0, 160)}: ${node.failureSummary.replaceAll('\n', ' ')}`));
  await me.shot(`access-${title.replaceAll(' ', '-')}`);
}

// Until the seats of an event are drawn as they are.
export async function seatsShown(page) {
  await page.waitForFunction(() => /free|Sold out/.test(document.querySelector('.live')?.textContent ?? ''));
}

// Brings the keyboard to the map: the focus stands on a seat.
export async function focusMap(page) {
  await page.locator('.seat-cursor').focus();
  return cursorLabel(page);
}

export const cursorLabel = (page) => page.locator('.seat-cursor').getAttribute('aria-label');

// Walks over the map until the focus is on a seat that suits; presses keys in turn.
export async function walkTo(page, suits, keys = ['ArrowRight', 'ArrowRight', 'ArrowRight', 'ArrowDown']) {
  for (let step = 0; step < 400; step++) {
    const label = await cursorLabel(page);
    if (suits(label)) return label;
    await page.keyboard.press(keys[step % keys.length]);
  }
  throw new Error('no such seat on the way');
}

export async function cursorPlace(page) {
  const box = await page.locator('.seat-cursor').boundingBox();
  return { x: box.x + box.width / 2, y: box.y + box.height / 2 };
}

export async function signUp(page, name) {
  await page.goto(`${base}/#/account?new=1`);
  await page.getByLabel('E-mail address').fill(`${name}-${Date.now()}@example.org`);
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Password').fill('a password of some length');
  await page.getByRole('button', { name: 'Sign up' }).click();
  await page.getByRole('link', { name, exact: true }).waitFor();
}

// Runs a test and tells how it ended, whatever happens in it.
export async function run(work) {
  const browser = await launch();
  try {
    await work(browser);
  } catch (error) {
    ok(false, 'came to its end');
    remark(String(error.stack ?? error).replaceAll('\n', '\n# '));
  } finally {
    await browser.close();
  }
}
