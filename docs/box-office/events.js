// What is on: a search and its results.

import { searchEvents } from './api.js';
import { announce } from './announce.js';
import { h, icon } from './dom.js';
import { money, plural, shortDay, time } from './format.js';
import { button, loading } from './parts.js';
import { poster } from './poster.js';

const PAGE = 24;
const TYPING = 250;             // milliseconds without a key before a search is made

export async function eventsPage({ query, show, signal }) {
  const wish = { query: query.get('q') ?? '', from: query.get('from') ?? '', available: query.get('available') === '1' };
  const results = h('div', { class: 'results' });
  show('What is on', h('section', { class: 'hero' }, h('h1', {}, 'Find your', h('br'), 'evening'), searchForm(wish, () => load())), results);
  let latest = 0;

  async function load() {
    const mine = ++latest;
    remember(wish);
    results.replaceChildren(loading('Looking for events', 'card', 'card', 'card', 'card', 'card', 'card'));
    const found = await searchEvents(searchQuery(wish, 1));
    if (signal.aborted || mine !== latest) return;
    results.replaceChildren(...resultList(wish, found));
    if (wish.query) announce(found.events.length === 0 ? 'No events found' : `${plural(found.events.length, 'event')} found`);
  }
  await load();
}

function searchQuery(wish, page) {
  return { query: wish.query, starts_from: wish.from, available_only: wish.available, page, page_size: PAGE };
}

// The search is in the address, to be gone back to and shared; it is no page of its own.
function remember(wish) {
  const parts = new URLSearchParams();
  if (wish.query) parts.set('q', wish.query);
  if (wish.from) parts.set('from', wish.from);
  if (wish.available) parts.set('available', '1');
  const text = parts.toString();
  history.replaceState(null, '', text ? `#/?${text}` : '#/');
}

function searchForm(wish, search) {
  let timer;
  const soon = () => { clearTimeout(timer); timer = setTimeout(search, TYPING); };
  const input = h('input', { type: 'search', name: 'q', value: wish.query, placeholder: 'Artist, title, house or town', autocomplete: 'off',
    'aria-label': 'Search events', oninput: () => { wish.query = input.value.trim(); soon(); } });
  const from = h('input', { type: 'date', name: 'from', value: wish.from, 'aria-label': 'From date', onchange: () => { wish.from = from.value; search(); } });
  const available = h('input', { type: 'checkbox', onchange: () => { wish.available = available.checked; search(); } });
  available.checked = wish.available;
  return h('form', { class: 'search', role: 'search', onsubmit: (e) => { e.preventDefault(); clearTimeout(timer); search(); } },
    h('div', { class: 'search-field' }, icon('search'), input, h('button', { class: 'button', type: 'submit' }, 'Search')),
    h('div', { class: 'search-more' }, h('label', { class: 'field-inline' }, h('span', {}, 'From'), from),
      h('label', { class: 'check' }, available, h('span', {}, 'Only with tickets left'))));
}

function resultList(wish, found) {
  if (found.events.length === 0) return [nothing(wish)];
  const list = h('ul', { class: 'cards' }, found.events.map(card));
  if (found.next_page === null) return [list];
  let next = found.next_page;
  const more = button('More events', async () => {
    const page = await searchEvents(searchQuery(wish, next));
    const cards = page.events.map(card);
    list.append(...cards);
    cards[0]?.querySelector('a').focus();
    next = page.next_page;
    if (next === null) more.remove();
  }, 'quiet wide');
  return [list, more];
}

function nothing(wish) {
  return h('section', { class: 'empty' }, h('div', { class: 'empty-art', 'aria-hidden': 'true' }),
    h('h2', {}, wish.query ? `Nothing found for “${wish.query}”` : 'Nothing is on'),
    h('p', {}, wish.from || wish.available ? 'Try another date, or include what is sold out.' : 'Try fewer words; names of artists, houses and towns are all understood.'));
}

function card(event) {
  return h('li', { class: 'card' }, poster(event),
    h('div', { class: 'card-date' }, shortDay(event.starts_at)),
    h('div', { class: 'card-text' },
      h('h2', {}, h('a', { href: `#/events/${event.event_id}` }, event.name)),
      event.performer && h('p', { class: 'card-who' }, event.performer),
      h('p', { class: 'card-where' }, [event.venue, event.city].filter(Boolean).join(', '), ' · ', time(event.starts_at)),
      h('p', { class: 'card-price' }, priceOf(event))));
}

function priceOf(event) {
  if (event.status === 'closed') return h('span', { class: 'tag' }, 'Sale ended');
  if (event.status === 'paused') return h('span', { class: 'tag' }, 'Paused');
  if (!event.available) return h('span', { class: 'tag' }, 'Sold out');
  return event.price_from === null ? 'On sale' : ['from ', h('strong', {}, money(event.price_from, event.currency))];
}
