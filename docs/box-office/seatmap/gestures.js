// Fingers, mouse, wheel: what they mean for the view. Calls back with pan(dx, dy), zoom(factor, x, y), tap(x, y),
// hover(x, y) and done(); knows nothing of seats.

const TAP_SLOP = 8;             // pixels a finger may slip and still tap
const GLIDE_FROM = 0.15;        // pixels a millisecond above which a pan glides on
const GLIDE_DECAY = 0.995;      // of its speed a millisecond

export function listen(element, call) {
  const fingers = new Map();
  let moved = 0;
  let speed = { x: 0, y: 0 };
  let last = 0;
  let glide = 0;

  const place = (event) => {
    const box = element.getBoundingClientRect();
    return { x: event.clientX - box.left, y: event.clientY - box.top };
  };

  function down(event) {
    if (event.button > 0) return;
    cancelAnimationFrame(glide);
    element.setPointerCapture(event.pointerId);
    if (fingers.size === 0) moved = 0;
    fingers.set(event.pointerId, place(event));
    speed = { x: 0, y: 0 };
    last = event.timeStamp;
  }

  function move(event) {
    const to = place(event);
    const from = fingers.get(event.pointerId);
    if (!from) return call.hover(to.x, to.y);
    const before = spanOf(fingers);
    fingers.set(event.pointerId, to);
    const after = spanOf(fingers);
    moved += Math.hypot(to.x - from.x, to.y - from.y);
    if (moved < TAP_SLOP) return undefined;
    call.pan(after.x - before.x, after.y - before.y);
    if (before.wide > 0) return call.zoom(after.wide / before.wide, after.x, after.y);
    return measure(to, from, event.timeStamp);
  }

  function measure(to, from, now) {
    const time = Math.max(now - last, 1);
    speed = { x: (to.x - from.x) / time, y: (to.y - from.y) / time };
    last = now;
  }

  function up(event) {
    if (!fingers.delete(event.pointerId)) return;
    if (fingers.size > 0) return;
    const at = place(event);
    if (event.type === 'pointerup' && moved < TAP_SLOP) return call.tap(at.x, at.y, event.pointerType);
    const resting = event.timeStamp - last > 60 || Math.hypot(speed.x, speed.y) < GLIDE_FROM;
    if (resting || matchMedia('(prefers-reduced-motion: reduce)').matches) return call.done();
    last = performance.now();
    glide = requestAnimationFrame(glideOn);
  }

  function glideOn(now) {
    const time = Math.max(now - last, 1);
    last = now;
    call.pan(speed.x * time, speed.y * time);
    const decay = GLIDE_DECAY ** time;
    speed = { x: speed.x * decay, y: speed.y * decay };
    if (Math.hypot(speed.x, speed.y) > 0.02) glide = requestAnimationFrame(glideOn);
    else call.done();
  }

  function wheel(event) {
    event.preventDefault();
    cancelAnimationFrame(glide);
    const at = place(event);
    const lines = event.deltaMode === 1 ? 16 : 1;
    call.zoom(Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.002)), at.x, at.y);
    call.done();
  }

  element.addEventListener('pointerdown', down);
  element.addEventListener('pointermove', move);
  element.addEventListener('pointerup', up);
  element.addEventListener('pointercancel', up);
  element.addEventListener('pointerleave', () => call.hover(NaN, NaN));
  element.addEventListener('wheel', wheel, { passive: false });
  return () => cancelAnimationFrame(glide);
}

// The middle of all fingers, and how far two of them are apart.
function spanOf(fingers) {
  const [a, b = a] = fingers.values();
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, wide: Math.hypot(a.x - b.x, a.y - b.y) };
}
