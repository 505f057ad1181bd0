// The `iron` entry beside iron-webcrypto and @hapi/iron: the same answers, the same errors, and seals that both open.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { at, hapi, iron, ironWebcrypto, otherPassword, outcome, password, weakPasswords } from './packages.mjs';

const warnings = []; // of weak passwords; they would be printed
process.removeAllListeners('warning');
process.on('warning', (warning) => warnings.push(warning));

const { defaults } = ironWebcrypto;
const now = 1_700_000_000_000;
const raw = (size, first = 0) => Uint8Array.from({ length: size }, (_, i) => (i * 7 + first) & 255);
const withOptions = (more) => ({ ...defaults, ...more });
const step = (name, more) => withOptions({ [name]: { ...defaults[name], ...more } });

test('the entry has everything that iron-webcrypto exports', () => {
  for (const [name, value] of Object.entries(ironWebcrypto)) {
    assert.equal(typeof iron[name], typeof value, name);
    if (typeof value !== 'function') assert.deepEqual(iron[name], value, name);
  }
});

test('the constants are frozen, and a clone is not', () => {
  for (const part of [iron.defaults, iron.defaults.encryption, iron.algorithms, iron.algorithms.sha256]) {
    assert.ok(Object.isFrozen(part));
  }
  const copy = iron.clone(iron.defaults);
  copy.encryption.iterations = 2;
  copy.ttl = 1;
  assert.equal(iron.defaults.encryption.iterations, 1);
  assert.deepEqual(iron.clone(iron.defaults), ironWebcrypto.clone(defaults));
});

// ---- sealing and opening ----

const data = { z: 1, a: [1, 2.5, null, true], text: 'é\u{1F511}"\\', nested: { empty: {} }, 10: 'ten', 9: 'nine' };
const sealings = {
  'a text': [password, defaults],
  'a text with an id': [{ id: '1', secret: password }, defaults],
  'an id that is no number': [{ id: 'first_one', secret: password }, defaults],
  'an id with a leading zero': [{ id: '007', secret: password }, defaults],
  'an id past 32 bits': [{ id: '4294967296', secret: password }, defaults],
  'two passwords': [{ id: '1', encryption: password, integrity: otherPassword }, defaults],
  'the same password twice': [{ id: '1', encryption: password, integrity: password }, defaults],
  'raw keys': [raw(32), defaults],
  'raw keys with an id': [{ id: '5', encryption: raw(32), integrity: raw(32, 3) }, defaults],
  'a buffer': [Buffer.from(raw(32)), defaults],
  'a ttl': [{ id: '1', secret: password }, withOptions({ ttl: 3600_000 })],
  'a negative ttl within the skew': [{ id: '1', secret: password }, withOptions({ ttl: -5000 })],
  'a clock of its own': [{ id: '1', secret: password }, withOptions({ ttl: 1000, localtimeOffsetMsec: -100_000 })],
  'aes-128-ctr and a raw key of 32 bytes': [raw(32), step('encryption', { algorithm: 'aes-128-ctr' })],
  'aes-128-ctr': [password, step('encryption', { algorithm: 'aes-128-ctr' })],
  'shorter salts': [{ id: '1', secret: password }, step('encryption', { saltBits: 128 })],
  'a shorter salt for the MAC': [{ id: '1', secret: password }, step('integrity', { saltBits: 64 })],
  'more iterations': [{ id: '1', secret: password }, step('encryption', { iterations: 3 })],
  'more iterations for the MAC': [{ id: '1', secret: password }, step('integrity', { iterations: 1500 })],
  'a shorter minimum': [{ id: '1', secret: 'short' }, { ...step('encryption', { minPasswordlength: 1 }), integrity: { ...defaults.integrity, minPasswordlength: 1 } }],
  'a weak password': [{ id: '1', secret: weakPasswords[0] }, defaults],
  'a repeated character': [{ id: '1', secret: weakPasswords[1] }, defaults],
  'a password that ends in a line break': [{ id: '1', secret: weakPasswords[2] }, defaults],
  'a password beyond ASCII': [{ id: '1', secret: 'пароль-достаточной-длины-для-печати-🔑' }, defaults],
  'a salt of one’s own': [{ id: '1', secret: password }, { ...step('encryption', { salt: 'salt' }), integrity: { ...defaults.integrity, salt: 'pepper' } }],
  'a PASERK': [{ id: '1', secret: 'k4.local.1MLpiOwsbQ-l7qKiHiGznm85Rrn5Irk-bzmRxfmBJOM' }, defaults],
};

