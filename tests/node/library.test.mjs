// What iron-session does not have: the native format, `formats`, SessionJar; and where we differ from it.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { at, ironjar, ironSession, ironWebcrypto, native, nodePair, now, otherPassword, password, sealed, weakPasswords } from './packages.mjs';

process.removeAllListeners('warning');

const options = { cookieName: 's', password };

// ---- what is no session ----

// The original ends in a TypeError for most of these: a cookie that anybody's seal under the same password makes.
test('V32 a cookie that holds no object is an empty session, and getIronSession never throws', async () => {
  for (const data of ['text', '', 5, 0, true, false, null, [], [1], [{ user: 'ada' }]]) {
    const sealer = native.newSealer(JSON.stringify({ passwords: password, context: 's' }));
    const told = [];
    const onUnsealError = (reason) => told.push(reason);
    const text = JSON.stringify(data);
    const iron9 = await ironWebcrypto.seal(data, { id: '1', secret: password }, { ...ironWebcrypto.defaults, ttl: 60_000 });
    for (const seal of [`${iron9}~2`, native.seal(sealer, text, Date.now())]) {
      const { req, res } = nodePair(`s=${seal}`);
      const session = await ironjar.getIronSession(req, res, { ...options, onUnsealError });
      assert.equal(Object.getPrototypeOf(session), Object.prototype, text);
      assert.deepEqual(Object.keys(session), [], text);
      session.user = 'grace';
      await session.save();
      const next = nodePair(res.sent['set-cookie'][0].split(';')[0]);
      assert.deepEqual({ ...(await ironjar.getIronSession(next.req, next.res, options)) }, { user: 'grace' }, text);
      const jar = new ironjar.SessionJar({ cookieName: 's', passwords: password, seal: { formats: ['native', 'fe26'] } });
      assert.deepEqual(jar.open(`s=${seal}`).data, {}, text);
    }
    assert.ok(told.every((reason) => reason === 'invalid'), text);
  }
});

test('V32 what sits in a session under any name does no harm', async () => {
  const names = ['save', 'destroy', 'updateConfig', 'toJSON', 'then', 'constructor', '__proto__', 'hasOwnProperty', 'length', '0'];
  for (const name of names) {
    for (const value of ['1', '"text"', 'null', '{"a":1}', '[]']) {
      const iron9 = await ironWebcrypto.seal(JSON.parse(`{${JSON.stringify(name)}:${value},"n":1}`), { id: '1', secret: password }, ironWebcrypto.defaults);
      const { req, res } = nodePair(`s=${iron9}~2`);
      const session = await ironjar.getIronSession(req, res, options);
      assert.equal(session.n, 1, name);
      assert.equal(Object.getPrototypeOf(session), Object.prototype, name);
      assert.equal({}.a, undefined);
      await session.save();
      session.destroy();
    }
  }
});

// ---- the native format ----

test('V08 a session cookie of iron-session is no seal of a purpose', async () => {
  const cookieSeal = await sealed({ user: 'ada' });
  for (const more of [{ purpose: 'magic-link' }, { context: 'ada' }, { format: 'native' }, { formats: ['native'] }]) {
    const told = [];
    const onUnsealError = (reason, error) => told.push([reason, error.code]);
    assert.deepEqual(await ironjar.unsealData(cookieSeal, { password, onUnsealError, ...more }), {});
    assert.deepEqual(told, [['invalid', 'unsupported']]);
  }
  assert.deepEqual(await ironjar.unsealData(cookieSeal, { password, purpose: null }), {});
  assert.deepEqual(await ironjar.unsealData(cookieSeal, { password, purpose: 'magic-link', formats: ['fe26'] }), { user: 'ada' });
  for (const formats of [[], 'fe26', ['fe27'], null, [['fe26']]]) {
    assert.throws(() => ironjar.unsealDataSync(cookieSeal, { password, formats }), TypeError);
  }
  for (const bound of [{ purpose: 'magic-link' }, { context: 'ada' }]) {
    assert.throws(() => ironjar.sealDataSync({ n: 1 }, { password, ...bound }), /bound into native seals only/);
    assert.throws(() => ironjar.sealDataSync({ n: 1 }, { password, format: 'fe26', ...bound }), TypeError);
  }
});

test('V26 a password map that is written the other way round is not repeated', async () => {
  const error = await ironjar.getIronSession(nodePair().req, nodePair().res, { cookieName: 's', password: { [password]: '1' } }).catch((e) => e);
  assert.ok(error instanceof Error && !error.message.includes(password));
});

test('with format native a session is sealed natively, and sessions of iron-session open where `formats` lists them', async () => {
  const { req, res } = nodePair(`s=${await sealed({ n: 1 })}`);
  const alone = await ironjar.getIronSession(req, res, { ...options, format: 'native' });
  assert.deepEqual({ ...alone }, {});
  const session = await ironjar.getIronSession(req, res, { ...options, format: 'native', formats: ['native', 'fe26'] });
  assert.equal(session.n, 1);
  session.m = 2;
  await session.save();
  const [value] = res.sent['set-cookie'];
  assert.match(value, /^s=ij1\.[\w-]+; Max-Age=1209540; Path=\/; HttpOnly; Secure; SameSite=Lax$/);
  for (const format of ['native', 'fe26', undefined]) {
    const back = nodePair(value.split(';')[0]);
    assert.deepEqual({ ...(await ironjar.getIronSession(back.req, back.res, { ...options, format })) }, { n: 1, m: 2 });
  }
});

