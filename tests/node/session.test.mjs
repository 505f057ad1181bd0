// getIronSession, sealData and unsealData beside iron-session 9: the same scenario is played with both, and what each
// wrote, returned and threw must be the same. Seals differ by nature and are told by their length.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { at, cookie, ironjar, ironSession, nodePair, now, otherPassword, ourCookies, outcome, password, sealed, weakPasswords } from './packages.mjs';

process.removeAllListeners('warning');

const libraries = { ironjar, ironSession };

// ---- fakes of what sessions are kept in ----

class Store {
  constructor(cookies = {}) {
    this.cookies = { ...cookies };
    this.written = [];
  }
  get = (name) => (Object.hasOwn(this.cookies, name) ? { name, value: this.cookies[name] } : undefined);
  getAll = () => Object.entries(this.cookies).map(([name, value]) => ({ name, value }));
  set = (name, value, options) => {
    this.cookies[name] = value;
    this.written.push([name, value, options]);
    return this;
  };
}

// What differs for no reason is made the same: seals, and parts of them.
const masked = (value) =>
  JSON.parse(
    JSON.stringify(value ?? null, (_, part) => {
      if (part instanceof Error) return `${part.name}: ${part.message}`;
      if (typeof part !== 'string') return part;
      return part
        .replace(/Fe26\.2\*[^;" ]*/g, (seal) => `<seal of ${seal.length}>`)
        .replace(/^(s\.[1-3]=)[\w*~-]{20,}/, (chunk, name) => `${name}<chunk of ${chunk.length - name.length}>`);
    }),
  );

const options = { cookieName: 's', password };

// ---- scenarios: each gets a library and returns what is to be compared ----

const bigData = (size) => ({ blob: 'x'.repeat(size) });

async function saveWith(lib, sessionOptions, data = { user: 'ada' }, header = undefined, before = undefined) {
  const { req, res } = nodePair(header, before);
  const session = await lib.getIronSession(req, res, { ...options, ...sessionOptions });
  Object.assign(session, data);
  const saved = await outcome(() => session.save());
  return { session, saved, sent: res.sent };
}

const cookieOptions = {
  none: undefined,
  empty: {},
  'a domain and a path': { domain: 'example.com', path: '/app' },
  'no attributes': { httpOnly: false, secure: false, sameSite: false, path: '' },
  'all attributes': { domain: '.example.com', expires: new Date(now + 1e9), partitioned: true, priority: 'high', sameSite: 'none' },
  'sameSite true': { sameSite: true },
  'words in capitals': { sameSite: 'Strict', priority: 'LOW' },
  'maxAge undefined': { maxAge: undefined },
  'maxAge 0': { maxAge: 0 },
  'maxAge 12': { maxAge: 12 },
  'maxAge 1.5': { maxAge: 1.5 },
  'a bad domain': { domain: 'example.com; Secure' },
  'a bad path': { path: '/;' },
  'a bad priority': { priority: 'urgent' },
  'a bad sameSite': { sameSite: 'sometimes' },
  'expires in the past': { expires: new Date(now - 1) },
  'expires that is no date': { expires: new Date(NaN) },
  'expires that is no year': { expires: new Date(8.64e15) },
};

const scenarios = {
  'a visitor without a cookie has an empty session': async (lib) => {
    const { req, res } = nodePair();
    const session = await lib.getIronSession(req, res, options);
    return { session, keys: Object.keys(session), names: Object.getOwnPropertyNames(session), sent: res.sent };
  },
  'a session is read from the Cookie header': async (lib) => {
    const header = `a=b; s=${await sealed({ z: 1, a: { b: [1] }, 5: 'five' })}; c=d`;
    const { req, res } = nodePair(header);
    const session = await lib.getIronSession(req, res, options);
    return { session, keys: Object.keys(session), sent: res.sent };
  },
  'a percent-encoded seal is read': async (lib) => {
    const { req, res } = nodePair(`s=${encodeURIComponent(await sealed({ n: 1 })).replace(/~/g, '%7E').replace(/\*/g, '%2A')}`);
    return { session: await lib.getIronSession(req, res, options) };
  },
  'the first of two cookies of one name counts': async (lib) => {
    const { req, res } = nodePair(`s=${await sealed({ n: 1 })}; s=${await sealed({ n: 2 })}`);
    return { session: await lib.getIronSession(req, res, options) };
  },
  'save adds to the Set-Cookie values that are there': async (lib) => ({
    none: await saveWith(lib, {}),
    one: await saveWith(lib, {}, { n: 1 }, undefined, 'a=b'),
    two: await saveWith(lib, {}, { n: 1 }, undefined, ['a=b', 'c=d']),
    number: await saveWith(lib, {}, { n: 1 }, undefined, 5),
  }),
  // iron-session keeps the first line too, which no browser does.
  'of two saves the last counts': async (lib) => {
    const { req, res } = nodePair();
    const session = await lib.getIronSession(req, res, options);
    session.n = 1;
    await session.save();
    session.n = 2;
    await session.save();
    return { session, sent: res.sent['set-cookie'].at(-1) };
  },
  'save after the headers were sent is an error': async (lib) => {
    const { req, res } = nodePair();
    const session = await lib.getIronSession(req, res, options);
    res.headersSent = true;
    return { saved: await outcome(() => session.save()), destroyed: await outcome(() => session.destroy()), sent: res.sent };
  },
  'destroy empties the session and deletes the cookie': async (lib) => {
    const { req, res } = nodePair(`s=${await sealed({ n: 1 })}; s.0=x; s.2=y`);
    const session = await lib.getIronSession(req, res, { ...options, cookieOptions: { domain: 'example.com', path: '/app' } });
    session.destroy();
    const again = await outcome(() => session.save());
    session.n = 2;
    return { session, again, refused: await outcome(() => session.save()), sent: res.sent };
  },
  'updateConfig takes new options': async (lib) => {
    const { req, res } = nodePair();
    const session = await lib.getIronSession(req, res, options);
    session.n = 1;
    session.updateConfig({ ...options, cookieName: 't', ttl: 100, password: { 1: password, 2: otherPassword } });
    await session.save();
    const short = await outcome(() => session.updateConfig({ ...options, password: 'short' }));
    const opened = await ironSession.unsealData(res.sent['set-cookie'][0].split(/[=;]/)[1], { password: { 2: otherPassword } });
    return { short, opened, sent: res.sent };
  },
  'values that JSON loses are named': async (lib) => {
    const ends = {};
    const bad = {
      date: { at: new Date(0) }, map: { m: new Map() }, deep: { a: [{ b: 5n }] }, fn: { f() {} }, nan: { n: NaN },
      hole: { l: [undefined] }, symbol: { s: Symbol('x') }, tooDeep: { a: { b: { c: { d: { e: { f: { g: 1n } } } } } } },
      own: Object.defineProperty({}, 'hidden', { value: 1 }), list: [new Date(0)],
    };
    for (const [name, data] of Object.entries(bad)) {
      ends[name] = await outcome(async () => (await lib.sealData(data, { password })).length);
      ends[`session ${name}`] = (await saveWith(lib, {}, data)).saved;
    }
    ends.text = await outcome(async () => (await lib.sealData('text', { password })).length);
    ends.undefined = await outcome(async () => (await lib.sealData(undefined, { password })).length);
    ends.null = await outcome(async () => (await lib.sealData(null, { password })).length);
    Object.prototype.toJSON = () => undefined;
    ends.toJSON = await outcome(() => lib.sealData({}, { password })).finally(() => delete Object.prototype.toJSON);
    return ends;
  },
  'a session with keys of Object.prototype keeps them as its own': async (lib) => {
    const data = JSON.parse('{"__proto__":{"admin":true},"constructor":1,"toString":"x"}');
    const { req, res } = nodePair(`s=${await sealed(data)}`);
    const session = await lib.getIronSession(req, res, options);
    await session.save();
    return { keys: Object.keys(session), admin: session.admin, sent: res.sent };
  },
  'a session whose data has the names of its methods': async (lib) => {
    const { req, res } = nodePair(`s=${await sealed({ save: 1, destroy: 2, n: 3 })}`);
    const session = await lib.getIronSession(req, res, options);
    return { save: typeof session.save, json: JSON.stringify(session) };
  },
  'unsealData tells why, and gives an empty object': async (lib) => {
    const ends = {};
    const old = await at(now - 10_000_000, () => sealed({ n: 1 }, { ttl: 60 }));
    const good = await sealed({ n: 1 });
    const seals = {
      old, good, empty: '', junk: 'junk', cut: good.slice(0, -20), unmarked: good.slice(0, -2), marked: `${good.slice(0, -2)}~7~x`,
      other: await sealed({ n: 1 }, { password: { 7: otherPassword } }), nothing: await sealed(null),
      changed: good.replace(/.(?=.{60}$)/, (c) => (c === 'a' ? 'b' : 'a')),
    };
    for (const [name, seal] of Object.entries(seals)) {
      const told = [];
      const data = await outcome(() => lib.unsealData(seal, { password, onUnsealError: (reason, error) => told.push([reason, error.message]) }));
      ends[name] = { data, told, quiet: await outcome(() => lib.unsealData(seal, { password })) };
    }
    for (const seal of [undefined, null, 5, {}, ['x'], Symbol('x')]) {
      ends[`no text: ${typeof seal} ${String(seal)}`] = await outcome(() => lib.unsealData(seal, { password }));
    }
    ends.noOptions = await outcome(() => lib.unsealData('x'));
    ends.noFunction = await outcome(() => lib.unsealData('x', { password, onUnsealError: 5 }));
    ends.throws = await outcome(() => lib.unsealData('x', { password, onUnsealError() { throw new Error('no'); } }));
    return ends;
  },
  'a password map seals under the highest id and opens under all': async (lib) => {
    const passwords = { 1: password, 12: otherPassword };
    const seal = await lib.sealData({ n: 1 }, { password: passwords });
    return {
      id: seal.split('*')[1],
      old: await lib.unsealData(await sealed({ n: 2 }), { password: passwords }),
      missing: await outcome(() => lib.sealData({}, { password: {} })),
      text: await outcome(() => lib.sealData({}, { password: { a: password } })),
      short: await outcome(() => lib.sealData({}, { password: 'short' })),
      negative: await outcome(() => lib.sealData({}, { password: { '-1': password } })),
    };
  },
  'wrong options are refused': async (lib) => {
    const ends = [];
    const { req, res } = nodePair();
    for (const wrong of [{ cookieName: '' }, { password: '' }, { password: {} }, { password: 'short' }, { password: { a: password } },
      { password: { 1.5: password } }, { password: { 1: 5 } }, { password: { 1: password, 2: 'short' } }]) {
      ends.push(await outcome(() => lib.getIronSession(req, res, { ...options, ...wrong })));
    }
    for (const call of [[], [req], [req, res], [new Store()], [{}, options], [5, options], [undefined, options], [{ get() {} }, options]]) {
      ends.push(await outcome(() => lib.getIronSession(...call)));
    }
    return ends;
  },
  'a cookie store is read and written': async (lib) => {
    const store = new Store({ s: await sealed({ n: 1 }), other: 'x' });
    const session = await lib.getIronSession(store, { ...options, cookieOptions: { path: '/app' } });
    session.m = 2;
    await session.save();
    const opened = await ironSession.unsealData(store.cookies.s, { password });
    session.destroy();
    return { opened, written: store.written };
  },
  'a jar of one’s own is read and written': async (lib) => {
    const written = [];
    let writable = 0;
    const jar = { read: (name) => (name === 's.0' ? 'x' : undefined), write: (...all) => written.push(all), assertWritable: () => writable++ };
    const session = await lib.getIronSession(jar, options);
    session.n = 1;
    await session.save();
    return { session, written, writable };
  },
  'web requests and responses, and bare headers': async (lib) => {
    const request = new Request('http://localhost/', { headers: { cookie: `s=${await sealed({ n: 1 })}` } });
    const response = new Response('body');
    const session = await lib.getIronSession(request, response, options);
    session.m = 2;
    await session.save();
    await response.text();
    const late = await outcome(() => session.save());
    const headers = new Headers();
    const other = await lib.getIronSession(lib.webCookies(request, headers), options);
    await other.save();
    return { session, late, sent: response.headers.getSetCookie(), bare: headers.getSetCookie(), names: lib.webCookies(request, headers).names() };
  },
  'the proxy of Next.js sees the new session in the same request': async (lib) => {
    const request = { cookies: new Store({ s: await sealed({ n: 1 }) }) };
    const response = { cookies: new Store() };
    const jar = lib.nextProxyCookies(request, response);
    const session = await lib.getIronSession(jar, options);
    session.m = 2;
    await session.save();
    const again = await lib.getIronSession(jar, options);
    return { again, names: jar.names(), request: request.cookies.written, response: response.cookies.written };
  },
  'nodeCookies lists names': async (lib) => {
    const { req, res } = nodePair('a=1; b=2; a=3; __proto__=4');
    return { names: lib.nodeCookies(req, res).names(), read: lib.nodeCookies(req, res).read('a') };
  },
  'a session too large is refused, or split': async (lib) => {
    const ends = {};
    for (const size of [2000, 2500, 2700, 3000, 6000, 9000, 12_000, 20_000]) {
      ends[size] = await saveWith(lib, {}, bigData(size));
      ends[`${size} chunked`] = await saveWith(lib, { chunk: true }, bigData(size));
      ends[`${size} chunked, long name`] = await saveWith(lib, { chunk: true, cookieName: 'n'.repeat(3990) }, bigData(size));
    }
    ends.impossible = await saveWith(lib, { chunk: true, cookieName: 'n'.repeat(4100) }, bigData(10));
    ends.elsewhere = await saveWith(lib, {}, bigData(5000), 's.0=abc');
    return ends;
  },
  'chunks are read back, and stale ones deleted': async (lib) => {
    const big = await saveWith(ironSession, { chunk: true }, bigData(8000));
    const pairs = big.sent['set-cookie'].map((value) => value.split(';')[0]);
    const shrunk = await (async () => {
      const { req, res } = nodePair(pairs.join('; '));
      const session = await lib.getIronSession(req, res, options);
      const size = session.blob?.length;
      session.blob = 'small';
      await session.save();
      return { size, sent: res.sent };
    })();
    const gap = await saveWith(lib, { chunk: true }, bigData(10), [pairs[0], pairs[2]].join('; '));
    const grown = await saveWith(lib, { chunk: true }, bigData(5000), `s=${await sealed({ n: 1 })}; s.3=old`);
    return { count: pairs.length, shrunk, gap, grown };
  },
};

for (const ttl of [0, 1, 60, 61, 3600, -5, 1e10, 1.5]) {
  scenarios[`a ttl of ${ttl} seconds`] = (lib) => saveWith(lib, { ttl });
  scenarios[`a ttl of ${ttl} seconds in sealData`] = async (lib) => (await lib.sealData({ n: 1 }, { password, ttl })).split('*')[5];
}
for (const [name, attributes] of Object.entries(cookieOptions)) {
  scenarios[`cookie options: ${name}`] = async (lib) => {
    const kept = await saveWith(lib, { cookieOptions: attributes });
    const { req, res } = nodePair('s=x');
    const session = await lib.getIronSession(req, res, { ...options, cookieOptions: attributes });
    return { kept, destroyed: await outcome(() => session.destroy()), sent: res.sent };
  };
}
for (const weak of weakPasswords) {
  scenarios[`a password that the library finds weak (${weak.slice(0, 10).trim()})`] = async (lib) => {
    const seal = await lib.sealData({ n: 1 }, { password: weak });
    return { seal, opened: await ironSession.unsealData(seal, { password: weak }), back: await lib.unsealData(await sealed({ n: 2 }, { password: weak }), { password: weak }) };
  };
}
for (const name of ['a b', 'a=b', 'a;b', '', 'ä', '__Host-s', 'a%20b']) {
  scenarios[`the cookie's name \`${name}\``] = (lib) => outcome(() => saveWith(lib, { cookieName: name }));
}

for (const [name, play] of Object.entries(scenarios)) {
  test(`as in iron-session: ${name}`, () =>
    at(now, async () => {
      const [ours, theirs] = [await play(libraries.ironjar), await play(libraries.ironSession)];
      assert.deepEqual(masked(ours), masked(theirs));
    }));
}

test('there are as many scenarios as there were', () => assert.ok(Object.keys(scenarios).length >= 65));

test('the package exports what iron-session does, and more', () => {
  for (const name of Object.keys(ironSession)) assert.equal(typeof ironjar[name], 'function', name);
});

test('the synchronous variants do what the asynchronous ones do', async () => {
  for (const data of [{ n: 1 }, { z: [null] }, 'text']) {
    assert.deepEqual(await ironSession.unsealData(ironjar.sealDataSync(data, { password }), { password }), data);
    assert.deepEqual(ironjar.unsealDataSync(await sealed(data), { password }), data);
  }
  assert.throws(() => ironjar.sealDataSync({ d: new Date(0) }, { password }), /session\.d is a Date/);
});

// ---- Cookie and Set-Cookie ----

test('Cookie headers are read as the package `cookie` reads them, but for pairs without a name', () => {
  const headers = ['', 'a', 'a=', '=a', '=', ';', 'a=b', 'a=b;', ';a=b', 'a = b ; c\t=\td', 'a=b=c', 'a;b=c', 'a=1;a=2', 'a="b c"',
    'a=%20%41', 'a=%', 'a=%zz', 'a=%C3%A9', 'a=%c3', 'é=è', '__proto__=x; constructor=y', 'a=b; ; c=d', 'a=1; b', '\u00a0a=b', 'a=\u00a0b\u00a0', 'a=b\r\nc=d', ' ', 'x;', ';;=;;'];
  const letters = ['a', '=', ';', ' ', '%', '2', '0', '"', '\t', 'b'];
  let seed = 7;
  const random = (limit) => (seed = (seed * 1103515245 + 12345) % 2 ** 31) % limit;
  for (let i = 0; i < 5000; i++) headers.push(Array.from({ length: random(16) }, () => letters[random(letters.length)]).join(''));
  for (const header of headers) {
    const { '': _, ...theirs } = cookie.parseCookie(header);
    assert.deepEqual({ ...ourCookies.parseCookie(header) }, theirs, JSON.stringify(header));
    for (const name of ['a', 'b', 'é']) assert.equal(ourCookies.findCookie(header, name), theirs[name], JSON.stringify(header));
  }
  assert.equal(Object.getPrototypeOf(ourCookies.parseCookie('__proto__=x')), null);
});

test('Set-Cookie values are written as the package `cookie` writes them', async () => {
  const values = ['', 'x', 'a b', 'é', 'a;b', 'a,b', '"', '\\', '%', '\u0000', 'a*b~c.d-_', '🔑'];
  const attributes = [...Object.values(cookieOptions), { maxAge: NaN }, { maxAge: '5' }, { maxAge: 2 ** 53 }, { maxAge: -1 }, { domain: 'a..b' },
    { domain: '-a' }, { domain: 'a'.repeat(64) }, { domain: 'localhost' }, { path: 'é' }, { path: '/a b' }, { expires: new Date(NaN) },
    { sameSite: 1 }, { sameSite: {} }, { priority: 1 }, { sameSite: 'constructor' }, { priority: '__proto__' }];
  let compared = 0;
  for (const value of values) {
    for (const each of attributes) {
      const ours = await outcome(() => ourCookies.stringifySetCookie('n', value, each ?? {}));
      const theirs = await outcome(() => cookie.stringifySetCookie({ name: 'n', value, ...each }));
      assert.deepEqual(ours, theirs, JSON.stringify([value, each]));
      compared++;
    }
  }
  for (const name of ['', ' ', 'a b', 'a=b', 'a;b', 'ä', 'a"b', '\u007f', 'a\nb', '__Host-x']) {
    const theirs = await outcome(() => cookie.stringifySetCookie({ name, value: 'v' }));
    assert.deepEqual(await outcome(() => ourCookies.stringifySetCookie(name, 'v', {})), theirs);
  }
  assert.ok(compared >= 350);
});

test('an Expires that the library’s clock does not reach is its last', () => {
  const written = (expires) => ourCookies.stringifySetCookie('n', 'v', { expires });
  assert.match(written(new Date('9999-12-31')), /^n=v; Expires=Fri, 11 Apr 2262 23:47:16 GMT$/);
  assert.match(written(new Date('1601-01-01')), /^n=v; Expires=Thu, 01 Jan 1970 00:00:00 GMT$/);
});
