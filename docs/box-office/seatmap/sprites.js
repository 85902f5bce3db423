// Seats are stamped, not drawn: each look is rendered once at the size in use and then copied, which is several
// times faster than as many circles. A taken seat is small and hollow and an accessible one has a rim, so that
// nothing is told by colour alone.

import { seatColor } from './theme.js';

export const FREE = 0, ACCESSIBLE = 1, TAKEN = 2;
const LOOKS = 3;

export class Sprites {
  // radius in device pixels
  constructor(plan, theme, radius) {
    this.radius = radius;
    this.size = Math.ceil(radius * 2) + 2;
    this.order = new Map(plan.categories.map((c, i) => [c.category, i]));
    this.colors = plan.categories.map((c) => seatColor(c.color, theme.dark));
    this.theme = theme;
    this.sheet = document.createElement('canvas');
    this.sheet.width = this.size * LOOKS * Math.max(this.colors.length, 1);
    this.sheet.height = this.size;
    this.colors.forEach((color, i) => this.render(color, i));
  }

  render(color, index) {
    const brush = this.sheet.getContext('2d');
    const at = (look) => (index * LOOKS + look) * this.size + this.size / 2;
    const middle = this.size / 2;
    disc(brush, at(FREE), middle, this.radius, color);
    disc(brush, at(ACCESSIBLE), middle, this.radius, color);
    disc(brush, at(ACCESSIBLE), middle, this.radius * 0.62, this.theme.paper);
    disc(brush, at(ACCESSIBLE), middle, this.radius * 0.36, color);
    disc(brush, at(TAKEN), middle, Math.max(this.radius * 0.55, 0.7), this.theme.taken);
    if (this.radius > 3) disc(brush, at(TAKEN), middle, this.radius * 0.55 - Math.max(this.radius * 0.16, 1), this.theme.paper);
  }

  index(category) { return this.order.get(category) ?? 0; }

  stamp(brush, category, look, x, y) {
    const { size } = this;
    brush.drawImage(this.sheet, (this.index(category) * LOOKS + look) * size, 0, size, size, x - size / 2, y - size / 2, size, size);
  }
}

function disc(brush, x, y, radius, color) {
  brush.fillStyle = color;
  brush.beginPath();
  brush.arc(x, y, Math.max(radius, 0), 0, 2 * Math.PI);
  brush.fill();
}
