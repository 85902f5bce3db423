// Where one looks at the house: screen = plan * scale + offset, in CSS pixels.

const LARGEST_SEAT = 22;        // radius on the screen, zoomed in all the way
const FIT_MARGIN = 12;          // pixels around the whole house

export class Viewport {
  constructor(plan) {
    this.bounds = plan.bounds;
    this.radius = plan.radius;
    Object.assign(this, { width: 1, height: 1, scale: 1, x: 0, y: 0 });
  }

  // Keeps what is in the middle there; the first time, and while the whole house is shown, fits it in.
  resize(width, height) {
    const whole = this.width === 1 || this.isWhole();
    const middle = this.toPlan(this.width / 2, this.height / 2);
    Object.assign(this, { width, height });
    if (whole) return this.fit();
    this.x = width / 2 - middle.x * this.scale;
    this.y = height / 2 - middle.y * this.scale;
    return this.settle();
  }

  get smallest() {
    return Math.min((this.width - 2 * FIT_MARGIN) / (this.bounds.right - this.bounds.left),
                    (this.height - 2 * FIT_MARGIN) / (this.bounds.bottom - this.bounds.top));
  }

  get largest() { return Math.max(LARGEST_SEAT / this.radius, this.smallest); }

  isWhole() { return this.scale <= this.smallest * 1.001; }

  toPlan(x, y) { return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale }; }

  toScreen(x, y) { return { x: x * this.scale + this.x, y: y * this.scale + this.y }; }

  fit() {
    this.scale = this.smallest;
    return this.settle();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    return this.settle();
  }

  // The point of the house under (x, y) stays there.
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    const scale = Math.min(Math.max(this.scale * factor, this.smallest), this.largest);
    const kept = this.toPlan(x, y);
    this.scale = scale;
    this.x = x - kept.x * scale;
    this.y = y - kept.y * scale;
    return this.settle();
  }

  // As large as it fits, with `margin` pixels around, but no larger than scale `most`.
  show(box, margin = 40, most = this.largest) {
    const scale = Math.min((this.width - 2 * margin) / Math.max(box.right - box.left, 1),
                           (this.height - 2 * margin) / Math.max(box.bottom - box.top, 1), most);
    this.scale = Math.min(Math.max(scale, this.smallest), this.largest);
    return this.centre((box.left + box.right) / 2, (box.top + box.bottom) / 2);
  }

  centre(x, y) {
    this.x = this.width / 2 - x * this.scale;
    this.y = this.height / 2 - y * this.scale;
    return this.settle();
  }

  // The house never leaves the window: what is smaller stands in the middle, what is larger covers it.
  settle() {
    const { left, top, right, bottom } = this.bounds;
    this.x = settled(this.x, left * this.scale, right * this.scale, this.width);
    this.y = settled(this.y, top * this.scale, bottom * this.scale, this.height);
    return this;
  }

  get state() { return { scale: this.scale, x: this.x, y: this.y }; }

  set state({ scale, x, y }) { Object.assign(this, { scale, x, y }); }

  // The part of the house in view, in plan units, wider by a seat.
  visible() {
    const from = this.toPlan(0, 0);
    const to = this.toPlan(this.width, this.height);
    return { left: from.x - this.radius, top: from.y - this.radius, right: to.x + this.radius, bottom: to.y + this.radius };
  }
}

function settled(offset, from, to, room) {
  if (to - from <= room) return (room - from - to) / 2;
  const slack = room * 0.35;
  return Math.min(Math.max(offset, room - to - slack), -from + slack);
}
