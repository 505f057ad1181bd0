// What iron-session leaves to luck: members with the methods' names, one line for each cookie, responses that cannot be
// changed, the choice of the password that seals.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ironjar, nodePair, otherPassword, password } from './packages.mjs';

const options = { cookieName: 's', password };
const cookieIn = (line) => line.match(/^([^;]*)/)[1];

test('members that another program named save, destroy and updateConfig are kept, and hide no method', async () => {
  const data = { user: 'ada', save: 1, destroy: { n: 2 }, updateConfig: 'x' };
  const { req, res } = nodePair(`s=${await ironjar.sealData(data, { password })}`);
  const session = await ironjar.getIronSession(req, res, options);
  assert.deepEqual(Object.keys(session), ['user']);
  session.user = 'bob';
  await session.save();
  const seal = cookieIn(res.sent['set-cookie'][0]).slice(2);
  assert.deepEqual(await ironjar.unsealData(seal, { password }), { ...data, user: 'bob' });
  session.destroy();
  await session.save();
  assert.match(res.sent['set-cookie'].at(-1), /^s=; Max-Age=0/);
});

for (const [kind, pair] of Object.entries({
  node: (before) => {
    const { req, res } = nodePair(undefined, before);
    return { ask: [req, res], lines: () => res.sent['set-cookie'] };
  },
  web: (before) => {
    const response = new Response(null);
    for (const line of before) response.headers.append('set-cookie', line);
    return { ask: [new Request('https://app.example'), response], lines: () => response.headers.getSetCookie() };
  },
})) {
  test(`${kind}: a cookie that is written again takes the place of its line, and no other's`, async () => {
    const others = ['s=elsewhere; Path=/old', 's=shared; Domain=example.com; Path=/', 's=chips; path=/; Partitioned', 't=1; Path=/'];
    const { ask, lines } = pair([...others, 's=stale; Path=/']);
    const session = await ironjar.getIronSession(...ask, options);
    session.user = 'ada';
    await session.save();
    await session.save();
    session.destroy();
    assert.equal(lines().length, others.length + 1);
    assert.deepEqual(lines().slice(0, -1), others);
    assert.match(lines().at(-1), /^s=; Max-Age=0/);
  });
}

test('a response that cannot be changed says so, and what to do', async () => {
  const session = await ironjar.getIronSession(new Request('https://app.example'), Response.redirect('https://app.example/'), options);
  session.user = 'ada';
  await assert.rejects(session.save(), /headers of this response cannot be changed.*Response\.redirect\(\).*new Response\(/);
});

test('a sparse array is named as what cannot be sealed', async () => {
  const list = [1];
  list[3] = 2;
  await assert.rejects(ironjar.sealData({ list }, { password }), /not JSON serializable/);
});

test('the password that seals can be chosen', async () => {
  const both = { 1: password, 2: otherPassword };
  for (const format of ['native', 'fe26']) {
    const seal = await ironjar.sealData({ n: 1 }, { password: both, sealUnder: 1, format });
    assert.deepEqual(await ironjar.unsealData(seal, { password: { 1: password } }), { n: 1 });
    await assert.rejects(ironjar.sealData({}, { password: both, sealUnder: 3, format }), /sealUnder|no password 3/);
  }
  const { req, res } = nodePair();
  const session = await ironjar.getIronSession(req, res, { ...options, password: both, sealUnder: 1 });
  await session.save();
  assert.match(res.sent['set-cookie'][0], /^s=Fe26\.2\*1\*/);
  const jar = new ironjar.SessionJar({ cookieName: 's', passwords: both, sealUnder: 1, seal: { formats: ['fe26'] } });
  const opened = jar.open();
  opened.data = { n: 1 };
  assert.match(jar.commit(opened)[0], /^s=Fe26\.2\*1\*/);
  assert.throws(() => new ironjar.SessionJar({ cookieName: 's', passwords: both, sealUnder: 3 }), /no password 3/);
  assert.throws(() => new ironjar.SessionJar({ cookieName: 's', passwords: both, sealUnder: '1' }), /sealUnder/);
});

test('a session that would only be sealed anew says so', async () => {
  const jar = new ironjar.SessionJar({ cookieName: 's', passwords: { 1: password } });
  const begun = jar.open();
  begun.data = { user: 'ada' };
  assert.deepEqual([begun.info.changed, begun.info.resealOnly], [true, false]);
  const cookie = cookieIn(jar.commit(begun)[0]);
  const rotated = new ironjar.SessionJar({ cookieName: 's', passwords: { 1: password, 2: otherPassword } });
  const { info } = rotated.open(cookie);
  assert.deepEqual([info.changed, info.resealOnly], [false, true]);
});
