// A picture for an event that has none: its own house of dots around a stage, always the same for the same event.

import { svg } from './dom.js';

const INKS = [
  ['#8f1d2c', '#f3b562', '#fbe3c0'], ['#12355b', '#e8927c', '#f7dcd0'], ['#1f4d3a', '#e9c46a', '#f4ead0'],
  ['#4a2545', '#f2a65a', '#f7d9c4'], ['#22223b', '#9ad1d4', '#e6f1f2'], ['#7a2e0e', '#f0c987', '#fbeedb'],
];

export function poster(event) {
  const random = numbersFrom(event.event_id * 2654435761);
  const [ground, strong, pale] = INKS[event.event_id % INKS.length];
  const picture = svg('svg', { viewBox: '0 0 320 200', class: 'poster', 'aria-hidden': 'true', focusable: 'false', preserveAspectRatio: 'xMidYMid slice' },
    svg('rect', { width: 320, height: 200, fill: ground }));
  const middle = 90 + random() * 140;
  const spread = 0.9 + random() * 0.5;
  for (let row = 0; row < 11; row++) arc(picture, { middle, radius: 46 + row * 17, spread, random, ink: row % 4 === 3 ? pale : strong });
  picture.append(svg('path', { d: `M${middle - 38} -8h76l-9 30q-29 12 -58 0z`, fill: pale }));
  return picture;
}

function arc(picture, { middle, radius, spread, random, ink }) {
  const seats = Math.round(radius * spread / 6.5);
  const gap = Math.floor(random() * seats);
  let dots = '';
  for (let i = 0; i <= seats; i++) {
    if (Math.abs(i - gap) < 1 || random() < 0.06) continue;
    const angle = Math.PI / 2 + (i / seats - 0.5) * 2 * spread;
    dots += `M${(middle + Math.cos(angle) * radius).toFixed(1)} ${(Math.sin(angle) * radius).toFixed(1)}h0`;
  }
  picture.append(svg('path', { d: dots, stroke: ink, 'stroke-width': 8, 'stroke-linecap': 'round', fill: 'none', opacity: 0.35 + random() * 0.6 }));
}

function numbersFrom(seed) {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}
