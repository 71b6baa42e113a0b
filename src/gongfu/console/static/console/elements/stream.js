// One EventSource for each address on a page, however many elements listen to it. Closed while nobody looks at the
// page: a browser allows only six connections to a host over HTTP/1.1.

const RETRY_MS = 5000;
const streams = new Map();

class Stream {
  constructor(url) {
    this.url = url;
    this.listeners = new Set();
    this.source = null;
    this.timer = 0;
    this.last = new Map();
  }

  open() {
    if (this.source || document.hidden || !this.listeners.size) return;
    this.source = new EventSource(this.url);
    this.source.onopen = () => this.tell(true);
    this.source.onmessage = (event) => this.take(event.data);
    this.source.onerror = () => {
      this.tell(false);
      // The browser retries by itself after a broken connection, not after an answer such as 503.
      if (this.source?.readyState === EventSource.CLOSED) {
        this.close();
        this.timer = setTimeout(() => this.open(), RETRY_MS);
      }
    };
  }

  close() {
    clearTimeout(this.timer);
    this.source?.close();
    this.source = null;
  }

  take(data) {
    let message;
    try {
      message = JSON.parse(data);
    } catch {
      return;
    }
    for (const [tag, reading] of Object.entries(message)) {
      if (!Array.isArray(reading)) continue;
      this.last.set(tag, reading);
      for (const listener of this.listeners) {
        if (listener.tags.has(tag)) listener.reading(tag, reading[0], reading[1], qualityOf(reading[2]));
      }
    }
  }

  tell(connected) {
    for (const listener of this.listeners) listener.connected?.(connected);
  }
}

/** good, uncertain or bad, from the number on the bus (0, 1, 2) or from the word. */
export function qualityOf(given) {
  return { 0: "good", 1: "uncertain", 2: "bad" }[given] ?? given ?? "good";
}

/** Listen to `tags` at `url`; returns what ends it. `listener.reading(tag, ms, value, quality)`, `.connected(bool)`. */
export function listen(url, tags, listener) {
  let stream = streams.get(url);
  if (!stream) {
    stream = new Stream(url);
    streams.set(url, stream);
  }
  const entry = { ...listener, tags: new Set(tags.map(String)) };
  stream.listeners.add(entry);
  for (const tag of entry.tags) {
    const known = stream.last.get(tag);
    if (known) entry.reading(tag, known[0], known[1], qualityOf(known[2]));
  }
  stream.open();
  return () => {
    stream.listeners.delete(entry);
    if (!stream.listeners.size) {
      stream.close();
      streams.delete(url);
    }
  };
}

document.addEventListener("visibilitychange", () => {
  for (const stream of streams.values()) {
    if (document.hidden) stream.close();
    else stream.open();
  }
});
addEventListener("pagehide", () => {
  for (const stream of streams.values()) stream.close();
});
addEventListener("pageshow", () => {
  for (const stream of streams.values()) stream.open();
});
