// The words on the map: section names from afar, row letters and seat numbers from near.

import { textOn, seatColor } from './theme.js';
import { categoryOf } from './plan.js';
import { isTaken } from './bitfield.js';

const ROWS_FROM = 5;            // CSS pixels of a seat's radius from which rows are named at their ends
const NUMBERS_FROM = 9;         // and from which seats show their numbers
const SHORT = 6;                // seats of a row below which it is named once, and only from near
const SMALLEST = 10;            // pixels; smaller letters are left out

// Where each section's name goes: the middle of its seats.
export function sectionMarks(plan) {
  return plan.sections.filter((s) => plan.sectionRows.has(s.section)).map((section) => {
    let x = 0, y = 0, n = 0, left = Infinity, right = -Infinity;
    for (const row of plan.sectionRows.get(section.section)) {
      for (let seat = row.first; seat < row.first + row.count; seat++, n++) {
        x += plan.x[seat];
        y += plan.y[seat];
        left = Math.min(left, plan.x[seat]);
        right = Math.max(right, plan.x[seat]);
      }
    }
    return { name: section.name, short: shortName(section.name), x: x / n, y: y / n, width: right - left };
  });
}

// "Lower 101" is known as 101 to everyone who stands before its door.
function shortName(name) { return /\b(\d+\w?)$/.exec(name)?.[1] ?? name; }

export function paintLabels(brush, map) {
  const seen = map.view.radius * map.view.scale;
  brush.textAlign = 'center';
  brush.textBaseline = 'middle';
  if (seen < ROWS_FROM) paintSections(brush, map);
  else paintRows(brush, map, seen);
  if (seen >= NUMBERS_FROM) paintNumbers(brush, map, seen);
}

function paintSections(brush, { view, theme, marks }) {
  const size = Math.min(Math.max(SMALLEST, 34 * view.scale), 16);
  brush.font = `700 ${size}px ${theme.font}`;
  brush.lineJoin = 'round';
  const fits = (mark, name) => brush.measureText(name).width <= Math.max(mark.width * view.scale, 3 * size);
  const key = ['name', 'short'].find((k) => marks.every((mark) => fits(mark, mark[k]))) ?? 'short';
  for (const mark of marks) {
    const at = view.toScreen(mark.x, mark.y);
    if (at.x < 0 || at.y < 0 || at.x > view.width || at.y > view.height) continue;
    const name = mark[key];
    if (!fits(mark, name)) continue;
    brush.strokeStyle = theme.paper;
    brush.lineWidth = 4;
    brush.strokeText(name, at.x, at.y);
    brush.fillStyle = theme.ink;
    brush.fillText(name, at.x, at.y);
  }
}

function paintRows(brush, { plan, view, theme }, seen) {
  brush.font = `600 ${Math.min(Math.max(seen * 1.3, SMALLEST), 15)}px ${theme.font}`;
  brush.fillStyle = theme.soft;
  const box = view.visible();
  for (const row of plan.rows) {
    if (!row.label || row.count < 2 || (row.count < SHORT && seen < NUMBERS_FROM)) continue;
    rowEnd(brush, plan, view, box, row, row.first, row.first + 1);
    if (row.count < SHORT) continue;
    rowEnd(brush, plan, view, box, row, row.first + row.count - 1, row.first + row.count - 2);
  }
}

// A seat's width and a half beyond the end of the row, in the direction it runs there.
function rowEnd(brush, plan, view, box, row, end, before) {
  if (plan.x[end] < box.left || plan.x[end] > box.right || plan.y[end] < box.top || plan.y[end] > box.bottom) return;
  const dx = plan.x[end] - plan.x[before];
  const dy = plan.y[end] - plan.y[before];
  const far = plan.radius * 2.5 / (Math.hypot(dx, dy) || 1);
  const at = view.toScreen(plan.x[end] + dx * far, plan.y[end] + dy * far);
  brush.fillText(row.label, at.x, at.y);
}

function paintNumbers(brush, { plan, view, grid, theme, taken, chosen }, seen) {
  const box = view.visible();
  const inks = new Map(plan.categories.map((c) => [c.category, textOn(seatColor(c.color, theme.dark))]));
  brush.font = `600 ${seen * 0.85}px ${theme.font}`;
  grid.visitCells(box.left, box.top, box.right, box.bottom, (from, to) => {
    for (let i = from; i < to; i++) {
      const seat = grid.seats[i];
      if (isTaken(taken, seat) || plan.accessible[seat] || chosen.has(seat)) continue;
      const at = view.toScreen(plan.x[seat], plan.y[seat]);
      const row = plan.rows[plan.rowOf[seat]];
      brush.fillStyle = inks.get(categoryOf(plan, plan.category[seat]).category) ?? '#ffffff';
      brush.fillText(row.seats[seat - row.first], at.x, at.y + seen * 0.06);
    }
  });
}