for (const [name, [secret, options]] of Object.entries(sealings)) {
  const opener = secret?.id ? { [secret.id]: secret } : secret;
  test(`sealed under ${name}, it opens in both, whoever sealed it, and has the same shape`, () =>
    at(now, async () => {
      const ours = await iron.seal(data, secret, options);
      const oursAtOnce = iron.sealSync(data, secret, options);
      const theirs = await ironWebcrypto.seal(data, secret, options);
      for (const seal of [ours, oursAtOnce, theirs]) {
        assert.deepEqual(await ironWebcrypto.unseal(seal, opener, options), data);
        assert.deepEqual(await iron.unseal(seal, opener, options), data);
        assert.deepEqual(iron.unsealSync(seal, opener, options), data);
        assert.deepEqual(Object.keys(iron.unsealSync(seal, opener, options)), Object.keys(data));
      }
      const shape = (seal) => seal.split('*').map((part, i) => ([0, 1, 5].includes(i) ? part : part.length));
      assert.deepEqual(shape(ours), shape(theirs));
      assert.deepEqual(shape(oursAtOnce), shape(theirs));
    }));
}

test('@hapi/iron opens our seals, and we open its', async () => {
  for (const [id, secret] of [['', password], ['1', password], ['x', otherPassword]]) {
    const from = id ? { id, secret } : secret;
    const opener = id ? { [id]: secret } : secret;
    assert.deepEqual(await hapi.unseal(await iron.seal(data, from, defaults), opener, hapi.defaults), data);
    assert.deepEqual(await iron.unseal(await hapi.seal(data, from, hapi.defaults), opener, defaults), data);
  }
});

// ---- what does not open ----

const base = await at(now, () => ironWebcrypto.seal({ a: 1 }, { id: '1', secret: password }, withOptions({ ttl: 60_000 })));
const replaced = (index, part) => base.split('*').map((old, i) => (i === index ? part : old)).join('*');
const badSeals = {
  'is empty': '',
  'has seven parts': base.split('*').slice(1).join('*'),
  'has nine parts': `${base}*x`,
  'has another prefix': replaced(0, 'Fe26.1'),
  'is under an unknown id': replaced(1, '2'),
  'is under the id of a prototype member': replaced(1, 'constructor'),
  'lost its id': replaced(1, ''),
  'has another salt': replaced(2, 'f'.repeat(64)),
  'has an empty salt': replaced(2, ''),
  'has another iv': replaced(3, 'AAAAAAAAAAAAAAAAAAAAAA'),
  'has another ciphertext': replaced(4, 'AAAAAAAAAAAAAAAAAAAAAA'),
  'has no expiration': replaced(5, ''),
  'has another expiration': replaced(5, '1700000060001'),
  'has letters for an expiration': replaced(5, 'soon'),
  'has a leading zero in its expiration': replaced(5, '01700000060000'),
  'has a negative expiration': replaced(5, '-5'),
  'has another salt for its MAC': replaced(6, 'f'.repeat(64)),
  'has an empty salt for its MAC': replaced(6, ''),
  'has another MAC': replaced(7, 'A'.repeat(43)),
  'has a MAC that is too short': replaced(7, 'AAAA'),
  'has a MAC with the mark of iron-session': `${base}~2`,
  'has an empty MAC': replaced(7, ''),
};
const badOpeners = { 1: password };

for (const [name, seal] of Object.entries(badSeals)) {
  test(`a seal that ${name} is refused with iron-webcrypto's words`, () =>
    at(now, async () => {
      const theirs = await outcome(() => ironWebcrypto.unseal(seal, badOpeners, defaults));
      if (name === 'is under the id of a prototype member') theirs.error = 'Error: Cannot find password: constructor';
      assert.ok(theirs.error, 'the original refuses it');
      assert.deepEqual(await outcome(() => iron.unseal(seal, badOpeners, defaults)), theirs);
      assert.deepEqual(await outcome(() => iron.unsealSync(seal, badOpeners, defaults)), theirs);
    }));
}

test('a MAC that is no base64url is refused', async () => {
  await at(now, () => assert.rejects(iron.unseal(replaced(7, 'ä'.repeat(43)), badOpeners, defaults)));
});

