// The seat map: one picture of the house that is panned, zoomed, tapped, and walked over with the keyboard.
// It shows what it is told (what is taken, chosen, offered) and calls back with what was picked; it decides nothing.

import { h, icon } from '../dom.js';
import { changedSeats, emptyMap, isTaken } from './bitfield.js';
import { listen } from './gestures.js';
import { SeatGrid } from './grid.js';
import { sectionMarks } from './labels.js';
import { Painter } from './painter.js';
import { readTheme } from './theme.js';
import { Viewport } from './viewport.js';

const TAPPABLE = 7;             // CSS pixels of radius from which a tap means a seat; below, it means "closer"
const CLOSE = 13;               // the radius that a tap from afar zooms to
const FINGER = 22;              // how far from a seat's middle a finger may land, in pixels
const REST_AFTER = 120;         // milliseconds after the last wheel turn

export class SeatMap {
  // describe(seat) → what is said of it; onPick(seat), onStanding(place) → what was chosen; announce(text)
  constructor(plan, { describe, onPick, onStanding, announce }) {
    Object.assign(this, { plan, describe, onPick, onStanding, announce });
    this.grid = new SeatGrid(plan);
    this.view = new Viewport(plan);
    this.marks = sectionMarks(plan);
    this.taken = emptyMap(plan.capacity);
    this.chosen = new Set();
    this.offered = new Set();
    this.cursor = -1;
    this.painter = new Painter(this);
    this.build();
  }

  build() {
    this.bubble = h('div', { class: 'seat-bubble', hidden: true, 'aria-hidden': 'true' });
    this.pointer = h('button', {
      class: 'seat-cursor', type: 'button', onclick: () => this.pickCursor(), onkeydown: (e) => this.key(e),
      onfocus: () => this.enter(), onblur: () => this.leave(),
    });
    this.surface = h('div', { class: 'seatmap-surface' }, ...this.painter.layers, this.pointer, this.bubble);
    const tool = (label, name, act) => h('button', { type: 'button', class: 'tool', 'aria-label': label, title: label, onclick: act }, icon(name));
    this.element = h('div', { class: 'seatmap', role: 'group', 'aria-label': `Seat map of ${this.plan.venue}` },
      h('p', { class: 'unseen', id: 'seatmap-help' },
        'Move from seat to seat with the arrow keys, choose with Enter. Plus and minus zoom, zero shows the whole house.'),
      this.surface,
      h('div', { class: 'seatmap-tools' },
        tool('Zoom in', 'plus', () => this.zoomBy(1.7)), tool('Zoom out', 'minus', () => this.zoomBy(1 / 1.7)),
        tool('Show the whole house', 'whole', () => this.moveTo(() => this.view.fit()))));
    this.pointer.setAttribute('aria-describedby', 'seatmap-help');
    this.labelCursor();
    this.watch();
  }

  watch() {
    this.stopGestures = listen(this.surface, {
      pan: (dx, dy) => { this.view.pan(dx, dy); this.moving(); },
      zoom: (factor, x, y) => { this.view.zoom(factor, x, y); this.moving(); },
      tap: (x, y, kind) => this.tap(x, y, kind),
      hover: (x, y) => this.hover(x, y),
      done: () => this.settleSoon(),
    });
    this.sizes = new ResizeObserver(() => this.resize());
    this.sizes.observe(this.surface);
    this.scheme = matchMedia('(prefers-color-scheme: dark)');
    this.onScheme = () => { this.theme = readTheme(this.element); this.draw(); };
    this.scheme.addEventListener('change', this.onScheme);
  }

  destroy() {
    this.stopGestures();
    this.sizes.disconnect();
    this.scheme.removeEventListener('change', this.onScheme);
    cancelAnimationFrame(this.frame);
    clearTimeout(this.restTimer);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.surface;
    if (width === 0 || height === 0) return;
    this.theme ??= readTheme(this.element);
    this.painter.resize(width, height, Math.min(devicePixelRatio || 1, 3));
    this.view.resize(width, height);
    this.draw();
  }

  get ready() { return this.view.width > 1; }

  // What is gone now. Returns the seats that changed.
  setTaken(bytes) {
    const changed = changedSeats(this.taken, bytes, this.plan.capacity);
    this.taken = bytes;
    if (!this.ready) return changed;
    if (!this.known) {
      this.known = true;          // the first map is a drawing, not an update
      this.draw();
    } else if (changed.length > 0) {
      this.update(changed);
    }
    this.labelCursor();
    return changed;
  }

