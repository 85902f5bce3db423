// The colours of the map: those of the page for what the page owns, those of the plan for its categories.

export function readTheme(element) {
  const style = getComputedStyle(element);
  const token = (name) => style.getPropertyValue(name).trim();
  return {
    dark: token('--is-dark') === '1',
    paper: token('--map-paper'), ink: token('--ink'), soft: token('--ink-soft'), taken: token('--seat-taken'),
    chosen: token('--seat-chosen'), onChosen: token('--seat-on-chosen'), offer: token('--accent'),
    font: style.fontFamily,
  };
}

// A category's colour as the plan has it; on dark ground lightened until it stands out.
export function seatColor(color, dark) {
  const rgb = parseColor(color);
  if (!dark) return hex(rgb);
  let lift = 0;
  while (luminance(mix(rgb, lift)) < 0.28 && lift < 0.8) lift += 0.05;
  return hex(mix(rgb, lift));
}

export function luminance(rgb) {
  const [r, g, b] = rgb.map((v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4));
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

// Text on a colour: whichever of black and white stands out more.
export function textOn(color) {
  return luminance(parseColor(color)) > 0.18 ? '#000000' : '#ffffff';
}

function parseColor(color) {
  const short = /^#([0-9a-f])([0-9a-f])([0-9a-f])$/i.exec(color ?? '');
  if (short) return short.slice(1).map((d) => parseInt(d + d, 16));
  const long = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})/i.exec(color ?? '');
  return long ? long.slice(1).map((d) => parseInt(d, 16)) : [100, 116, 139];
}

function mix(rgb, white) { return rgb.map((v) => v + (255 - v) * white); }

function hex(rgb) { return '#' + rgb.map((v) => Math.round(v).toString(16).padStart(2, '0')).join(''); }
