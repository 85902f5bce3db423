// Which page is shown: the part of the address after #, so that any static file server will do.

export class Router {
  // routes: [[pattern such as 'events/:event', page], ...]; page({ params, query, signal, show }) is async
  constructor(main, routes, { onPage, failed }) {
    this.main = main;
    this.routes = routes.map(([pattern, page]) => ({ page, parts: pattern.split('/') }));
    Object.assign(this, { onPage, failed });
    addEventListener('hashchange', () => this.go());
  }

  async go() {
    if (location.hash && !location.hash.startsWith('#/')) return;      // a link within the page
    this.leaving?.abort();
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    const [path, search] = location.hash.slice(2).split('?');
    const { page, params } = this.match(path);
    const visit = { params, query: new URLSearchParams(search), signal, show: (title, ...content) => this.show(signal, title, content) };
    this.onPage(path);
    try {
      await page(visit);
    } catch (error) {
      if (!signal.aborted) this.failed(error, visit);
    }
  }

  match(path) {
    const given = path.split('/');
    for (const { page, parts } of this.routes) {
      if (parts.length !== given.length) continue;
      const params = {};
      const fits = parts.every((part, i) => (part.startsWith(':') ? (params[part.slice(1)] = decodeURIComponent(given[i])) : part === given[i]));
      if (fits) return { page, params };
    }
    return { page: this.routes.at(-1)[1], params: {} };
  }

  // A page may show itself several times (loading, loaded); the first time the reader is brought to its top.
  show(signal, title, content) {
    if (signal.aborted) return;
    document.title = title ? `${title} · Box office` : 'Box office';
    this.main.replaceChildren(...content.flat().filter(Boolean));
    if (this.arrived === signal) return;
    this.arrived = signal;
    scrollTo(0, 0);
    // Not on the first page of a visit: there the browser has its own place to start.
    if (this.moved) this.main.focus({ preventScroll: true });
    this.moved = true;
  }
}

export function goTo(path) { location.hash = `#/${path}`; }
