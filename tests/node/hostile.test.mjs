// What hostile callers and hostile circumstances do to the addon: an exception at worst, and the process goes on.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';

import { iron, ironjar, native, packageFolder, password } from './packages.mjs';

const sealer = native.newSealer(JSON.stringify({ passwords: password }));
const jar = native.newJar(JSON.stringify({ cookieName: 's', passwords: password }));
const session = native.openSession(jar, '', 0);
const odd = [undefined, null, true, 5, 5n, Symbol('x'), {}, [], () => {}, new Proxy({}, {}), new Proxy({}, { get() { throw new Error('trap'); } })];

test('A09: the addon takes texts, numbers and its own handles, and a TypeError is all that others get', () => {
  for (const wrong of odd) {
    assert.throws(() => native.newSealer(wrong), TypeError);
    assert.throws(() => native.newJar(wrong), TypeError);
    assert.throws(() => native.parseCookies(wrong), TypeError);
    assert.throws(() => native.setSessionData(session, wrong), TypeError);
    for (const name of ['seal', 'unseal', 'trySeal', 'tryUnseal']) {
      assert.throws(() => native[name](sealer, wrong, 0), TypeError);
      assert.throws(() => native[name](wrong, 'x', 0), TypeError);
      if (typeof wrong !== 'number') assert.throws(() => native[name](sealer, '1', wrong), TypeError);
    }
    for (const name of ['sessionData', 'sessionInfo', 'destroySession', 'commitSession', 'replaceSession', 'setSessionData']) {
      assert.throws(() => native[name](wrong, '{}'), TypeError);
    }
    assert.throws(() => native.findCookie(wrong, 's'), TypeError);
    assert.throws(() => native.findCookie('s=1', wrong), TypeError);
    for (const all of [[wrong, 'v', '{}'], ['n', wrong, '{}'], ['n', 'v', wrong]]) assert.throws(() => native.serializeCookie(...all), TypeError);
    assert.throws(() => native.splitSeal(wrong, 1), TypeError);
    if (typeof wrong !== 'number') assert.throws(() => native.splitSeal('{"cookieName":"s"}', wrong), TypeError);
    assert.throws(() => native.openSession(wrong, '', 0), TypeError);
    assert.throws(() => native.openSession(jar, wrong, 0), TypeError);
  }
  for (const number of [NaN, Infinity, -1, -Infinity, 2 ** 60]) {
    assert.throws(() => native.seal(sealer, '1', number), TypeError);
    assert.throws(() => native.splitSeal('{"cookieName":"s"}', number), TypeError);
  }
  assert.throws(() => native.seal(sealer, '1', Number.MAX_SAFE_INTEGER), { code: 'invalidArgument' });
  for (const name of Object.keys(native)) {
    if (typeof native[name] === 'function') assert.throws(() => native[name](), TypeError);
  }
});

test('A09: a handle of another kind is a TypeError', () => {
  assert.throws(() => native.seal(jar, '1', 0), TypeError);
  assert.throws(() => native.openSession(sealer, '', 0), TypeError);
  assert.throws(() => native.sessionData(jar), TypeError);
});

test('A09: a Proxy, getters that throw, cycles, BigInt and symbols cannot be sealed, and break nothing', () => {
  const cyclic = {};
  cyclic.self = cyclic;
  const bad = [new Proxy({}, { ownKeys() { throw new Error('trap'); } }), { get a() { throw new Error('no'); } }, cyclic, 1n, { a: 1n }, Symbol('x'), () => {}];
  for (const data of bad) {
    for (const format of ['fe26', 'native']) assert.throws(() => ironjar.sealDataSync(data, { password, format }), Error);
    assert.throws(() => iron.sealSync(data, { id: '1', secret: password }, iron.defaults), Error);
  }
  assert.throws(() => ironjar.sealDataSync({}, { password: cyclic, format: 'native' }), Error);
  assert.throws(() => ironjar.sealDataSync({}, { password: { 1: Symbol('x') }, format: 'native' }), Error);
  const transparent = new Proxy({ n: 1 }, {});
  assert.deepEqual(ironjar.unsealDataSync(ironjar.sealDataSync(transparent, { password }), { password }), { n: 1 });
});

test('A09: a lone surrogate comes back in both formats', () => {
  for (const format of ['fe26', 'native']) {
    const data = { 'k\udfff': 'v\ud800' };
    assert.deepEqual(ironjar.unsealDataSync(ironjar.sealDataSync(data, { password, format }), { password }), data);
  }
});

test('A09: the longest text that there can be is refused, and the process lives', () => {
  const longest = 'x'.repeat(2 ** 29 - 24);
  assert.throws(() => native.newSealer(longest), RangeError);
  assert.throws(() => native.unseal(sealer, longest, 0), RangeError);
  assert.throws(() => native.parseCookies(longest), RangeError);
  assert.throws(() => native.openSession(jar, longest, 0), RangeError);
});

test('A13: the keys of Object.prototype are own properties of what opens, and nothing else changes', () => {
  const text = '{"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}},"hasOwnProperty":1}';
  for (const format of ['fe26', 'native']) {
    const opened = ironjar.unsealDataSync(ironjar.sealDataSync(JSON.parse(text), { password, format }), { password });
    assert.deepEqual(Object.keys(opened), ['__proto__', 'constructor', 'hasOwnProperty']);
    assert.equal(Object.getPrototypeOf(opened), Object.prototype);
    assert.equal(opened.polluted, undefined);
    assert.equal({}.polluted, undefined);
  }
  const kept = new ironjar.SessionJar({ cookieName: 's', passwords: password });
  const visit = kept.open('');
  visit.data = JSON.parse(text);
  assert.ok(Object.hasOwn(visit.data, '__proto__'));
  assert.equal({}.polluted, undefined);
});