  update(changed) {
    measured('seatmap-update', () => {
      if (this.painter.still) this.painter.paint();
      else this.painter.patch(changed);
      if (this.plan.radius * this.view.scale > TAPPABLE) this.painter.paintMarks();
    });
  }

  setMarks({ chosen = this.chosen, offered = this.offered }) {
    this.chosen = chosen;
    this.offered = offered;
    if (this.ready) this.painter.paintMarks();
    this.labelCursor();
  }

  draw() {
    if (!this.ready) return;
    measured('seatmap-draw', () => this.painter.paint());
    this.painter.rest();
    this.placeCursor();
  }

  // The next frame of a gesture.
  moving() {
    clearTimeout(this.restTimer);
    this.hideBubble();
    this.frame ??= requestAnimationFrame(() => {
      this.frame = null;
      measured('seatmap-frame', () => this.painter.paintMoving());
      this.placeCursor();
    });
  }

  settleSoon() {
    clearTimeout(this.restTimer);
    this.restTimer = setTimeout(() => this.draw(), REST_AFTER);
  }

  zoomBy(factor) { this.moveTo(() => this.view.zoom(factor)); }

  // Glides to where `change` puts the view, at once for those who do not want motion.
  moveTo(change) {
    const from = this.view.state;
    change();
    const to = this.view.state;
    if (matchMedia('(prefers-reduced-motion: reduce)').matches) return this.draw();
    const started = performance.now();
    const step = (now) => {
      const part = Math.min((now - started) / 220, 1);
      const eased = 1 - (1 - Math.max(part, 0)) ** 3;
      const k = from.scale * (to.scale / from.scale) ** eased;
      const along = to.scale === from.scale ? eased : (k - from.scale) / (to.scale - from.scale);
      this.view.state = { scale: k, x: from.x + (to.x - from.x) * along, y: from.y + (to.y - from.y) * along };
      if (part >= 1) return this.draw();
      this.painter.paintMoving();
      this.placeCursor();
      this.glide = requestAnimationFrame(step);
      return undefined;
    };
    cancelAnimationFrame(this.glide);
    this.glide = requestAnimationFrame(step);
    return undefined;
  }

  // Brings seats into view, close enough to tap.
  show(seats) {
    const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
    for (const seat of seats) {
      if (Number.isNaN(this.plan.x[seat])) continue;
      box.left = Math.min(box.left, this.plan.x[seat]);
      box.right = Math.max(box.right, this.plan.x[seat]);
      box.top = Math.min(box.top, this.plan.y[seat]);
      box.bottom = Math.max(box.bottom, this.plan.y[seat]);
    }
    if (box.left <= box.right) this.moveTo(() => this.view.show(box, 48, CLOSE / this.plan.radius));
  }

  seatAt(x, y, reach) {
    const at = this.view.toPlan(x, y);
    return this.grid.nearest(at.x, at.y, reach / this.view.scale);
  }

  tap(x, y, kind) {
    const place = this.standingAt(x, y);
    if (place) return this.onStanding(place);
    const seen = this.plan.radius * this.view.scale;
    if (seen < TAPPABLE && this.view.largest * this.plan.radius > TAPPABLE && kind !== 'mouse') return this.approach(x, y);
    const seat = this.seatAt(x, y, kind === 'mouse' ? Math.max(seen * 1.4, 5) : Math.max(seen * 1.4, FINGER / 2));
    if (seat < 0) return this.hideBubble();
    this.cursor = seat;
    this.onPick(seat);
    this.labelCursor();
    return this.showBubble(seat);
  }

  approach(x, y) {
    const at = this.view.toPlan(x, y);
    this.moveTo(() => { this.view.zoom(CLOSE / (this.plan.radius * this.view.scale)); this.view.centre(at.x, at.y); });
  }

  standingAt(x, y) {
    const at = this.view.toPlan(x, y);
    return this.plan.standing.find((s) => at.x >= s.x && at.x <= s.x + s.width && at.y >= s.y && at.y <= s.y + s.height);
  }

