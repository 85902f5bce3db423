// QR codes for tickets. Drawing them is not what a ticket office is about: the encoder is the npm package uqr, one
// module without dependencies, which whoever serves the page lays beside it as vendor/uqr.js (docs/box-office.md).
// Without it a ticket still shows its code as text, and the door can type it.

import { svg } from './dom.js';

let encoder;

export async function qrCode(text) {
  encoder ??= import('./vendor/uqr.js').catch(() => null);
  const library = await encoder;
  if (!library) return null;
  // M: readable with a seventh of it scratched. Four modules of white around, as readers expect.
  const { size, data } = library.encode(text, { ecc: 'M', border: 4 });
  return svg('svg', { viewBox: `0 0 ${size} ${size}`, class: 'qr', role: 'img', 'aria-label': 'QR code of the ticket', 'shape-rendering': 'crispEdges' },
    svg('path', { fill: '#fff', d: `M0 0h${size}v${size}h-${size}z` }), svg('path', { fill: '#000', d: outline(data) }));
}

// Dark modules, runs of a row as one stroke.
function outline(rows) {
  let path = '';
  rows.forEach((row, y) => {
    for (let x = 0; x < row.length; x++) {
      const from = x;
      while (x < row.length && row[x]) x++;
      if (x > from) path += `M${from} ${y}h${x - from}v1h-${x - from}z`;
    }
  });
  return path;
}
