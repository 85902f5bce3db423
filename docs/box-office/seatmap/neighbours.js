// Seats to offer to someone whose seats just went: as many, side by side, as near as may be.

import { isTaken } from './bitfield.js';

const OTHER_ROW = 3;            // a seat in another row counts as so many seats further away
const OTHER_CATEGORY = 12;      // and one in another price category as so many

// Runs of wanted.length free seats near the wanted ones, the nearest first, none overlapping another; each a
// sorted array. Accessible seats are offered only to who had chosen one.
export function offerNear(plan, taken, wanted, most = 3) {
  if (wanted.length === 0) return [];
  const home = homeOf(plan, wanted);
  const runs = [];
  for (const row of plan.rows) collectRuns(plan, taken, row, wanted.length, home, runs);
  runs.sort((a, b) => a.cost - b.cost);
  return withoutOverlap(runs, most);
}

function homeOf(plan, wanted) {
  const first = wanted[0];
  return {
    x: wanted.reduce((sum, seat) => sum + plan.x[seat], 0) / wanted.length,
    y: wanted.reduce((sum, seat) => sum + plan.y[seat], 0) / wanted.length,
    row: plan.rowOf[first],
    category: plan.category[first],
    accessible: wanted.some((seat) => plan.accessible[seat]),
  };
}

// Slides a window of n seats along the row, through seats that are free and without an aisle between.
function collectRuns(plan, taken, row, n, home, runs) {
  let free = 0;
  for (let seat = row.first; seat < row.first + row.count; seat++) {
    if (seat > row.first && plan.run[seat] !== plan.run[seat - 1]) free = 0;
    const usable = !isTaken(taken, seat) && (home.accessible || !plan.accessible[seat]);
    free = usable ? free + 1 : 0;
    if (free >= n) runs.push({ first: seat - n + 1, n, cost: costOf(plan, row, seat - n + 1, n, home) });
  }
}

function costOf(plan, row, first, n, home) {
  const last = first + n - 1;
  const distance = Math.hypot((plan.x[first] + plan.x[last]) / 2 - home.x, (plan.y[first] + plan.y[last]) / 2 - home.y);
  const seat = plan.radius * 2;
  return distance / seat + (row.index === home.row ? 0 : OTHER_ROW)
    + (plan.category[first] === home.category && plan.category[last] === home.category ? 0 : OTHER_CATEGORY);
}

function withoutOverlap(runs, most) {
  const used = new Set();
  const offers = [];
  for (const { first, n } of runs) {
    const seats = Array.from({ length: n }, (_, i) => first + i);
    if (seats.some((seat) => used.has(seat))) continue;
    seats.forEach((seat) => used.add(seat));
    offers.push(seats);
    if (offers.length === most) break;
  }
  return offers;
}
