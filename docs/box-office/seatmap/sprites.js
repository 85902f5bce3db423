// Seats are stamped, not drawn: each look is rendered once at the size in use, and its pixels are copied into the
// picture. Seats hardly overlap, so the whole cost is bounded by the pixels of the map, however many seats there are;
// 20,000 calls of the canvas took fifty times as long. A taken seat is small and hollow and an accessible one has an
// eye, so that nothing is told by colour alone.

import { seatColor } from './theme.js';

const ALIGNED_FROM = 8;         // device pixels of radius from which seats may stand on whole pixels, unseen
const PARTS = 4;                // below, they stand on quarters of one
export const STEP = 1 / 8;      // radii are rounded to this, so that a zoom does not render every size there is

export class Sprites {
  // radius in device pixels
  constructor(plan, theme, radius) {
    this.radius = radius;
    this.theme = theme;
    this.middle = radius + 0.5;
    this.parts = radius < ALIGNED_FROM ? PARTS : 1;
    this.size = Math.ceil(2 * this.middle + (this.parts - 1) / this.parts);
    const colors = plan.categories.map((c) => seatColor(c.color, theme.dark));
    // Twice the category, and one more for an accessible seat, leads to the look of a free seat.
    this.looks = new Uint16Array(2 * Math.max(...plan.categories.map((c) => c.category), 0) + 2);
    plan.categories.forEach((c, i) => this.looks.set([2 * i, 2 * i + 1], 2 * c.category));
    this.taken = 2 * colors.length;
    this.pixels = this.render([...colors.flatMap((color) => [free(color), accessible(color, theme)]), taken(theme)]);
  }

  // All looks side by side, and under each other at all parts of a pixel.
  render(looks) {
    const sheet = document.createElement('canvas');
    sheet.width = this.size * looks.length;
    sheet.height = this.size * this.parts ** 2;
    const brush = sheet.getContext('2d', { willReadFrequently: true });
    for (let part = 0; part < this.parts ** 2; part++) {
      const x = this.middle + (part % this.parts) / this.parts;
      const y = this.middle + Math.floor(part / this.parts) / this.parts + part * this.size;
      looks.forEach((look, i) => look(brush, x + i * this.size, y, this.radius));
    }
    this.stride = sheet.width;
    return new Uint32Array(brush.getImageData(0, 0, sheet.width, sheet.height).data.buffer);
  }

  // Puts a look with its middle at (x, y) into the pixels of a picture. Of two pixels the denser one stays, so
  // stamping a seat again changes nothing.
  stamp(pixels, width, height, look, x, y) {
    const { size, parts, stride } = this;
    const source = this.pixels;
    const left = x - this.middle, top = y - this.middle;
    const fromX = Math.floor(left), fromY = Math.floor(top);
    const part = Math.floor((left - fromX) * parts) + Math.floor((top - fromY) * parts) * parts;
    const first = Math.max(-fromX, 0), last = Math.min(size, width - fromX);
    const lowest = Math.min(size, height - fromY);
    for (let line = Math.max(-fromY, 0); line < lowest; line++) {
      const from = (part * size + line) * stride + look * size;
      const to = (fromY + line) * width + fromX;
      for (let i = first; i < last; i++) {
        const pixel = source[from + i];
        if (pixel >>> 24 > pixels[to + i] >>> 24) pixels[to + i] = pixel;
      }
    }
  }
}

const free = (color) => (brush, x, y, radius) => disc(brush, x, y, radius, color);

const accessible = (color, theme) => (brush, x, y, radius) => {
  disc(brush, x, y, radius, color);
  disc(brush, x, y, radius * 0.66, theme.paper);
  disc(brush, x, y, radius * 0.38, color);
};

const taken = (theme) => (brush, x, y, radius) => {
  disc(brush, x, y, Math.max(radius * 0.55, 0.75), theme.taken);
  if (radius > 3) disc(brush, x, y, radius * 0.55 - Math.max(radius * 0.16, 1), theme.paper);
};

function disc(brush, x, y, radius, color) {
  brush.fillStyle = color;
  brush.beginPath();
  brush.arc(x, y, Math.max(radius, 0), 0, 2 * Math.PI);
  brush.fill();
}