test('a native session opens under its own cookie’s name only, and in a SessionJar', async () => {
  const { req, res } = nodePair();
  const session = await ironjar.getIronSession(req, res, { ...options, format: 'native' });
  session.n = 1;
  await session.save();
  const seal = res.sent['set-cookie'][0].split(';')[0].slice(2);
  const told = [];
  const other = nodePair(`t=${seal}`);
  const empty = await ironjar.getIronSession(other.req, other.res, { ...options, cookieName: 't', onUnsealError: (reason) => told.push(reason) });
  assert.deepEqual({ ...empty }, {});
  assert.deepEqual(told, ['invalid']);
  const jar = new ironjar.SessionJar({ cookieName: 's', passwords: password });
  assert.deepEqual(jar.open(`s=${seal}`).data, { n: 1 });
});

test('a native seal says why it does not open, in iron-session’s words', async () => {
  const reason = (seal, more = {}) => {
    let told;
    assert.deepEqual(ironjar.unsealDataSync(seal, { password, ...more, onUnsealError: (why) => (told = why) }), {});
    return told;
  };
  const seal = ironjar.sealDataSync({ n: 1 }, { password, format: 'native', ttl: 60, purpose: 'magic-link', context: 'ada' });
  assert.deepEqual(ironjar.unsealDataSync(seal, { password, purpose: 'magic-link', context: 'ada' }), { n: 1 });
  assert.equal(reason(seal), 'invalid');
  assert.equal(reason(seal, { purpose: 'magic-link', context: 'ada', password: otherPassword }), 'unknown-password');
  await at(Date.now() + 200_000, () => assert.equal(reason(seal, { purpose: 'magic-link', context: 'ada' }), 'expired'));
  assert.equal(reason('ij1.junk'), 'invalid');
  assert.throws(() => ironjar.sealDataSync({}, { password: weakPasswords[0], format: 'native' }), /published sample/);
  for (const weak of weakPasswords) assert.throws(() => ironjar.sealDataSync({}, { password: weak, format: 'native' }), { code: 'invalidArgument' });
  assert.throws(() => ironjar.sealDataSync({}, { password, format: 'ij2' }), TypeError);
});

// ---- SessionJar ----

test('a SessionJar opens and commits as the library does', () => {
  const jar = new ironjar.SessionJar({ cookieName: 'sid', passwords: { 1: password }, seal: { ttl: 600 } });
  const session = jar.open('', now);
  assert.deepEqual(session.data, {});
  session.data = { user: 'ada' };
  assert.equal(session.info.changed, true);
  const [value] = jar.commit(session, now);
  assert.match(value, /^sid=ij1\..*; Max-Age=540; /);
  const again = jar.open(value.split(';')[0], now + 1000);
  assert.deepEqual(again.data, { user: 'ada' });
  assert.equal(again.info.id, session.info.id);
  assert.equal(again.info.expiresAt, now + 600_000);
  assert.deepEqual(jar.commit(again, now), []);
  assert.equal(jar.open(value.split(';')[0], now + 700_000).info.rejection.error, 'expired');
  again.replace(now);
  assert.deepEqual(again.data, {});
  again.destroy();
  assert.throws(() => (again.data = { n: 1 }), { code: 'notAllowed' });
  const deletions = ['sid', 'sid.0', 'sid.1', 'sid.2', 'sid.3'];
  assert.deepEqual(
    jar.commit(again, now),
    deletions.map((name) => `${name}=; Max-Age=0; Path=/; HttpOnly; Secure; SameSite=Lax`),
  );
});

test('shapes that the cookie had before are deleted by a logout', () => {
  const jar = new ironjar.SessionJar({ cookieName: 'sid', passwords: password, former: [{ domain: 'example.com' }] });
  const session = jar.open('');
  session.destroy();
  assert.equal(jar.commit(session).at(-1), 'sid=; Max-Age=0; Domain=example.com; Path=/; Secure');
});

test('a SessionJar alone commits its sessions, and nothing else', () => {
  const jar = new ironjar.SessionJar({ cookieName: 'sid', passwords: password });
  assert.equal('commit' in jar.open(''), false);
  for (const other of [undefined, null, {}, jar]) assert.throws(() => jar.commit(other), TypeError);
});

test('a SessionJar refuses options that it does not know', () => {
  assert.throws(() => new ironjar.SessionJar({ cookieName: 'sid', passwords: password, cookiename: 1 }), { code: 'invalidArgument', message: /`cookiename` is not known/ });
  assert.throws(() => new ironjar.SessionJar({ cookieName: 'a b', passwords: password }), { code: 'invalidArgument' });
  assert.throws(() => new ironjar.JarSession(), TypeError);
});
