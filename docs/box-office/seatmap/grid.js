// A spatial index over the seats: a grid of square cells, each with the seats in it, as two flat arrays.
// A tap looks at nine cells instead of at 20,000 seats; a zoomed drawing looks only at the cells in view.

export class SeatGrid {
  constructor(plan) {
    this.plan = plan;
    this.cell = Math.max(plan.radius * 10, 1);
    this.left = plan.bounds.left;
    this.top = plan.bounds.top;
    this.columns = Math.floor((plan.bounds.right - plan.bounds.left) / this.cell) + 1;
    this.lines = Math.floor((plan.bounds.bottom - plan.bounds.top) / this.cell) + 1;
    this.fill();
  }

  // A counting sort by cell: starts[c] to starts[c + 1] are the seats of cell c.
  fill() {
    const { x, y, capacity } = this.plan;
    const starts = new Int32Array(this.columns * this.lines + 1);
    const cells = new Int32Array(capacity).fill(-1);
    for (let seat = 0; seat < capacity; seat++) {
      if (Number.isNaN(x[seat])) continue;
      cells[seat] = this.column(x[seat]) + this.line(y[seat]) * this.columns;
      starts[cells[seat] + 1]++;
    }
    for (let c = 1; c < starts.length; c++) starts[c] += starts[c - 1];
    const next = starts.slice();
    this.seats = new Int32Array(starts[starts.length - 1]);
    for (let seat = 0; seat < capacity; seat++) {
      if (cells[seat] >= 0) this.seats[next[cells[seat]]++] = seat;
    }
    this.starts = starts;
  }

  column(x) { return Math.min(Math.max(Math.floor((x - this.left) / this.cell), 0), this.columns - 1); }

  line(y) { return Math.min(Math.max(Math.floor((y - this.top) / this.cell), 0), this.lines - 1); }

  // Calls visit(from, to) for stretches of this.seats that cover the rectangle; some seats may lie a cell outside.
  visitCells(left, top, right, bottom, visit) {
    const first = this.column(left);
    const last = this.column(right);
    for (let line = this.line(top); line <= this.line(bottom); line++) {
      visit(this.starts[line * this.columns + first], this.starts[line * this.columns + last + 1]);
    }
  }

  // The seat nearest to a point, within reach, that `wanted` accepts; -1 when there is none.
  nearest(x, y, reach, wanted = () => true) {
    let best = -1;
    let bestDistance = reach * reach;
    this.visitCells(x - reach, y - reach, x + reach, y + reach, (from, to) => {
      for (let i = from; i < to; i++) {
        const seat = this.seats[i];
        const distance = (this.plan.x[seat] - x) ** 2 + (this.plan.y[seat] - y) ** 2;
        if (distance <= bestDistance && wanted(seat)) {
          best = seat;
          bestDistance = distance;
        }
      }
    });
    return best;
  }

  // The nearest seat in a direction (a unit vector): what an arrow key moves to. Sideways counts double,
  // so that a step goes along the row or to the row behind rather than diagonally.
  towards(seat, dx, dy) {
    const { x, y, radius } = this.plan;
    for (let reach = radius * 8; reach < this.cell * (this.columns + this.lines); reach *= 3) {
      const found = this.cheapest(seat, reach, (sx, sy) => {
        const along = (sx - x[seat]) * dx + (sy - y[seat]) * dy;
        const aside = Math.abs((sx - x[seat]) * dy - (sy - y[seat]) * dx);
        return along > radius * 0.5 && aside <= along * 2 ? along + 2 * aside : Infinity;
      });
      if (found >= 0) return found;
    }
    return -1;
  }

  cheapest(from, reach, costOf) {
    const { x, y } = this.plan;
    let best = -1;
    let bestCost = reach;
    this.visitCells(x[from] - reach, y[from] - reach, x[from] + reach, y[from] + reach, (start, end) => {
      for (let i = start; i < end; i++) {
        const cost = costOf(x[this.seats[i]], y[this.seats[i]]);
        if (cost < bestCost) {
          best = this.seats[i];
          bestCost = cost;
        }
      }
    });
    return best;
  }
}
