// What the colours cost and the marks mean.

import { h, svg } from './dom.js';
import { money } from './format.js';
import { seatColor } from './seatmap/theme.js';

export function legend(plan) {
  const dark = matchMedia('(prefers-color-scheme: dark)').matches;
  const prices = plan.categories.map((c) => h('li', {}, dot({ fill: seatColor(c.color, dark) }), h('span', {}, c.name), c.price !== null && h('strong', {}, money(c.price, plan.currency))));
  const marks = [[{ class: 'mark-taken' }, 'taken'], [{ class: 'mark-chosen' }, 'yours'],
    plan.accessible.includes(1) && [{ class: 'mark-accessible' }, 'accessible']].filter(Boolean)
    .map(([look, name]) => h('li', { class: 'legend-mark' }, dot(look), h('span', {}, name)));
  return h('ul', { class: 'legend', 'aria-label': 'Prices and marks', tabindex: 0 }, prices, marks);
}

function dot(look) {
  return svg('svg', { viewBox: '0 0 12 12', width: 12, height: 12, 'aria-hidden': 'true' }, svg('circle', { cx: 6, cy: 6, r: 5, ...look }));
}
