// One browser's history with one site: what it is made of follows from a seed. Its tabs' requests overlap, and answers
// arrive in any order; the site is started anew with other options, denies sessions, and time passes. README.md says
// what must hold.
import { Browser } from './browser.mjs';
import { Options } from './options.mjs';
import { Random } from './random.mjs';
import { Shadow } from './shadow.mjs';

export class Violation extends Error {}
class Locked extends Error {} // no request is served until cookies end, and the cause is excused

const others = ['theme=dark; Path=/', `tracker=${'t'.repeat(120)}; Path=/; Domain=example.test`];
const servedBytes = 7950; // of our cookies, in 8,192 of a line
const fitsAlways = 1200; // bytes of a session that any options take

const steps = { send: 10, release: 5, deliver: 8, lose: 0.4, wait: 2, restart: 1.2, deny: 0.7 };
const kinds = { read: 5, write: 5, login: 2, logout: 1 };

export class History {
  excuses = {};
  requests = 0;

  // `site` is asked: start(name, options, now), send(…), release(…), deny(…), end(name).
  constructor({ seed, site, mix, fault, say = () => {} }) {
    const random = new Random(seed);
    Object.assign(this, { random, site, mix, fault, say, name: `${mix}-${seed}` });
    this.now = 1_800_000_000_000 + random.between(0, 999);
    this.browser = new Browser({ knowsPartitioned: random.chance(0.7) });
    this.shadow = new Shadow(this.browser.knowsPartitioned);
    this.tabs = Array.from({ length: random.between(1, 4) }, (_, i) => ({ number: i + 1, request: null }));
    this.drawn = new Options(random, mix, this.tabs.length);
    this.denied = new Set();
    this.claim = 'nobody'; // who signed in or out last
    this.count = 0;
    this.sizes = new Map(); // of sessions, at most
  }

  async run() {
    this.browser.take(others, this.now);
    for (await this.#start(); this.options === undefined; await this.#start()) this.drawn.change();
    try {
      for (let left = this.random.between(8, 30); left > 0; --left) await this.#step();
      await this.#finish();
    } catch (error) {
      if (!(error instanceof Locked)) throw error;
    } finally {
      for (const { request } of this.tabs) if (request?.isHeld) await this.site.release(this.name, request, this.now);
      await this.site.end(this.name, this.now);
    }
  }

  #excuse(name) {
    this.excuses[name] = (this.excuses[name] ?? 0) + 1;
    this.say(`  excused: ${name}`);
  }