test('A14: the longest Cookie header that a server takes is read at once, whatever it holds', async () => {
  const size = 64 * 1024;
  const hostile = [`s=a${' '.repeat(size)}b`, `s=a${'\t '.repeat(size / 2)};`, `${' '.repeat(size)}s=a`, ';'.repeat(size), 'a='.repeat(size / 2), 's=%'.repeat(size / 3), 's=a;'.repeat(size / 4)];
  const started = process.cpuUsage();
  for (const header of hostile) {
    const res = { getHeader() {}, setHeader() {} };
    await ironjar.getIronSession({ headers: { cookie: header } }, res, { cookieName: 'other', password });
  }
  const { user, system } = process.cpuUsage(started);
  assert.ok(user + system < 1_000_000, `${user + system} µs`);
});

// ---- threads ----

const work = new URL('./worker.mjs', import.meta.url);
const untilMessage = (worker) =>
  new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject).once('exit', reject));

test('A10: a hundred worker threads load the addon and are terminated in the middle of their work', async () => {
  let terminated = 0;
  for (let i = 0; i < 25; i++) {
    const workers = Array.from({ length: 4 }, () => new Worker(work, { workerData: { password, forever: true } }));
    await Promise.all(workers.map(untilMessage));
    await Promise.all(workers.map((worker) => worker.terminate()));
    terminated += workers.length;
  }
  assert.equal(terminated, 100);
  assert.deepEqual(ironjar.unsealDataSync(ironjar.sealDataSync({ n: 1 }, { password }), { password }), { n: 1 });
});

test('A10: worker threads that end by themselves give the same answers', async () => {
  for (let i = 0; i < 10; i++) {
    const answer = await untilMessage(new Worker(work, { workerData: { password, forever: false } }));
    assert.deepEqual(answer, { n: 1 });
  }
});

test('A10: handles that nobody holds are collected, and those that are held stay good', { skip: !globalThis.gc && 'needs --expose-gc' }, () => {
  const options = JSON.stringify({ passwords: password });
  const kept = native.newSealer(options);
  for (let i = 0; i < 3000; i++) {
    const passing = native.openSession(native.newJar(JSON.stringify({ cookieName: 's', passwords: password })), '', 0);
    native.setSessionData(passing, '{"blob":"' + 'x'.repeat(1000) + '"}');
    if (i % 100 === 0) globalThis.gc();
  }
  globalThis.gc();
  assert.equal(native.unseal(kept, native.seal(kept, '[1]', 0), 0), '[1]');
});

test('A10: sessions that come faster than memory fills are collected without being asked', async () => {
  const large = new ironjar.SessionJar({ cookieName: 's', passwords: password, chunk: true, maxCookieHeader: 16_000 });
  const visit = large.open('');
  visit.data = { blob: 'x'.repeat(8000) };
  const header = large.commit(visit).map((cookie) => cookie.split(';')[0]).join('; ');
  let most = 0;
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 40_000; i++) {
    large.open(header);
    if (i % 50 !== 0) continue;
    await new Promise((resolve) => setImmediate(resolve)); // where Node frees what was collected
    most = Math.max(most, process.memoryUsage().rss);
  }
  assert.ok(most - before < 150_000_000, `${most - before} bytes`);
});

test('A11: promises that are rejected while the process leaves do not abort it', () => {
  const child = spawnSync(process.execPath, [fileURLToPath(new URL('./leaving.mjs', import.meta.url))], { env: process.env, encoding: 'utf8' });
  assert.equal(child.stderr, '');
  assert.equal(child.signal, null);
  assert.equal(child.status, 7);
});

// Node has an OpenSSL and a simdjson of its own in it, of other versions, and shows them to what it loads.
const hasGlibc = Boolean(process.report?.getReport().header.glibcVersionRuntime);
test('the addon and its libraries take nothing but Node’s C interface from Node', { skip: !hasGlibc && 'needs the loader of glibc' }, () => {
  const load = `import ${JSON.stringify(pathToFileURL(join(packageFolder, 'native.js')))};`;
  const options = { env: { ...process.env, LD_DEBUG: 'bindings' }, encoding: 'utf8', maxBuffer: 2 ** 28 };
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', load], options);
  assert.equal(child.status, 0);
  const bindings = [...child.stderr.matchAll(/binding file (\S+) \[0\] to (\S+) \[0\]: \w+ symbol `(\w+)'/g)];
  const ours = bindings.filter(([, from]) => /\/(ironjar\.node|lib(ironjar_c|crypto|sodium|simdjson|z)\.so[.\d]*)$/.test(from));
  const taken = ours.filter(([, , to]) => to === process.execPath || to.includes('/libnode.so')).map(([, , , symbol]) => symbol);
  const isInterface = (symbol) => /^n(ode_)?api_/.test(symbol);
  assert.ok(taken.some(isInterface), 'the addon calls Node');
  assert.deepEqual(taken.filter((symbol) => !isInterface(symbol)), []);
});
