// A browser of one user for tests: tabs with one clock, one channel, one set of locks, before a server that counts.
// Time passes only by Browser.pass().
import { startSession } from '../../bindings/browser/index.js';

// Lets everything happen that waits for no timer.
export async function settle() {
  for (let i = 0; i < 50; ++i) await new Promise((done) => setImmediate(done));
}

export const json = (body, status = 200, headers = {}) => new Response(JSON.stringify(body), { status, headers });
export const refusal = (status, reason, headers) => json({ reason }, status, headers);

// What AuthRoutes answers. `answer`, if set, goes first: a response or nothing.
export class Server {
  lifetime = 600; // seconds
  ahead = 60;
  clockError = 0; // seconds that the server's clock is ahead of the browser's
  reason = 'login_required'; // while signed out
  signedIn = true;
  refreshes = 0;
  requests = []; // 'GET /path'
  answer = null;

  constructor(clock) {
    this.clock = clock;
    this.renew();
  }
  renew() {
    this.end = this.clock.now + this.lifetime * 1000;
  }
  count = (route) => this.requests.filter((each) => each === route).length;
  status() {
    if (!this.signedIn) return json({ authenticated: false, expiresIn: null, refreshAt: null, reason: this.reason });
    const expiresIn = Math.max(0, Math.floor((this.end - this.clock.now) / 1000));
    const refreshAt = Math.floor(this.end / 1000) - this.ahead + this.clockError;
    return json({ authenticated: true, expiresIn, refreshAt });
  }
  async handle(request) {
    const { pathname } = new URL(request.url);
    this.requests.push(`${request.method} ${pathname}`);
    const instead = await this.answer?.(request, pathname);
    if (instead) return instead;
    if (pathname === '/api/auth/status') return this.status();
    if (pathname === '/api/auth/logout') {
      this.signedIn = false;
      return new Response(null, { status: 204 });
    }
    if (!this.signedIn) return refusal(401, this.reason);
    if (pathname === '/api/auth/refresh') {
      ++this.refreshes;
      this.renew();
      return this.status();
    }
    return json({ ok: true });
  }
}

class Locks {
  #queues = new Map();
  async request(name, work) {
    const before = this.#queues.get(name);
    let done;
    this.#queues.set(name, new Promise((resolve) => (done = resolve)));
    await before;
    try {
      return await work();
    } finally {
      done();
    }
  }
}

export class Browser {
  now = Date.UTC(2026, 0, 1);
  isOnline = true;
  random = 0.5;
  hasChannel = true;
  hasLocks = true;
  #timers = new Map();
  #lastTimer = 0;
  #channels = new Set();
  locks = new Locks();
  tabs = [];
  server = new Server(this);

  setTimer = (callback, delay) => {
    this.#timers.set(++this.#lastTimer, { at: this.now + Math.max(0, delay), callback });
    return this.#lastTimer;
  };
  clearTimer = (timer) => this.#timers.delete(timer);
  get timers() {
    return this.#timers.size;
  }

  // Seconds pass, and what is due happens in its order.
  async pass(seconds) {
    const end = this.now + seconds * 1000;
    await settle();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (!due) break;
      this.now = Math.max(this.now, due[1].at);
      this.#timers.delete(due[0]);
      due[1].callback();
      await settle();
    }
    this.now = end;
    await settle();
  }
  // The clock moves, and no timer has run: the machine slept, or somebody has set it. Timers keep their distance.
  jump(seconds) {
    this.now += seconds * 1000;
    for (const timer of this.#timers.values()) timer.at += seconds * 1000;
  }

  openChannel = (name) => {
    const channel = {
      postMessage: (data) => {
        if (!this.hasChannel) return;
        for (const other of this.#channels) {
          if (other === channel || other.name !== name) continue;
          setImmediate(() => this.#channels.has(other) && other.onmessage?.({ data: structuredClone(data) }));
        }
      },
      close: () => this.#channels.delete(channel),
      name,
    };
    this.#channels.add(channel);
    return channel;
  };

  async setOnline(isOnline) {
    this.isOnline = isOnline;
    for (const tab of this.tabs) tab.fire(isOnline ? 'online' : 'offline');
    await settle();
  }

  open(options = {}, { path = '/cart?item=1#top', visible = true, storage = new Map(), blocked = false } = {}) {
    const tab = new Tab(this, { path, visible, storage, blocked });
    this.tabs.push(tab);
    tab.start(options);
    return tab;
  }
  async openTabs(count) {
    const tabs = Array.from({ length: count }, () => this.open());
    await settle();
    return tabs;
  }
}

export class Tab {
  events = [];
  visits = []; // where the page was sent
  #listeners = new Set();

  constructor(browser, { path, visible, storage, blocked }) {
    const url = new URL(path, 'https://app.example.com');
    const { pathname, search, hash, href, origin } = url;
    this.browser = browser;
    this.visible = visible;
    this.storage = storage;
    this.environment = {
      now: () => browser.now,
      random: () => browser.random,
      setTimer: browser.setTimer,
      clearTimer: browser.clearTimer,
      fetch: (input, init) => this.#fetch(new Request(typeof input === 'string' ? new URL(input, href) : input, init)),
      locks: browser.hasLocks ? browser.locks : undefined,
      openChannel: browser.openChannel,
      isVisible: () => this.visible,
      isOnline: () => browser.isOnline,
      location: { pathname, search, hash, href, origin, assign: (where) => this.visits.push(where) },
      storage: () => {
        if (blocked) throw new DOMException('no storage', 'SecurityError');
        return {
          getItem: (name) => storage.get(name) ?? null,
          setItem: (name, value) => storage.set(name, String(value)),
          removeItem: (name) => storage.delete(name),
        };
      },
      listen: (callback) => {
        this.#listeners.add(callback);
        return () => this.#listeners.delete(callback);
      },
    };
  }
  start(options) {
    this.session = startSession(options, this.environment);
    for (const type of ['signedIn', 'refreshed', 'expired', 'signedOut']) {
      this.session.addEventListener(type, () => this.events.push(type));
    }
  }
  get state() {
    return this.session.getState();
  }
  fire(type) {
    for (const listener of this.#listeners) listener(type);
  }
  async show(visible) {
    this.visible = visible;
    this.fire('visibilitychange');
    await settle();
  }
  async #fetch(request) {
    if (!this.browser.isOnline) throw new TypeError('fetch failed');
    const aborted = new Promise((_, reject) => {
      request.signal.addEventListener('abort', () => reject(request.signal.reason));
    });
    return Promise.race([this.browser.server.handle(request), aborted]);
  }
}