  hover(x, y) {
    const seat = Number.isNaN(x) ? -1 : this.seatAt(x, y, Math.max(this.plan.radius * this.view.scale * 1.3, 4));
    this.surface.classList.toggle('over', seat >= 0 || (!Number.isNaN(x) && Boolean(this.standingAt(x, y))));
    if (seat < 0) this.hideBubble();
    else this.showBubble(seat);
  }

  showBubble(seat) {
    const at = this.view.toScreen(this.plan.x[seat], this.plan.y[seat]);
    const { title, note } = this.describe(seat);
    this.bubble.replaceChildren(h('strong', {}, title), h('span', {}, note));
    this.bubble.hidden = false;
    const half = this.bubble.offsetWidth / 2 + 6;
    const x = Math.min(Math.max(at.x, half), this.view.width - half);
    const above = at.y > this.bubble.offsetHeight + 24;
    const gap = Math.max(this.plan.radius * this.view.scale, 5) + 8;
    this.bubble.style.transform = `translate(${x}px, ${above ? at.y - gap : at.y + gap}px) translate(-50%, ${above ? '-100%' : '0'})`;
  }

  hideBubble() { this.bubble.hidden = true; }

  // --- the keyboard: one real button stands on the seat that has the focus ---

  enter() {
    if (this.cursor < 0) this.cursor = this.firstSeat();
    this.labelCursor();
    this.reveal();
  }

  leave() { this.hideBubble(); }

  firstSeat() {
    for (const seat of this.chosen) return seat;
    const { left, right, top, bottom } = this.view.visible();
    const reach = Math.max(right - left, bottom - top);
    const free = (seat) => !isTaken(this.taken, seat);
    return this.grid.nearest((left + right) / 2, (top + bottom) / 2, reach, free);
  }

  key(event) {
    const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const row = this.plan.rows[this.plan.rowOf[this.cursor]];
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    if (event.key in steps) this.step(this.grid.towards(this.cursor, ...steps[event.key]));
    else if (event.key === 'Home' && row) this.step(row.first);
    else if (event.key === 'End' && row) this.step(row.first + row.count - 1);
    else if (event.key === '+' || event.key === '=') this.zoomBy(1.7);
    else if (event.key === '-') this.zoomBy(1 / 1.7);
    else if (event.key === '0') this.moveTo(() => this.view.fit());
    else return;
    event.preventDefault();
  }

  step(seat) {
    if (seat < 0) return;
    this.cursor = seat;
    this.labelCursor();
    this.reveal();
    this.announce(this.pointer.getAttribute('aria-label'));
  }

  pickCursor() {
    if (this.cursor < 0) return;
    this.onPick(this.cursor);
    this.labelCursor();
    this.showBubble(this.cursor);
  }

  labelCursor() {
    const known = this.cursor >= 0 ? this.describe(this.cursor) : null;
    this.pointer.setAttribute('aria-label', known ? `${known.title}, ${known.note}` : 'Seats');
    this.pointer.setAttribute('aria-pressed', String(this.chosen.has(this.cursor)));
  }

  // Close enough to see, and not at the edge.
  reveal() {
    if (this.cursor < 0 || !this.ready) return;
    const seen = this.plan.radius * this.view.scale;
    const at = this.view.toScreen(this.plan.x[this.cursor], this.plan.y[this.cursor]);
    const edge = 40;
    const inside = at.x > edge && at.y > edge && at.x < this.view.width - edge && at.y < this.view.height - edge;
    if (seen < TAPPABLE) this.view.zoom(CLOSE / seen);
    if (seen < TAPPABLE || !inside) {
      this.view.centre(this.plan.x[this.cursor], this.plan.y[this.cursor]);
      this.draw();
    }
    this.placeCursor();
    this.showBubble(this.cursor);
  }

  placeCursor() {
    if (this.cursor < 0) return;
    const at = this.view.toScreen(this.plan.x[this.cursor], this.plan.y[this.cursor]);
    const size = Math.max(this.plan.radius * this.view.scale * 2 + 4, 16);
    Object.assign(this.pointer.style, { width: `${size}px`, height: `${size}px`, transform: `translate(${at.x - size / 2}px, ${at.y - size / 2}px)` });
  }
}

// The page measures itself, where anyone can look: performance.getEntriesByName('seatmap-draw').
function measured(name, work) {
  const started = performance.now();
  work();
  performance.clearMeasures(name);
  performance.measure(name, { start: started, end: performance.now() });
}