test('every cut and every changed character of a seal is refused as iron-webcrypto refuses it', () =>
  at(now, async () => {
    let tried = 0;
    for (let i = 0; i < base.length; i += 3) {
      for (const seal of [base.slice(0, i), base.slice(0, i) + (base[i] === 'x' ? 'y' : 'x') + base.slice(i + 1)]) {
        const theirs = await outcome(() => ironWebcrypto.unseal(seal, badOpeners, defaults));
        const ours = await outcome(() => iron.unseal(seal, badOpeners, defaults));
        assert.deepEqual('value' in ours, 'value' in theirs, `at ${i}`);
        if (theirs.error?.startsWith('Error: ')) assert.deepEqual(ours, theirs, `at ${i}`);
        tried++;
      }
    }
    assert.ok(tried > 150);
  }));

test('a seal ends at the same millisecond, whatever the skew and the clock', async () => {
  const password1 = { 1: password };
  let ended = 0;
  for (const options of [{}, { timestampSkewSec: 0 }, { timestampSkewSec: 7.5 }, { localtimeOffsetMsec: 5000 }, { localtimeOffsetMsec: -0.5 }]) {
    const all = withOptions(options);
    const skew = all.timestampSkewSec * 1000;
    for (const delta of [-2, -1, 0, 1, 2]) {
      const time = now + 60_000 + skew - all.localtimeOffsetMsec + delta;
      const theirs = await at(time, () => outcome(() => ironWebcrypto.unseal(base, password1, all)));
      assert.deepEqual(await at(time, () => outcome(() => iron.unseal(base, password1, all))), theirs);
      if (theirs.error) ended++;
    }
  }
  assert.ok(ended >= 10);
});

const misuses = {
  'no password': [(lib) => lib.seal(data, undefined, defaults), (lib) => lib.unseal(base, undefined, defaults)],
  'an empty password': [(lib) => lib.seal(data, '', defaults), (lib) => lib.unseal(base, '', defaults)],
  'a password object without secrets': [(lib) => lib.seal(data, { id: '1' }, defaults), (lib) => lib.unseal(base, { 1: {} }, defaults)],
  'a short password': [(lib) => lib.seal(data, 'short', defaults), (lib) => lib.unseal(base, 'short', defaults)],
  'a short raw key': [(lib) => lib.seal(data, raw(31), defaults), (lib) => lib.unseal(base, raw(31), defaults)],
  'a long raw key': [(lib) => lib.seal(data, raw(33), defaults), (lib) => lib.unseal(base, raw(64), defaults), (lib) => lib.encrypt(raw(20), { ...defaults.encryption, algorithm: 'aes-128-ctr' }, 'x'), (lib) => lib.encrypt(raw(48), { ...defaults.encryption, algorithm: 'aes-128-ctr' }, 'x')],
  'an impossible id': [(lib) => lib.seal(data, { id: 'a*b', secret: password }, defaults)],
  'an unknown algorithm': [
    (lib) => lib.seal(data, password, step('encryption', { algorithm: 'rot13' })),
    (lib) => lib.generateKey(password, { algorithm: 'AES', iterations: 1, minPasswordlength: 1, saltBits: 256 }),
  ],
  'more salt than there is memory for': [(lib) => lib.seal(data, password, step('encryption', { saltBits: 999_999_999_999_999 })), (lib) => lib.randomBits(-8), (lib) => lib.randomBits(8 * 65_537)],
  'no salt': [(lib) => lib.seal(data, password, step('encryption', { saltBits: 0 }))],
  'no options': [(lib) => lib.generateKey(password), (lib) => lib.generateKey(password, 'x')],
  'no password for a key': [(lib) => lib.generateKey(''), (lib) => lib.generateKey(null, {})],
};
for (const [name, calls] of Object.entries(misuses)) {
  test(`${name} is refused with iron-webcrypto's words`, async () => {
    for (const call of calls) {
      const theirs = await outcome(() => call(ironWebcrypto));
      assert.ok(theirs.error, 'the original refuses it');
      assert.deepEqual(await outcome(() => call(iron)), theirs);
    }
  });
}

// ---- what can be sealed ----

