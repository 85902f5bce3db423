// Money, times and counts the way the reader's own language writes them.

export function money(amount, currency) {
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  const digits = format.resolvedOptions().maximumFractionDigits;
  const whole = amount % 10 ** digits === 0;
  return new Intl.NumberFormat(undefined, { style: 'currency', currency, ...(whole && { minimumFractionDigits: 0, maximumFractionDigits: 0 }) })
    .format(amount / 10 ** digits);
}

const DAY = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'long', year: 'numeric' });
const SHORT_DAY = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short' });
const TIME = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export function day(iso) { return DAY.format(new Date(iso)); }

export function shortDay(iso) { return SHORT_DAY.format(new Date(iso)); }

export function time(iso) { return TIME.format(new Date(iso)); }

export function dayAndTime(iso) { return `${day(iso)}, ${time(iso)}`; }

// "09:41", and hours only where there are some.
export function countdown(milliseconds) {
  const seconds = Math.max(Math.ceil(milliseconds / 1000), 0);
  const parts = [Math.floor(seconds / 60) % 60, seconds % 60].map((n) => String(n).padStart(2, '0'));
  return seconds >= 3600 ? [Math.floor(seconds / 3600), ...parts].join(':') : parts.join(':');
}

export function plural(n, one, many = `${one}s`) { return `${n.toLocaleString()} ${n === 1 ? one : many}`; }

// "Stalls, row C, seats 12, 13 and 14": places of one row are said together. labels as the server writes them.
export function joinLabels(labels) {
  const rows = new Map();
  for (const label of labels) {
    const [, place, seat] = /^(.*), seat ([^,]+)$/.exec(label) ?? [null, label, null];
    if (!rows.has(place)) rows.set(place, []);
    rows.get(place).push(seat);
  }
  return [...rows].map(([place, seats]) => {
    if (seats[0] === null) return seats.length > 1 ? `${seats.length} × ${place}` : place;
    return `${place}, ${seats.length > 1 ? 'seats' : 'seat'} ${listed(seats)}`;
  });
}

export function listed(words) {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} and ${words.at(-1)}`;
}
