// Results as TAP, for the harness to count.
import { isDeepStrictEqual } from 'node:util';

let count = 0;

export function ok(condition, name) {
  count++;
  console.log(`${condition ? 'ok' : 'not ok'} - ${name}`);
  return Boolean(condition);
}

export function is(got, wanted, name) {
  if (!ok(isDeepStrictEqual(got, wanted), name)) console.log(`# got ${JSON.stringify(got)}, wanted ${JSON.stringify(wanted)}`);
}

export function like(got, pattern, name) {
  if (!ok(pattern.test(got), name)) console.log(`# got ${JSON.stringify(got)}, wanted ${pattern}`);
}

export const remark = (text) => console.log(`# ${text}`);

export function done() { console.log(`1..${count}`); }