const cyclic = { a: 1 };
cyclic.self = cyclic;
const shared = { s: 1 };
const values = {
  undefined: undefined,
  null: null,
  'a text': 'text',
  'a number': 1.5,
  NaN: NaN,
  infinity: { a: -Infinity },
  'minus zero': -0,
  'a bigint': { a: 1n },
  'a function': { f() {} },
  'a symbol': { a: Symbol('x') },
  'a symbol as a key': { [Symbol('x')]: 1 },
  'a date': { at: new Date(0) },
  'a map': new Map(),
  'an instance': new (class Thing {})(),
  'an object without a prototype': Object.assign(Object.create(null), { a: 1 }),
  'undefined members': { a: undefined, b: 1 },
  'undefined in a list': [undefined],
  'a hole in a list': [1, , 2], // eslint-disable-line no-sparse-arrays
  'a hidden member': Object.defineProperty({}, 'a', { value: 1 }),
  'a getter': { get a() { return 1; } },
  'a getter that throws': { get a() { throw new Error('no'); } },
  'a toJSON': { toJSON: () => 1 },
  'a cycle': cyclic,
  'the same object twice': [shared, shared],
  'a lone surrogate': { s: '\ud800x' },
  'an own __proto__': JSON.parse('{"__proto__":{"x":1},"constructor":2}'),
  'numbers past 2^53': { n: 2 ** 70, m: 1e-320, k: Number.MAX_SAFE_INTEGER },
  '100 levels': JSON.parse('['.repeat(100) + ']'.repeat(100)),
  '100,000 characters': 'x'.repeat(100_000),
  '3,000,000 characters': 'x'.repeat(3_000_000),
};
for (const [name, value] of Object.entries(values)) {
  test(`sealing ${name} ends as in iron-webcrypto`, async () => {
    const secret = { id: '1', secret: password };
    const through = (lib) => async () => ironWebcrypto.unseal(await lib.seal(value, secret, defaults), { 1: password }, defaults);
    const theirs = await outcome(through(ironWebcrypto));
    const ours = await outcome(through(iron));
    assert.deepEqual(ours, theirs);
    if (!('value' in theirs)) return;
    const opened = await iron.unseal(await ironWebcrypto.seal(value, secret, defaults), { 1: password }, defaults);
    assert.deepEqual(opened, theirs.value);
    assert.equal(JSON.stringify(opened), JSON.stringify(theirs.value));
  });
}

test('encode and decode are used in the place of JSON', async () => {
  const options = withOptions({ encode: (value) => `<${value}>`, decode: (text) => text.slice(1, -1) });
  for (const secret of [password, { id: '1', secret: password }]) {
    const opener = secret.id ? { 1: password } : secret;
    const seal = await iron.seal('not json', secret, options);
    assert.equal(await ironWebcrypto.unseal(seal, opener, options), 'not json');
    assert.equal(await iron.unseal(seal, opener, options), 'not json');
    const theirs = await outcome(() => ironWebcrypto.unseal(seal, opener, defaults));
    assert.deepEqual(await outcome(() => iron.unseal(seal, opener, defaults)), theirs);
    assert.match(theirs.error, /Failed parsing sealed object JSON/);
  }
});

// ---- the steps by themselves ----

test('keys, ciphers and MACs are those of iron-webcrypto', async () => {
  const fixed = (algorithm) => ({ algorithm, iterations: 2, minPasswordlength: 8, salt: 'a salt', iv: raw(16) });
  for (const secret of [password, raw(32), raw(24), raw(16)]) {
    for (const algorithm of ['aes-256-cbc', 'aes-128-ctr']) {
      if (algorithm === 'aes-256-cbc' && secret.length < 32) continue;
      const ours = await iron.encrypt(secret, fixed(algorithm), 'the text');
      const theirs = await ironWebcrypto.encrypt(secret, fixed(algorithm), 'the text');
      assert.deepEqual(ours.encrypted, theirs.encrypted);
      assert.deepEqual(ours.key.iv, theirs.key.iv);
      assert.equal(ours.key.salt, theirs.key.salt);
      assert.deepEqual(ours.key.key.algorithm, theirs.key.key.algorithm);
      assert.deepEqual(ours.key.key.usages, theirs.key.key.usages);
      assert.equal(await iron.decrypt(secret, fixed(algorithm), theirs.encrypted), 'the text');
    }
    if (secret.length < 32) continue;
    const mac = { algorithm: 'sha256', iterations: 1, minPasswordlength: 8, salt: 'a salt' };
    assert.deepEqual(await iron.hmacWithPassword(secret, mac, 'data'), await ironWebcrypto.hmacWithPassword(secret, mac, 'data'));
    const key = await iron.generateKey(secret, mac);
    const signature = Buffer.from(await crypto.subtle.sign('HMAC', key.key, Buffer.from('data'))).toString('base64url');
    assert.equal(signature, (await iron.hmacWithPassword(secret, mac, 'data')).digest);
  }
  const bytes = await iron.encrypt(password, fixed('aes-256-cbc'), Uint8Array.of(1, 2, 3));
  assert.deepEqual(bytes.encrypted, (await ironWebcrypto.encrypt(password, fixed('aes-256-cbc'), Uint8Array.of(1, 2, 3))).encrypted);
});

