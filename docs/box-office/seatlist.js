// The house as a list: sections, their rows, their seats. It is a grid in the sense of assistive technology: one stop
// for Tab, arrow keys from seat to seat. A section's seats are made when it is opened.

import { h } from './dom.js';
import { money } from './format.js';
import { countTaken, emptyMap, isTaken } from './seatmap/bitfield.js';
import { categoryOf } from './seatmap/plan.js';

export class SeatList {
  constructor(plan, { describe, onPick }) {
    Object.assign(this, { plan, describe, onPick, cells: new Map(), chosen: new Set(), taken: emptyMap(plan.capacity) });
    this.sections = plan.sections.filter((s) => plan.sectionRows.has(s.section)).map((s) => this.section(s));
    this.element = h('div', { class: 'seatlist' }, this.sections.map((s) => s.element),
      plan.standing.length > 0 && h('p', { class: 'seatlist-note' }, 'Standing places have no numbers: ask for them under “Best available”.'));
  }

  section({ section, name }) {
    const rows = this.plan.sectionRows.get(section);
    const free = h('span', { class: 'seatlist-free' });
    const body = h('div', { class: 'seatlist-rows' });
    const element = h('details', { ontoggle: () => element.open && body.childElementCount === 0 && this.fill(body, name, rows) },
      h('summary', {}, h('strong', {}, name), h('span', {}, prices(this.plan, rows)), free), body);
    return { element, rows, free };
  }

  fill(body, name, rows) {
    const grid = h('div', { role: 'grid', 'aria-label': `Seats of ${name}`, 'aria-multiselectable': 'true', onkeydown: (e) => this.key(e, rows), onclick: (e) => this.click(e) },
      rows.map((row) => h('div', { role: 'row' }, h('span', { role: 'rowheader' }, row.label || '–'),
        row.seats.map((_, i) => this.cell(row.first + i)))));
    body.append(grid);
    const first = rows.flatMap((row) => row.seats.map((_, i) => row.first + i));
    this.cells.get(first.find((seat) => !isTaken(this.taken, seat)) ?? first[0]).tabIndex = 0;
  }

  cell(seat) {
    const row = this.plan.rows[this.plan.rowOf[seat]];
    const number = row.seats[seat - row.first];
    const aisle = seat > row.first && this.plan.run[seat] !== this.plan.run[seat - 1];
    const cell = h('span', { role: 'gridcell', tabindex: -1, class: `seat${aisle ? ' after-aisle' : ''}${this.plan.accessible[seat] ? ' accessible' : ''}`, 'data-seat': seat }, number);
    this.cells.set(seat, cell);
    this.look(seat);
    return cell;
  }

  look(seat) {
    const cell = this.cells.get(seat);
    if (!cell) return;
    const { title, note, state } = this.describe(seat);
    cell.setAttribute('aria-label', `${title}, ${note}`);
    cell.setAttribute('aria-selected', String(state === 'chosen'));
    cell.setAttribute('aria-disabled', String(state === 'taken'));
  }

  setTaken(taken, changed) {
    this.taken = taken;
    for (const seat of changed) this.look(seat);
    for (const { rows, free } of this.sections) {
      const left = rows.reduce((sum, row) => sum + row.count - countTaken(taken, row.first, row.count), 0);
      const text = left === 0 ? 'sold out' : `${left.toLocaleString()} free`;
      if (free.textContent !== text) free.textContent = text;
    }
  }

  setChosen(chosen) {
    const before = this.chosen;
    this.chosen = new Set(chosen);
    for (const seat of new Set([...before, ...chosen])) this.look(seat);
  }

  click(event) {
    const cell = event.target.closest('[data-seat]');
    if (!cell) return;
    this.focus(cell);
    this.onPick(Number(cell.dataset.seat));
  }

  key(event, rows) {
    const cell = event.target.closest('[data-seat]');
    if (!cell) return;
    const seat = Number(cell.dataset.seat);
    if (event.key === 'Enter' || event.key === ' ') this.onPick(seat);
    else if (!this.focus(this.cells.get(target(this.plan, rows, seat, event.key)))) return;
    event.preventDefault();
  }

  // Roving: the seat that has the focus is the only one that Tab stops at.
  focus(cell) {
    if (!cell) return false;
    for (const other of cell.closest('[role=grid]').querySelectorAll('[tabindex="0"]')) other.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus();
    return true;
  }
}

// The seat that a key leads to from `seat`; up and down keep to what lies nearest.
function target(plan, rows, seat, key) {
  const row = plan.rows[plan.rowOf[seat]];
  const last = row.first + row.count - 1;
  if (key === 'ArrowRight') return seat < last ? seat + 1 : undefined;
  if (key === 'ArrowLeft') return seat > row.first ? seat - 1 : undefined;
  if (key === 'Home') return row.first;
  if (key === 'End') return last;
  const next = rows[rows.indexOf(row) + ({ ArrowUp: -1, ArrowDown: 1 }[key] ?? NaN)];
  return next && nearestIn(plan, next, seat);
}

function nearestIn(plan, row, seat) {
  let best = row.first;
  for (let other = row.first; other < row.first + row.count; other++) {
    if (distance(plan, other, seat) < distance(plan, best, seat)) best = other;
  }
  return best;
}

function distance(plan, a, b) { return Math.hypot(plan.x[a] - plan.x[b], plan.y[a] - plan.y[b]); }

function prices(plan, rows) {
  const categories = new Set();
  for (const row of rows) for (let i = 0; i < row.count; i++) categories.add(plan.category[row.first + i]);
  const known = [...categories].map((c) => categoryOf(plan, c).price).filter((p) => p !== null).sort((a, b) => a - b);
  if (known.length === 0) return '';
  const [least, most] = [known[0], known.at(-1)].map((p) => money(p, plan.currency));
  return least === most ? least : `${least} – ${most}`;
}