  async #step() {
    const step = this.random.weighted(steps);
    const free = this.tabs.filter(({ request }) => request === null);
    const held = this.tabs.filter(({ request }) => request?.isHeld);
    const answered = this.tabs.filter(({ request }) => request && !request.isHeld);
    if (step === 'send' && free.length > 0) await this.#send(this.random.of(free), this.random.weighted(kinds));
    if (step === 'release' && held.length > 0) await this.#release(this.random.of(held));
    if (step === 'deliver' && answered.length > 0) await this.#deliver(this.random.of(answered));
    if (step === 'lose' && answered.length > 0) this.#lose(this.random.of(answered));
    if (step === 'wait') await this.#wait();
    if (step === 'restart') await this.#restart(held);
    if (step === 'deny' && this.drawn.fixed.list) await this.#deny();
  }

  // ---- requests

  #tick() {
    this.now += this.random.between(1, 3000);
  }

  // Answers to requests of any kind that can be answered at once are, as often as not, delivered at once.
  async #send(tab, kind, { bytes = this.#size(), mayBeHeld = true } = {}) {
    this.#tick();
    const header = this.browser.header(this.now);
    const number = ++this.count;
    const sid = { login: `L${number}`, write: `A${number}` }[kind];
    const isHeld = mayBeHeld && this.random.chance(0.35);
    const { options, now: sentAt } = this;
    const request = { kind, sid, bytes, number, header, isHeld, options, sentAt, shadow: this.shadow.copy() };
    tab.request = request;
    this.say(`tab ${tab.number}: ${kind}${sid ? ` of ${sid}, ${bytes} bytes` : ''}${isHeld ? ', held' : ''}`);
    request.allowed = this.#allowed(request.shadow);
    request.answering = this.site.send(this.name, request, this.now);
    this.requests += 1;
    if (isHeld) return this.site.opened(request);
    await this.#committed(request);
    if (this.random.chance(0.5)) await this.#deliver(tab);
  }
  #size() {
    const { random } = this;
    return random.between(...random.of([[10, 200], [10, 200], [10, 1200], [1200, 2600], [2400, 3000], [2850, 3000],
      [3000, 5200], [5000, 5700]]));
  }

  async #release(tab) {
    this.#tick();
    this.say(`tab ${tab.number}: ${tab.request.kind} is released`);
    await this.site.release(this.name, tab.request, this.now);
    tab.request.isHeld = false;
    await this.#committed(tab.request);
    if (this.random.chance(0.4)) await this.#deliver(tab);
  }

  async #committed(request) {
    const { kind } = request;
    const answer = await request.answering;
    request.committed = this.now;
    const { status, opened, cookies } = answer;
    this.say(`  ${status}, opened as ${opened}, sets ${cookies.map(shortened).join(', ') || 'nothing'}`);
    this.#requireStatus(request, answer);
    this.#require(request.allowed, opened, `${kind} opened as`);
    const ends = kind === 'login' || kind === 'logout';
    if (this.options.list && ends && opened !== 'nobody') this.denied.add(opened);
    request.write = status < 400 && (kind === 'login' || kind === 'write') ? request.number : answer.write;
    const names = setIn(cookies, this.options.cookieName);
    request.form = names.whole ? 'whole' : names.chunks ? 'chunks' : null;
    request.begins = status < 400 && (kind === 'login' || (kind === 'write' && opened === 'nobody'));
    request.writes = request.form === null ? null : request.begins ? request.sid : this.#leftOf(request, answer);
    if (request.writes === null) this.#requireRenewed(request, opened);
    else this.sizes.set(request.writes, Math.max(request.bytes, this.sizes.get(request.writes) ?? 0));
    if (this.denied.has(request.writes)) throw new Violation(`${kind} sets the cookie of ${opened}, which is denied`);
  }

  // Whose session an answer seals anew: of one that failed, when what it opened is denied, another that came.
  #leftOf(request, { status, opened }) {
    if (status < 400 || !this.denied.has(opened)) return opened;
    const { shadow } = request;
    const left = [...this.#allowed(shadow)].find((sid) => sid !== 'nobody') ?? opened;
    request.write = [...shadow.writes(left, this.now)][0];
    return left;
  }

  #requireStatus({ kind, bytes, options }, { status, opened }) {
    if (status < 400) return;
    const isOver = kind !== 'read' && kind !== 'logout' && (bytes > fitsAlways || options.expires <= this.now);
    const isDenied = kind === 'write' && status === 401 && this.denied.has(opened);
    if ((status === 500 && isOver) || isDenied) return;
    throw new Violation(`${kind} of ${bytes} bytes is answered ${status}`);
  }

  // An active visitor stays: what is half over is renewed, where that fits whatever the options.
  #requireRenewed({ kind, options, shadow, sentAt }, opened) {
    if (kind !== 'read' || !options.rolling || options.expires <= this.now) return;
    if (this.denied.has(opened) || this.sizes.get(opened) > fitsAlways) return;
    if (shadow.isHalfOver(opened, options, sentAt)) throw new Violation(`a read does not renew ${opened}`);
  }

  #lose(tab) {
    this.say(`tab ${tab.number}: its answer is lost`);
    tab.request = null;
  }

  // ---- answers

  async #deliver(tab) {
    this.#tick();
    const { request } = tab;
    request.isLate = request.options !== this.options;
    tab.request = null;
    const { status, cookies } = await request.answering;
    this.say(`tab ${tab.number}: ${request.kind} is answered`);
    this.browser.take(cookies, this.now);
    const decides = status < 400 && (request.kind === 'login' || request.kind === 'logout');
    if (decides || request.writes !== null) {
      this.#put(request);
      this.#explain(request, decides);
    } else {
      if (cookies.length > 0) throw new Violation(`${request.kind} is answered ${status} and takes cookies away`);
      return this.#requireHeader();
    }
    await this.#look(`after the answer to ${request.kind}`);
  }

  #put(request) {
    const brought = setIn(request.header.split('; '), request.options.cookieName);
    if (request.kind === 'logout') this.shadow.logout({ options: request.options, brought });
    else this.shadow.write({ ...request, sid: request.writes, brought, now: this.now });
  }

  // Names the cause for which whoever signed in or out last may not be who one is.
  #explain({ kind, writes, options }, decides) {
    const before = this.claim;
    if (decides) this.claim = writes ?? 'nobody';
    const left = [...this.#allowed(this.shadow)].filter((who) => who !== this.claim && who !== 'nobody');
    if (decides && left.length > 0) {
      this.#excuse(options === this.options ? 'chunks that a site without `chunk` did not see'
        : 'a process of other options did not know the place');
    }
    if (!decides && writes !== before) {
      const isBegun = before === 'nobody' && writes.startsWith('A');
      if (!isBegun) this.#excuse(`a ${kind === 'read' ? 're-seal' : 'write'} from before answered last`);
      this.claim = writes;
    }
  }

  async #look(when) {
    this.#requireHeader();
    const { status, opened, write } = await this.site.send(this.name,
      { kind: 'read', header: this.browser.header(this.now), number: 0 }, this.now);
    this.requests += 1;
    if (status >= 400) throw new Violation(`read is answered ${status} ${when}`);
    this.#require(this.#allowed(this.shadow), opened, `${when} one is`);
    if (opened === 'nobody' && this.#isUnique() && this.shadow.isUntold(this.now, this.denied)) {
      this.#excuse('Fe26.2 in both forms under a __Host- name');
    }
    const writes = this.shadow.writes(opened, this.now);
    if (opened !== 'nobody' && !writes.has(write)) {
      throw new Violation(`${when} ${opened} holds what request ${write} wrote, not ${[...writes].join(' or ')}`);
    }
    this.claim = opened;
  }

  #allowed(shadow) {
    return shadow.allowed(this.now, this.denied, this.#isUnique());
  }
  #isUnique() {
    return this.options.cookieName.startsWith('__Host-');
  }
  #require(allowed, who, what) {
    if (!allowed.has(who)) throw new Violation(`${what} ${who}, not ${[...allowed].join(' or ')}`);
  }

  #requireHeader() {
    const ours = this.#ours().map((cookie) => cookie.cookieString().length + 2);
    const size = ours.reduce((sum, bytes) => sum + bytes, -2);
    const most = this.options.maxCookieHeader;
    if (size <= most) return;
    const what = `${ours.length} cookies take ${size} bytes of header, more than ${most}`;
    if (!this.shadow.isLate()) throw new Violation(what);
    this.#excuse('a process of other options wrote beside what it did not know');
    if (size > servedBytes) throw new Locked();
  }
  #ours() {
    const names = new Set([0, 1, 2, 3].map((i) => `${this.options.cookieName}.${i}`)).add(this.options.cookieName);
    return this.browser.cookies(this.now).filter(({ key }) => names.has(key));
  }

  // ---- the site and its time

  async #start() {
    const options = { ...this.drawn.at(this.now), fault: this.fault };
    const refusal = await this.site.start(this.name, options, this.now);
    if (refusal !== null) return this.say(`the site refuses its options: ${refusal}`);
    this.drawn.started(options);
    this.options = options;
    this.say(`the site starts with ${JSON.stringify({ ...options, passwords: options.passwords.length })}`);
  }

  // What was begun is done before; what was answered may still be on its way.
  async #restart(held) {
    for (const tab of held) await this.#release(tab);
    this.drawn.change();
    await this.#start();
    await this.#look('after a start with other options');
  }

  async #wait() {
    const seconds = this.random.of([1, 30, 200, 700, 2000, 4000, 100_000, 700_000]);
    this.now += seconds * 1000;
    this.say(`${seconds} s pass`);
    await this.#look(`after ${seconds} s`);
  }

  async #deny() {
    const sids = [...new Set([...this.shadow.places.values()].map(({ sid }) => sid))];
    if (sids.length === 0) return;
    const sid = this.random.of(sids);
    this.say(`${sid} is denied`);
    this.denied.add(sid);
    await this.site.deny(this.name, sid, this.now);
    await this.#look('after a denial');
  }

  // Whatever happened, one can sign out, and in.
  async #finish() {
    for (const tab of this.tabs) if (tab.request?.isHeld) await this.#release(tab);
    for (const tab of this.tabs) if (tab.request) await this.#deliver(tab);
    await this.#atOnce('logout');
    const left = this.#ours().map(({ key }) => key);
    if (left.length > 0) throw new Violation(`a logout leaves ${left.join(', ')}`);
    await this.#atOnce('login');
    if (!this.#allowed(this.shadow).has(this.claim)) throw new Violation('a login at the end does not count');
  }
  async #atOnce(kind) {
    const [tab] = this.tabs;
    await this.#send(tab, kind, { bytes: 100, mayBeHeld: false });
    if (tab.request) await this.#deliver(tab);
  }
}

function shortened(line) {
  return line.length > 160 ? `${line.slice(0, 24)}…(${line.length})…${line.slice(line.indexOf(';'))}` : line;
}

// Of Set-Cookie values, or of pairs: whether the cookie is among those that are set, and whether chunks are.
function setIn(lines, cookieName) {
  const names = lines.filter((line) => !/^[^=]*=(;|$)/.test(line)).map((line) => line.slice(0, line.indexOf('=')));
  return {
    whole: names.includes(cookieName),
    chunks: names.some((name) => name.startsWith(`${cookieName}.`) && /\.[0-3]$/.test(name)),
  };
}
