// One event: what it is, and the way to its seats. What can be done now depends on where its sale stands; each
// answer to that is one entry of STAGES.

import { findEvent, seatPlan, serverNow } from './api.js';
import { choosing } from './choosing.js';
import { h } from './dom.js';
import { countdown, dayAndTime } from './format.js';
import { loading } from './parts.js';
import { waitingRoom } from './room.js';
import { readPlan } from './seatmap/plan.js';

const STAGES = { before, over, waitingRoom, choosing };

export async function eventPage({ params, signal, show }) {
  show('', loading('Loading the event', 'line', 'map'));
  const [event, plan] = await Promise.all([findEvent(params.event, { signal }), seatPlan(params.event, { signal })]);
  const page = { event, plan: readPlan(plan), signal, show, again: () => eventPage({ params, signal, show }) };
  await STAGES[stageOf(event)](page);
}

function stageOf(event) {
  if (event.status === 'closed' || Date.parse(event.starts_at) < serverNow()) return 'over';
  if (event.sale_ends_at && Date.parse(event.sale_ends_at) < serverNow()) return 'over';
  if (event.waiting_room) return 'waitingRoom';
  if (event.status === 'draft' || (event.sale_starts_at && Date.parse(event.sale_starts_at) > serverNow())) return 'before';
  return 'choosing';
}

export function eventHead(event, ...more) {
  const facts = [event.performer, [event.venue, event.city].filter(Boolean).join(', '), dayAndTime(event.starts_at)].filter(Boolean);
  return h('div', { class: 'event-head' },
    h('a', { class: 'back', href: '#/' }, 'All events'),
    h('h1', {}, event.name),
    h('p', {}, facts.map((fact, i) => [h('span', {}, fact, i < facts.length - 1 && '\u00a0·'), ' '])),
    event.description && h('p', { class: 'event-text' }, event.description), more);
}

async function before({ event, signal, show, again }) {
  if (!event.sale_starts_at) return show(event.name, eventHead(event), h('p', { class: 'big-note' }, 'Tickets are not on sale yet.'));
  const clock = h('strong', { class: 'big-clock' });
  show(event.name, eventHead(event), h('section', { class: 'big-note' },
    h('p', {}, `The sale begins on ${dayAndTime(event.sale_starts_at)}`), clock,
    h('p', {}, 'Stay here: the seats open by themselves.')));
  const tick = () => {
    const left = Date.parse(event.sale_starts_at) - serverNow();
    clock.textContent = left > 86400000 ? `${Math.floor(left / 86400000)} days` : countdown(left);
    if (left <= 0) again();
  };
  const timer = setInterval(() => { if (signal.aborted || Date.parse(event.sale_starts_at) <= serverNow()) clearInterval(timer); if (!signal.aborted) tick(); }, 1000);
  return tick();
}

async function over({ event, show }) {
  show(event.name, eventHead(event), h('section', { class: 'big-note' }, h('p', {}, 'There are no more tickets for this event.'),
    h('a', { class: 'button', href: '#/' }, 'See what else is on')));
}
