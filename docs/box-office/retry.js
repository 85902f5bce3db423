// When a request is worth repeating, and how long to wait before. Knows no network: it is told what happened.

const PASSING = new Set(['busy', 'unavailable', 'rate_limited', 'request_in_progress']);
const FIRST = 400;              // milliseconds
const LONGEST = 6000;
const PATIENCE = 15;            // seconds; who is told to wait longer is told so, rather than left waiting
export const ATTEMPTS = 6;

// outcome: { lost: true } when no answer came, else { status, code, retryAfter (seconds or null) }.
// repeatable: reading, or a request that carries its key, or one that changes nothing when it is repeated.
export function isPassing(outcome, repeatable) {
  if (!repeatable) return false;
  if (outcome.lost) return true;
  if (outcome.retryAfter > PATIENCE) return false;
  return PASSING.has(outcome.code) || [502, 503, 504].includes(outcome.status);
}

// Exponential, with full jitter, so that a crowd that failed together does not come back together; never sooner
// than the server asked for.
export function delayBefore(attempt, retryAfter = null, random = Math.random) {
  const backoff = random() * Math.min(FIRST * 2 ** attempt, LONGEST);
  return Math.max(backoff, FIRST / 4) + (retryAfter ?? 0) * 1000;
}

// Calls `ask` until it gives an answer that is not passing. ask() → { answer } or { outcome, error }.
export async function persist(ask, { repeatable, sleep = wait, onWait = () => {}, attempts = ATTEMPTS }) {
  for (let attempt = 0; ; attempt++) {
    const { answer, outcome, error } = await ask();
    if (!error) return answer;
    if (attempt + 1 >= attempts || !isPassing(outcome, repeatable)) throw error;
    onWait(outcome, attempt + 1);
    await sleep(delayBefore(attempt, outcome.retryAfter));
  }
}

function wait(milliseconds) { return new Promise((done) => { setTimeout(done, milliseconds); }); }
