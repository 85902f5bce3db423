// Three canvases, one upon the other: the ground (stage, standing sections), the seats, and the marks (names,
// chosen seats, what has the focus). Each is drawn only when its own content changes.

import { isTaken } from './bitfield.js';
import { paintGround } from './ground.js';
import { paintLabels } from './labels.js';
import { ACCESSIBLE, FREE, Sprites, TAKEN } from './sprites.js';

const DOTS_BELOW = 1.3;         // device pixels of radius below which seats are plain squares
const PATCH_MOST = 400;         // with more changes than these in view, all is drawn anew
const SLOW = 7;                 // milliseconds; a drawing slower than this is not repeated for each frame of a gesture

export class Painter {
  constructor(map) {
    this.map = map;
    for (const layer of ['ground', 'seats', 'marks']) {
      this[layer] = document.createElement('canvas');
      this[layer].setAttribute('aria-hidden', 'true');
    }
    this.cost = 0;
  }

  get layers() { return [this.ground, this.seats, this.marks]; }

  resize(width, height, density) {
    this.density = density;
    for (const layer of this.layers) {
      layer.width = Math.round(width * density);
      layer.height = Math.round(height * density);
    }
  }

  // Everything, at rest.
  paint() {
    const started = performance.now();
    this.still = null;
    this.paintGround();
    this.paintSeats();
    this.paintMarks();
    this.cost = performance.now() - started;
  }

  paintGround() {
    const { view, plan, theme, taken } = this.map;
    const brush = wiped(this.ground);
    const k = view.scale * this.density;
    brush.setTransform(k, 0, 0, k, view.x * this.density, view.y * this.density);
    paintGround(brush, plan, theme, taken);
  }

  paintSeats() {
    const brush = wiped(this.seats);
    const box = this.map.view.visible();
    this.map.grid.visitCells(box.left, box.top, box.right, box.bottom, (from, to) => this.stampCells(brush, from, to));
  }

  stampCells(brush, from, to) {
    const { grid, taken } = this.map;
    const stamp = this.stamper(brush);
    for (let i = from; i < to; i++) stamp(grid.seats[i], isTaken(taken, grid.seats[i]));
  }

  // The way to draw one seat at the present scale.
  stamper(brush) {
    const { plan, view } = this.map;
    const k = view.scale * this.density;
    const ox = view.x * this.density;
    const oy = view.y * this.density;
    const sprites = this.spritesFor(plan.radius * k);
    if (sprites.radius < DOTS_BELOW) return dotter(brush, plan, sprites, k, ox, oy);
    return (seat, gone) => sprites.stamp(brush, plan.category[seat],
      gone ? TAKEN : plan.accessible[seat] ? ACCESSIBLE : FREE, plan.x[seat] * k + ox, plan.y[seat] * k + oy);
  }

  spritesFor(radius) {
    if (!this.sprites || this.sprites.radius !== radius || this.sprites.theme !== this.map.theme) {
      this.sprites = new Sprites(this.map.plan, this.map.theme, radius);
    }
    return this.sprites;
  }

  // Only the seats that changed; returns whether they were few enough for that.
  patch(changed) {
    if (this.map.plan.standing.length > 0) this.paintGround();
    const patches = this.patchesOf(changed);
    if (patches.length > PATCH_MOST) return this.paintSeats();
    if (patches.length === 0) return undefined;
    const brush = plain(this.seats);
    brush.save();
    brush.beginPath();
    for (const { x, y, size } of patches) brush.rect(x, y, size, size);
    brush.clip();
    brush.clearRect(0, 0, this.seats.width, this.seats.height);
    for (const seat of this.seatsIn(patches)) this.stamper(brush)(seat, isTaken(this.map.taken, seat));
    return brush.restore();
  }

  // The squares, in whole device pixels, that the changed seats in view fill.
  patchesOf(changed) {
    const { plan, view } = this.map;
    const k = view.scale * this.density;
    const half = plan.radius * k + 1;
    const patches = [];
    for (const seat of changed) {
      if (Number.isNaN(plan.x[seat])) continue;
      const x = Math.floor(plan.x[seat] * k + view.x * this.density - half);
      const y = Math.floor(plan.y[seat] * k + view.y * this.density - half);
      const size = Math.ceil(half * 2) + 1;
      if (x < this.seats.width && y < this.seats.height && x + size > 0 && y + size > 0) patches.push({ seat, x, y, size });
    }
    return patches;
  }

  // The changed seats, and the neighbours whose edges reach into their squares.
  seatsIn(patches) {
    const { plan, grid } = this.map;
    const reach = plan.radius * 2.6 + 2 / this.map.view.scale;
    const seats = new Set();
    for (const { seat } of patches) {
      const x = plan.x[seat], y = plan.y[seat];
      grid.visitCells(x - reach, y - reach, x + reach, y + reach, (from, to) => {
        for (let i = from; i < to; i++) {
          const other = grid.seats[i];
          if (Math.abs(plan.x[other] - x) < reach && Math.abs(plan.y[other] - y) < reach) seats.add(other);
        }
      });
    }
    return seats;
  }

