// What the server tells as it happens (docs/realtime.md): by WebSocket, else by EventSource. Where neither works the
// page asks now and then, as without it. Closed while nobody looks.

import { liveUrl } from './api.js';

const [FIRST, LONGEST] = [1000, 60000];         // milliseconds between two attempts

export class Stream {
  constructor(path, signal, { told, connected = () => {} }) {
    Object.assign(this, { path, signal, told, connected, way: 0, pause: FIRST, line: null });
    this.wake = () => (document.hidden || navigator.onLine === false ? this.close() : this.open());
    document.addEventListener('visibilitychange', this.wake);
    addEventListener('online', this.wake);
    addEventListener('offline', this.wake);
    signal.addEventListener('abort', () => this.stop());
    this.wake();
  }

  stop() {
    document.removeEventListener('visibilitychange', this.wake);
    removeEventListener('online', this.wake);
    removeEventListener('offline', this.wake);
    this.close();
  }

  open() {
    clearTimeout(this.timer);
    if (this.line || this.signal.aborted) return;
    let opened = false;
    const line = WAYS[this.way](liveUrl(this.path), {
      open: () => { opened = true; this.pause = FIRST; this.connected(true); },
      told: (text) => { if (this.line === line) this.told(JSON.parse(text)); },
      lost: () => { if (this.line === line) this.lost(opened); },
    });
    this.line = line;
  }

  close() {
    clearTimeout(this.timer);
    const line = this.line;
    this.line = null;
    line?.();
    if (line && !this.signal.aborted) this.connected(false);
  }

  // What never opened may be kept out by something between us: the next attempt goes the other way.
  lost(opened) {
    this.close();
    if (!opened) this.way = (this.way + 1) % WAYS.length;
    this.timer = setTimeout(() => { if (!document.hidden) this.open(); }, this.pause * (0.5 + Math.random()));
    this.pause = Math.min(this.pause * 2, LONGEST);
  }
}

// Each returns how to close it.
const WAYS = [webSocket, eventSource];

function webSocket(url, { open, told, lost }) {
  const socket = new WebSocket(url.replace(/^http/, 'ws'));
  Object.assign(socket, { onopen: open, onmessage: ({ data }) => told(data), onclose: lost });
  return () => socket.close();
}

function eventSource(url, { open, told, lost }) {
  const source = new EventSource(url);
  Object.assign(source, { onopen: open, onmessage: ({ data }) => told(data), onerror: lost });
  return () => source.close();
}
