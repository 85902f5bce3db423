// What waiting means in numbers: how far one has come, how long it may take, when to look again. Pure.

const BEFORE = 30000;           // milliseconds between looks while the start is far
const SPREAD = 3000;            // after the start, so that a crowd that waited for one instant does not ask in it
const [OFTEN, SELDOM] = [2000, 15000];
const SAY_AT = [10000, 1000, 100, 10, 1];    // so many ahead: worth saying aloud

// Milliseconds until the next look. The server's word on when to come again is never undercut.
export function lookAfter(status, now, random = Math.random) {
  const asked = (status.retry_after ?? 0) * 1000;
  if (status.state === 'before') {
    const left = Date.parse(status.starts_at) - now;
    return Math.max(asked, left > BEFORE ? BEFORE * (0.8 + random() * 0.4) : Math.max(left, 0) + 200 + random() * SPREAD);
  }
  const pace = Math.min(Math.max((status.estimate ?? 60) * 1000 / 10, OFTEN), SELDOM);
  return Math.max(asked, pace * (0.85 + random() * 0.3));
}

// From 0, just drawn, to 1, one's turn. `most` is how many were ahead when one first knew.
export function nearness(ahead, most) { return most > 0 ? Math.min(Math.max(1 - ahead / most, 0), 1) : 1; }

// A wait as one would say it, never more exact than is known. seconds, or null where nobody can tell.
export function roughly(seconds) {
  if (seconds === null || seconds === undefined) return 'not known yet';
  if (seconds < 50) return 'less than a minute';
  const minutes = Math.ceil(seconds / 60);
  if (minutes < 90) return minutes === 1 ? 'about a minute' : `about ${minutes} minutes`;
  return `about ${Math.round(minutes / 60)} hours`;
}

// The number of people ahead that is to be said, when it has fallen from `before` to `now`; null: nothing new.
export function milestone(before, now) {
  return SAY_AT.some((at) => before > at && now <= at) ? now : null;
}