test('a salt and an iv of one’s own go into the seal', async () => {
  const iv = raw(16);
  const fixed = { ...step('encryption', { salt: 'salt', iv }), integrity: { ...defaults.integrity, salt: 'pepper' } };
  const secret = { id: '1', secret: password };
  const theirs = await ironWebcrypto.seal(data, secret, fixed);
  assert.equal(await iron.seal(data, secret, fixed), theirs);
  assert.equal(iron.sealSync(data, secret, fixed), theirs);
  const ivOnly = step('encryption', { iv });
  assert.equal((await iron.seal(data, secret, ivOnly)).split('*')[3], Buffer.from(iv).toString('base64url'));
});

test('a step with the algorithm of the other is refused with WebCrypto’s error', async () => {
  const name = async (call) => (await outcome(call)).error?.split(':')[0];
  const swapped = [
    ['seal', data, password, step('integrity', { algorithm: 'aes-128-ctr' })],
    ['seal', data, { id: '1', secret: password }, step('integrity', { algorithm: 'aes-256-cbc' })],
    ['seal', data, password, step('encryption', { algorithm: 'sha256', iv: raw(16) })],
    ['unseal', base, badOpeners, { ...step('integrity', { algorithm: 'aes-256-cbc' }), timestampSkewSec: 1e10 }],
    ['hmacWithPassword', password, { ...defaults.encryption, algorithm: 'aes-128-ctr' }, 'data'],
    ['encrypt', password, { ...defaults.integrity, iv: raw(16) }, 'data'],
    ['decrypt', password, { ...defaults.integrity, salt: 's', iv: raw(16) }, raw(16)],
  ];
  for (const [method, ...args] of swapped) {
    assert.equal(await name(() => ironWebcrypto[method](...args)), 'InvalidAccessError', method);
    assert.equal(await name(() => iron[method](...args)), 'InvalidAccessError', method);
  }
});

test('a decryption that fails says what WebCrypto says', async () => {
  const options = { algorithm: 'aes-256-cbc', iterations: 1, minPasswordlength: 8, salt: 's', iv: raw(16) };
  const theirs = await outcome(() => ironWebcrypto.decrypt(password, options, raw(16)));
  assert.match(theirs.error, /OperationError/);
  assert.deepEqual(await outcome(() => iron.decrypt(password, options, raw(16))), theirs);
});

test('a generated key brings a fresh salt and iv of the sizes asked for', async () => {
  const options = { algorithm: 'aes-256-cbc', iterations: 1, minPasswordlength: 8, saltBits: 128 };
  const [one, two] = [await iron.generateKey(password, options), await iron.generateKey(password, options)];
  assert.equal(one.salt.length, 32);
  assert.equal(one.iv.length, 16);
  assert.notEqual(one.salt, two.salt);
  assert.notDeepEqual(one.iv, two.iv);
  assert.deepEqual(iron.randomBits(64).constructor, Uint8Array);
  for (const bits of [64, 12, 0]) assert.equal(iron.randomBits(bits).length, ironWebcrypto.randomBits(bits).length);
});

test('a password that the library finds weak is warned of once for each reason, and sealing goes on', async () => {
  const weak = 'passwordpasswordpasswordpassword';
  for (let i = 0; i < 3; i++) await iron.seal(data, { id: '1', secret: weak }, defaults);
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(warnings.filter(({ message }) => message.includes('published sample')).length, 1);
  assert.ok(warnings.every(({ code, message }) => code === 'IRONJAR_WEAK_PASSWORD' && !message.includes(weak)));
});
