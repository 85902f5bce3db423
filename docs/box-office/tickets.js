// A ticket as it is shown at the door.

import { h } from './dom.js';
import { day, time } from './format.js';
import { qrCode } from './qr.js';

export async function ticketStub(ticket) {
  const code = await qrCode(ticket.code);
  const [section, ...rest] = ticket.label.split(', ');
  return h('article', { class: 'stub', 'aria-label': `Ticket: ${ticket.label}` },
    h('div', { class: 'stub-main' },
      h('p', { class: 'stub-day' }, day(ticket.starts_at)),
      h('h2', {}, ticket.event),
      h('p', { class: 'stub-where' }, `${ticket.venue} · ${time(ticket.starts_at)}`),
      h('dl', { class: 'stub-place' }, place('Section', section), rest.map(placePart))),
    h('div', { class: 'stub-code' }, code, h('code', { class: code ? 'stub-text' : 'stub-text alone' }, ticket.code)));
}

// "row C" under the heading Row; a place without a number, such as "standing", under Place.
function placePart(text) {
  const [, name, value] = /^(row|seat) (.+)$/.exec(text) ?? [null, 'place', text];
  return place(name[0].toUpperCase() + name.slice(1), value);
}

function place(name, value) { return h('div', {}, h('dt', {}, name), h('dd', {}, value)); }