  paintMarks() {
    const brush = wiped(this.marks);
    brush.setTransform(this.density, 0, 0, this.density, 0, 0);
    paintLabels(brush, this.map);
    for (const seat of this.map.offered) this.ring(brush, seat, this.map.theme.offer, 1.35, [3, 3]);
    for (const seat of this.map.chosen) this.check(brush, seat);
  }

  ring(brush, seat, color, size, dash) {
    const { plan, view, theme } = this.map;
    const at = view.toScreen(plan.x[seat], plan.y[seat]);
    const radius = Math.max(plan.radius * view.scale * size, 5);
    brush.lineWidth = 4;
    brush.strokeStyle = theme.paper;
    circle(brush, at, radius).stroke();
    brush.lineWidth = 2;
    brush.setLineDash(dash);
    brush.strokeStyle = color;
    circle(brush, at, radius).stroke();
    brush.setLineDash([]);
  }

  // A chosen seat is larger, in the page's own colour, with a tick: it shows from afar as well.
  check(brush, seat) {
    const { plan, view, theme } = this.map;
    const at = view.toScreen(plan.x[seat], plan.y[seat]);
    const radius = Math.max(plan.radius * view.scale * 1.15, 6);
    brush.fillStyle = theme.paper;
    circle(brush, at, radius + 2).fill();
    brush.fillStyle = theme.chosen;
    circle(brush, at, radius).fill();
    brush.strokeStyle = theme.onChosen;
    brush.lineWidth = Math.max(radius * 0.2, 1.5);
    brush.lineCap = brush.lineJoin = 'round';
    brush.beginPath();
    brush.moveTo(at.x - radius * 0.42, at.y + radius * 0.04);
    brush.lineTo(at.x - radius * 0.1, at.y + radius * 0.36);
    brush.lineTo(at.x + radius * 0.45, at.y - radius * 0.32);
    brush.stroke();
  }

  // One frame of a gesture. Where drawing is slow, the last drawing at rest is moved and stretched instead.
  paintMoving() {
    if (this.cost < SLOW && !this.still) return this.paint();
    this.still ??= this.takeStill();
    const { view } = this.map;
    const k = view.scale / this.still.scale;
    wiped(this.ground);
    const brush = wiped(this.seats);
    const x = (view.x - this.still.x * k) * this.density;
    const y = (view.y - this.still.y * k) * this.density;
    this.stampWhole(brush, x, y, k);
    brush.clearRect(x, y, this.still.picture.width * k, this.still.picture.height * k);
    brush.drawImage(this.still.picture, x, y, this.still.picture.width * k, this.still.picture.height * k);
    return this.paintMarks();
  }

  takeStill() {
    const { scale, x, y } = this.restView;
    return { scale, x, y, picture: this.copy() };
  }

  // The whole house as last seen, coarse, under the part that is drawn sharply.
  stampWhole(brush) {
    if (!this.whole) return;
    const { view } = this.map;
    const k = view.scale / this.whole.scale;
    brush.drawImage(this.whole.picture, (view.x - this.whole.x * k) * this.density, (view.y - this.whole.y * k) * this.density,
      this.whole.picture.width * k, this.whole.picture.height * k);
  }

  // To be called after drawing at rest: what it was drawn for, and the whole house when it is that.
  rest() {
    this.restView = this.map.view.state;
    if (this.map.view.isWhole() && this.cost >= SLOW) this.whole = { ...this.restView, picture: this.copy() };
  }

  copy() {
    const picture = document.createElement('canvas');
    picture.width = this.seats.width;
    picture.height = this.seats.height;
    const brush = picture.getContext('2d');
    brush.drawImage(this.ground, 0, 0);
    brush.drawImage(this.seats, 0, 0);
    return picture;
  }
}

// At this size a seat is a pixel or two; squares of one colour in a row go fastest.
function dotter(brush, plan, sprites, k, ox, oy) {
  const size = Math.max(sprites.radius * 2, 1);
  let last = null;
  return (seat, gone) => {
    const color = gone ? sprites.theme.taken : sprites.colors[sprites.index(plan.category[seat])];
    if (color !== last) brush.fillStyle = last = color;
    brush.fillRect(plan.x[seat] * k + ox - size / 2, plan.y[seat] * k + oy - size / 2, size, size);
  };
}

function circle(brush, at, radius) {
  brush.beginPath();
  brush.arc(at.x, at.y, radius, 0, 2 * Math.PI);
  return brush;
}

function plain(canvas) {
  const brush = canvas.getContext('2d');
  brush.setTransform(1, 0, 0, 1, 0, 0);
  return brush;
}

function wiped(canvas) {
  const brush = plain(canvas);
  brush.clearRect(0, 0, canvas.width, canvas.height);
  return brush;
}
