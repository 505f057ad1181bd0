// What options a site is started with, and starts again.
const day = 86_400;
const passwords = ['Zk3-first-password-that-is-long-enough-0001', 'Qm8-second-password-that-is-long-enough-002',
  'Vw5-third-password-that-is-long-enough-0003'];

const fields = {
  domain: (random) => random.of(['', 'app.example.test', 'example.test']),
  path: (random) => random.of(['/', '/app', '/app/me']),
  partitioned: (random) => random.chance(0.3),
  chunk: (random) => random.chance(0.5),
  life: (random) => random.weighted({ ttl: 3, standard: 2, maxAge: 2, expires: 1, browser: 1, browserTtl: 1, never: 1 }),
  ttl: (random) => random.of([600, 3600, 14 * day]),
  rolling: (random) => random.chance(0.5),
};

// Each life is a way to say how long a cookie lasts, and for how long the session does at least and at most.
const lives = {
  ttl: ({ ttl }) => ({ ttl }),
  standard: () => ({}),
  maxAge: ({ ttl }) => ({ ttl, maxAge: ttl / 4 }),
  expires: ({ ttl }, now) => ({ ttl, expires: now + 2 * day * 1000 }),
  browser: () => ({ untilBrowserCloses: true }),
  browserTtl: ({ ttl }) => ({ untilBrowserCloses: true, ttl }),
  never: () => ({ ttl: 0 }),
};

const shapeOf = ({ domain, path, partitioned }) => ({ domain, path, partitioned });
const isSame = (a, b) => a.domain === b.domain && a.path === b.path && a.partitioned === b.partitioned;

// The mixes: `front` has nginx with its default buffers before the site, which take 4 KiB of an answer's head; `iron` is
// getIronSession, with what it has, and what it keeps its word on: a shape that stays, and chunks where no requests
// overlap.
export class Options {
  constructor(random, mix, tabs) {
    this.random = random;
    this.fixed = {
      cookieName: random.weighted({ sid: 5, '__Host-sid': 2, '__Secure-sid': 1 }),
      maxCookieHeader: { front: 2600, iron: 16_384 }[mix] ?? random.of([6144, 6144, 7600, 3000]),
      list: mix !== 'iron' && random.chance(0.5),
    };
    this.fields = { ...fields };
    if (mix === 'iron') {
      for (const name of ['domain', 'path', 'partitioned']) {
        this.fields[name] = () => this.drawn?.[name] ?? fields[name](random);
      }
      if (tabs > 1) this.fields.chunk = () => false;
      this.fields.rolling = () => false;
      this.fields.life = () => random.weighted({ ttl: 3, standard: 2, maxAge: 2, expires: 1, browser: 1, never: 1 });
    }
    this.drawn = Object.fromEntries(Object.entries(this.fields).map(([name, draw]) => [name, draw(random)]));
    this.passwords = 1;
    this.formats = random.of([['native'], ['native'], ['fe26'], ['fe26', 'native'], ['native', 'fe26']]);
    this.shapes = [];
  }

  // For the next start, in which one or two things have changed. What opened goes on to.
  change() {
    for (let i = this.random.between(1, 2); i > 0; --i) {
      const what = this.random.of([...Object.keys(fields), 'domain', 'path', 'chunk', 'passwords', 'formats']);
      if (what === 'passwords') this.passwords = Math.min(this.passwords + 1, passwords.length);
      else if (what === 'formats') this.formats = this.random.of([['fe26', 'native'], ['native', 'fe26']]);
      else this.drawn[what] = this.fields[what](this.random);
    }
  }

  at(now) {
    const drawn = { ...this.drawn };
    if (this.fixed.cookieName.startsWith('__Host-')) Object.assign(drawn, { domain: '', path: '/' });
    const life = lives[drawn.life](drawn, now);
    const rolling = drawn.rolling && life.ttl !== 0 && !(life.untilBrowserCloses && life.ttl === undefined);
    const shape = shapeOf(drawn);
    return {
      ...this.fixed, ...shape, ...life, rolling,
      chunk: drawn.chunk,
      passwords: passwords.slice(0, this.passwords),
      formats: this.formats,
      former: this.shapes.filter((other) => !isSame(other, shape)),
    };
  }
  started(options) {
    if (!this.shapes.some((other) => isSame(other, options))) this.shapes.push(shapeOf(options));
  }
}

// Seconds for which a seal opens, and a cookie lasts, when they are made now. Max-Age goes before Expires (RFC 6265bis
// section 5.7), and follows from ttl where it is not set.
export function livesFor({ ttl, maxAge, untilBrowserCloses, expires }, now) {
  const seal = (ttl ?? (untilBrowserCloses ? 0 : 14 * day)) || Infinity;
  if (untilBrowserCloses) return { seal, cookie: expires === undefined ? Infinity : (expires - now) / 1000 };
  return { seal, cookie: maxAge ?? (seal > 60 ? seal - 60 : seal) };
}
