// Three canvases, one upon the other: the ground (stage, standing sections), the seats, and the marks (names,
// chosen seats, what has the focus). Each is drawn only when its own content changes.

import { isTaken } from './bitfield.js';
import { paintGround } from './ground.js';
import { paintLabels } from './labels.js';
import { Sprites, STEP } from './sprites.js';

const MOST_PIXELS = 6e6;        // of a canvas; a larger one is drawn less densely
const SEATS_DENSITY = 2;        // device pixels a CSS pixel that dots still gain by; letters gain by more
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
    this.fineDensity = Math.min(density, Math.sqrt(MOST_PIXELS / (width * height)));
    this.density = Math.min(this.fineDensity, SEATS_DENSITY);
    for (const layer of this.layers) {
      const dots = layer === this.marks ? this.fineDensity : this.density;
      layer.width = Math.round(width * dots);
      layer.height = Math.round(height * dots);
    }
    const image = new ImageData(this.seats.width, this.seats.height);
    this.picture = { image, pixels: new Uint32Array(image.data.buffer), width: image.width, height: image.height };
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
    this.sprites = this.spritesNow();
    this.picture.pixels.fill(0);
    const box = this.map.view.visible();
    this.map.grid.visitCells(box.left, box.top, box.right, box.bottom, (from, to) => this.stamp(this.map.grid.seats, from, to));
    plain(this.seats).putImageData(this.picture.image, 0, 0);
  }

  spritesNow() {
    const { plan, view, theme } = this.map;
    const radius = Math.max(Math.round(plan.radius * view.scale * this.density / STEP) * STEP, 0.6);
    if (this.sprites?.radius === radius && this.sprites.theme === theme) return this.sprites;
    return new Sprites(plan, theme, radius);
  }

  // The seats list[from] to list[to - 1]: one flat loop, which is what runs fast also the first time.
  stamp(list, from, to) {
    const { plan: { x, y, category, accessible }, view, taken } = this.map;
    const { sprites, density, picture: { pixels, width, height } } = this;
    const scale = view.scale * density, left = view.x * density, top = view.y * density;
    for (let i = from; i < to; i++) {
      const seat = list[i];
      const look = isTaken(taken, seat) ? sprites.taken : sprites.looks[2 * category[seat] + accessible[seat]];
      sprites.stamp(pixels, width, height, look, x[seat] * scale + left, y[seat] * scale + top);
    }
  }

  // Only the seats that changed: their squares are wiped, and they and whoever reaches into them stamped again.
  patch(changed) {
    if (this.map.plan.standing.length > 0) this.paintGround();
    const squares = this.squaresOf(changed);
    if (squares.length > PATCH_MOST) return this.paintSeats();
    for (const square of squares) wipe(this.picture, square);
    for (const { seat } of squares) this.stampAround(seat);
    const brush = plain(this.seats);
    for (const { x, y, size } of squares) brush.putImageData(this.picture.image, 0, 0, x, y, size, size);
    return undefined;
  }

  // The squares, in device pixels, that the changed seats fill, as far as they are in view.
  squaresOf(changed) {
    const { plan, view } = this.map;
    const { size, middle } = this.sprites;
    const squares = [];
    for (const seat of changed) {
      if (Number.isNaN(plan.x[seat])) continue;
      const x = Math.floor((plan.x[seat] * view.scale + view.x) * this.density - middle);
      const y = Math.floor((plan.y[seat] * view.scale + view.y) * this.density - middle);
      if (x < this.picture.width && y < this.picture.height && x + size > 0 && y + size > 0) squares.push({ seat, x, y, size });
    }
    return squares;
  }

  stampAround(seat) {
    const { plan, grid, view } = this.map;
    const reach = this.sprites.size / (view.scale * this.density);
    const x = plan.x[seat], y = plan.y[seat];
    grid.visitCells(x - reach, y - reach, x + reach, y + reach, (from, to) => {
      for (let i = from; i < to; i++) {
        const other = grid.seats[i];
        if (Math.abs(plan.x[other] - x) <= reach && Math.abs(plan.y[other] - y) <= reach) this.stamp(grid.seats, i, i + 1);
      }
    });
  }

  paintMarks() {
    const brush = wiped(this.marks);
    brush.setTransform(this.fineDensity, 0, 0, this.fineDensity, 0, 0);
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
    this.drawWhole(brush);
    brush.clearRect(x, y, this.still.picture.width * k, this.still.picture.height * k);
    brush.drawImage(this.still.picture, x, y, this.still.picture.width * k, this.still.picture.height * k);
    return this.paintMarks();
  }

  takeStill() {
    const { scale, x, y } = this.restView;
    return { scale, x, y, picture: this.copy() };
  }

  // The whole house as last seen, coarse, under the part that is drawn sharply.
  drawWhole(brush) {
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

function wipe({ pixels, width, height }, { x, y, size }) {
  const left = Math.max(x, 0), right = Math.min(x + size, width);
  for (let line = Math.max(y, 0); line < Math.min(y + size, height); line++) pixels.fill(0, line * width + left, line * width + right);
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
