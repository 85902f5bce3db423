// The static plan of a house, unpacked once into flat arrays that drawing and hit testing run over.

const AISLE = 1.6;              // a gap this much wider than the usual one of its row is an aisle
const DOT = 0.42;               // radius of a seat, of the usual distance to its neighbour
const STANDING_HEIGHT = 120;    // of a standing section that the plan gives no place, in seat distances times ten

export function readPlan(json) {
  const plan = {
    eventId: json.event_id, event: json.event, venue: json.venue, startsAt: json.starts_at,
    currency: json.currency, capacity: json.capacity,
    categories: json.categories, sections: json.sections, areas: json.areas ?? [],
    ...emptySeats(json.capacity),
  };
  plan.rows = json.rows.map((row, index) => readRow(plan, row, index));
  const distance = usualDistance(plan);
  plan.radius = distance * DOT;
  plan.seated = plan.rows.reduce((sum, row) => sum + row.count, 0);
  plan.bounds = boundsOf(plan, json);
  plan.standing = placeStanding(plan, json.standing ?? [], distance);
  plan.sectionRows = groupRows(plan.rows);
  return plan;
}

function emptySeats(capacity) {
  return {
    x: new Float32Array(capacity).fill(NaN),      // standing places have none
    y: new Float32Array(capacity),
    category: new Uint16Array(capacity),
    rowOf: new Int32Array(capacity).fill(-1),
    run: new Int32Array(capacity).fill(-1),       // first seat of the run, without an aisle, that a seat is in
    accessible: new Uint8Array(capacity),
  };
}

function readRow(plan, row, index) {
  const first = row.first_seat;
  const count = row.seats.length;
  for (let i = 0; i < count; i++) {
    plan.x[first + i] = row.x[i];
    plan.y[first + i] = row.y[i];
    plan.category[first + i] = Array.isArray(row.categories) ? row.categories[i] : row.categories;
    plan.rowOf[first + i] = index;
  }
  for (const seat of row.accessible ?? []) plan.accessible[seat] = 1;
  const gap = cutIntoRuns(plan, first, count);
  return { index, section: row.section, label: row.row ?? '', first, count, seats: row.seats, gap };
}

// Returns the usual distance between neighbours of the row, 0 where there are none.
function cutIntoRuns(plan, first, count) {
  const gaps = [];
  for (let seat = first + 1; seat < first + count; seat++) {
    gaps.push(Math.hypot(plan.x[seat] - plan.x[seat - 1], plan.y[seat] - plan.y[seat - 1]));
  }
  const usual = median(gaps);
  let start = first;
  for (let i = 0; i < count; i++) {
    if (i > 0 && gaps[i - 1] > AISLE * usual) start = first + i;
    plan.run[first + i] = start;
  }
  return usual;
}

function usualDistance(plan) {
  return median(plan.rows.filter((row) => row.gap > 0).map((row) => row.gap)) || 20;
}

function median(values) {
  if (values.length === 0) return 0;
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

function groupRows(rows) {
  const groups = new Map();
  for (const row of rows) {
    if (!groups.has(row.section)) groups.set(row.section, []);
    groups.get(row.section).push(row);
  }
  return groups;
}

// What the seats and the decoration really fill; plans often leave wide margins.
function boundsOf(plan, json) {
  const box = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  for (let seat = 0; seat < plan.capacity; seat++) {
    if (!Number.isNaN(plan.x[seat])) stretch(box, plan.x[seat], plan.y[seat], 0, 0);
  }
  for (const area of plan.areas) stretchByArea(box, area);
  for (const place of json.standing ?? []) {
    if (place.x !== undefined) stretch(box, place.x, place.y, place.width ?? 0, place.height ?? 0);
  }
  if (box.left > box.right) stretch(box, 0, 0, json.width || 1000, 100);
  const margin = plan.radius * 2;
  return { left: box.left - margin, top: box.top - margin, right: box.right + margin, bottom: box.bottom + margin };
}

function stretch(box, x, y, width, height) {
  box.left = Math.min(box.left, x);
  box.top = Math.min(box.top, y);
  box.right = Math.max(box.right, x + width);
  box.bottom = Math.max(box.bottom, y + height);
}

function stretchByArea(box, area) {
  const { x, y } = area;
  for (const point of area.polygon?.points ?? []) stretch(box, x + point.x, y + point.y, 0, 0);
  if (area.rectangle) stretch(box, x, y, area.rectangle.width, area.rectangle.height);
  const rx = area.ellipse?.radius?.x ?? area.circle?.radius;
  const ry = area.ellipse?.radius?.y ?? area.circle?.radius;
  if (rx) stretch(box, x - rx, y - ry, 2 * rx, 2 * ry);
}

// Standing sections without a place of their own stand side by side under the house.
function placeStanding(plan, standing, distance) {
  const box = plan.bounds;
  const homeless = standing.filter((place) => place.x === undefined);
  const height = distance * STANDING_HEIGHT / 10;
  const width = (box.right - box.left) / Math.max(homeless.length, 1);
  const top = box.bottom;
  if (homeless.length > 0) box.bottom += height + distance;
  return standing.map((place) => {
    const at = homeless.indexOf(place);
    const frame = at < 0 ? { x: place.x, y: place.y, width: place.width, height: place.height }
      : { x: box.left + at * width + distance, y: top, width: width - 2 * distance, height };
    const capacity = place.places.reduce((sum, [, count]) => sum + count, 0);
    for (const [first, count] of place.places) plan.category.fill(place.category, first, first + count);
    return { section: place.section, category: place.category, places: place.places, capacity, ...frame };
  });
}

export function sectionName(plan, section) {
  return plan.sections.find((s) => s.section === section)?.name ?? '';
}

export function categoryOf(plan, category) {
  return plan.categories.find((c) => c.category === category) ?? { category, name: '', color: '#64748b', price: null };
}

// A seat in the words that stand on its ticket, part by part: { section, row, seat }; a standing place has no seat.
export function seatPlace(plan, seat) {
  const row = plan.rows[plan.rowOf[seat]];
  if (row) return { section: sectionName(plan, row.section), row: row.label, seat: row.seats[seat - row.first] };
  const place = plan.standing.find((s) => s.places.some(([first, count]) => seat >= first && seat < first + count));
  return { section: place ? sectionName(plan, place.section) : '', row: '', seat: '' };
}

export function seatLabel(plan, seat) {
  const place = seatPlace(plan, seat);
  if (place.seat === '') return `${place.section}, standing`;
  return [place.section, place.row && `row ${place.row}`, `seat ${place.seat}`].filter(Boolean).join(', ');
}

export function seatPrice(plan, seat) {
  return categoryOf(plan, plan.category[seat]).price;
}
