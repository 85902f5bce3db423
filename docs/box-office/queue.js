// What waiting means in numbers: how far one has come, how long it may take, when to look again. Pure.

const BEFORE = 20000;           // milliseconds between looks before the start
const SPREAD = 3000;            // after the start, so that a crowd that waited for one instant does not ask in it
const [OFTEN, SELDOM] = [1000, 30000];
const SAY_AT = [10000, 1000, 100, 10, 1];       // so many ahead: worth saying aloud

// Milliseconds until the next look, as the server advises, or at the start if that is nearer.
export function lookAfter({ state, next_look: advised }, startsAt, now, random = Math.random) {
  const pause = Math.min(Math.max((advised ?? 5) * 1000, OFTEN), SELDOM) * (0.8 + 0.2 * random());
  if (state !== 'gathering') return pause;
  const left = Math.max(Date.parse(startsAt) - now, 0);
  return left > BEFORE ? BEFORE * (0.8 + 0.2 * random()) : left + 200 + SPREAD * random();
}

// From 0, just drawn, to 1, one's turn. most: how many were ahead when one first knew.
export function nearness(ahead, most) { return most > 0 ? Math.min(Math.max(1 - ahead / most, 0), 1) : 1; }

// A wait as one would say it, never more exact than is known. seconds, or null where nobody can tell.
export function roughly(seconds) {
  if (seconds === null || seconds === undefined) return 'not known yet';
  if (seconds < 50) return 'less than a minute';
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 90) return minutes === 1 ? 'about a minute' : `about ${minutes} minutes`;
  return `about ${Math.round(minutes / 60)} hours`;
}

// Whether it is worth saying that so many are ahead now, when it were so many before.
export function worthSaying(before, now) { return SAY_AT.some((at) => before > at && now <= at); }
