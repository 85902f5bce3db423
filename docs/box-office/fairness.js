// What it takes to check the draw, and the check itself, in the visitor's own browser.

import { h } from './dom.js';
import { drawOf, faultOf } from './draw.js';

// show(facts, status) brings it up to date.
export function fairness() {
  const list = h('dl');
  const verdict = h('p', { class: 'room-verdict' });
  const element = h('details', { class: 'room-fairness' }, h('summary', {}, 'How is the draw fair?'),
    h('p', {}, 'All who are here before the start are drawn a place by a calculation that anybody can repeat. Its secret was fixed when the room opened, before anybody joined: this is its fingerprint. The secret itself is published at the start.'),
    list, verdict);
  return {
    element,
    show(facts, status = {}) {
      const lines = [['Fingerprint', facts.seed_hash], ['Secret', facts.secret], ['Mixed with', facts.beacon], ['Which said', facts.beacon_value],
        ['In the draw', facts.drawn], ['Your entry, from 0', status.entry]];
      list.replaceChildren(...lines.filter(([, value]) => value !== null && value !== undefined)
        .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, h('code', {}, String(value))))));
      verdict.textContent = judge(facts, status);
    },
  };
}

// In words; nothing, before there is anything to judge.
export function judge(facts, { entry, position }) {
  if (!facts.seed || position === null || position === undefined) return '';
  const fault = faultOf(facts);
  if (fault) return fault;
  if (entry >= facts.drawn) return 'You joined after the draw, so you stand in the order of joining.';
  const own = drawOf(facts.seed, facts.drawn)(entry);
  return own === position ? `Your browser has worked your place out by itself: ${(own + 1).toLocaleString()}. It is right.`
    : `Your browser has worked out place ${(own + 1).toLocaleString()}, which is not what you were given. Please tell us.`;
}
