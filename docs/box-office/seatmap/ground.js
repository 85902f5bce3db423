// What the seats stand on: stage and other decoration of the plan, and the standing sections, which fill up.

import { countTaken } from './bitfield.js';
import { categoryOf, sectionName } from './plan.js';
import { seatColor, textOn } from './theme.js';

// Draws in plan units; brush is transformed to the view already.
export function paintGround(brush, plan, theme, taken) {
  for (const area of plan.areas) paintArea(brush, area, theme);
  for (const place of plan.standing) paintStanding(brush, plan, place, theme, taken);
}

function paintArea(brush, area, theme) {
  const fill = area.color ? groundColor(area.color, theme) : 'transparent';
  brush.save();
  brush.translate(area.x, area.y);
  brush.rotate((area.rotation ?? 0) * Math.PI / 180);
  brush.beginPath();
  outline(brush, area);
  brush.fillStyle = fill;
  brush.fill();
  if (area.border_color) {
    brush.strokeStyle = groundColor(area.border_color, theme);
    brush.lineWidth = 2;
    brush.stroke();
  }
  brush.restore();
  if (area.text?.text) paintAreaText(brush, area, fill, theme);
}

function outline(brush, area) {
  const radius = area.ellipse?.radius ?? (area.circle && { x: area.circle.radius, y: area.circle.radius });
  if (area.polygon) area.polygon.points.forEach((p, i) => (i ? brush.lineTo(p.x, p.y) : brush.moveTo(p.x, p.y)));
  else if (area.rectangle) brush.roundRect(0, 0, area.rectangle.width, area.rectangle.height, 6);
  else if (radius) brush.ellipse(0, 0, radius.x, radius.y, 0, 0, 2 * Math.PI);
  brush.closePath();
}

function paintAreaText(brush, area, fill, theme) {
  const { text, position, size } = area.text;
  brush.fillStyle = fill === 'transparent' ? theme.soft : textOn(fill);
  brush.font = `700 ${size || 16}px ${theme.font}`;
  brush.textAlign = 'center';
  brush.textBaseline = 'middle';
  brush.fillText(text, area.x + (position?.x ?? 0), area.y + (position?.y ?? 0));
}

// Decoration keeps its colour on light ground; on dark it is lightened like the seats, but stays behind them.
function groundColor(color, theme) {
  return theme.dark ? seatColor(color, false) : color;
}

function paintStanding(brush, plan, place, theme, taken) {
  const { x, y, width, height } = place;
  const gone = place.places.reduce((sum, [first, count]) => sum + countTaken(taken, first, count), 0);
  const color = seatColor(categoryOf(plan, place.category).color, theme.dark);
  const corner = Math.min(width, height) * 0.04;
  brush.save();
  brush.beginPath();
  brush.roundRect(x, y, width, height, corner);
  brush.clip();
  brush.globalAlpha = 0.16;
  brush.fillStyle = color;
  brush.fillRect(x, y, width, height);
  brush.globalAlpha = 0.9;
  brush.fillStyle = theme.taken;
  brush.fillRect(x, y + height - height * gone / place.capacity, width, height * gone / place.capacity);
  brush.restore();
  brush.beginPath();
  brush.roundRect(x, y, width, height, corner);
  brush.strokeStyle = color;
  brush.lineWidth = Math.max(plan.radius * 0.3, 1);
  brush.stroke();
  paintStandingText(brush, plan, place, theme, place.capacity - gone);
}

function paintStandingText(brush, plan, place, theme, free) {
  const name = sectionName(plan, place.section);
  const size = Math.min(place.height * 0.16, place.width / (name.length * 0.62 + 2), plan.radius * 14);
  brush.fillStyle = theme.ink;
  brush.textAlign = 'center';
  brush.textBaseline = 'middle';
  brush.font = `700 ${size}px ${theme.font}`;
  brush.fillText(name, place.x + place.width / 2, place.y + place.height / 2 - size * 0.5);
  brush.font = `${size * 0.55}px ${theme.font}`;
  brush.fillText(free > 0 ? `${free.toLocaleString()} standing` : 'all gone', place.x + place.width / 2, place.y + place.height / 2 + size * 0.55);
}
