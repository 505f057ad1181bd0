// Numbers that JavaScript does not write as they were written: integers over 2^53 and 1.0, which other programs put into
// sessions.
import assert from 'node:assert/strict';
import { test } from 'node:test';

import { ironjar, native, nodePair, password } from './packages.mjs';

const formats = ['native', 'fe26'];
const options = { cookieName: 's', password };
const numbers = '{"id":9007199254740993,"big":18446744073709551615,"low":-9007199254740993,"one":1.0,"power":1e5,"zero":-0}';
const text = `{"user":${numbers},"list":[1.0,9007199254740993,{"deep":1.50}],"id":9007199254740995,"name":"1.0, 9007199254740993"}`;

// As C++, Python and others seal: the text as it stands.
const sealer = (format) => native.newSealer(JSON.stringify({ passwords: password, formats: [format], context: format === 'native' ? 's' : '' }));
const sealText = (format, json) => native.seal(sealer(format), json, Date.now());
const textIn = (format, seal) => native.unseal(sealer(format), seal, Date.now());

const sent = (res) => res.sent['set-cookie'].at(-1).match(/^s=([^;]*)/)[1];
async function opened(format, json) {
  const { req, res } = nodePair(`s=${sealText(format, json)}`);
  return { res, session: await ironjar.getIronSession(req, res, { ...options, format, formats }) };
}

for (const format of formats) {
  test(`${format}: what a session brought and nobody changed is written as it came`, async () => {
    const { res, session } = await opened(format, text);
    assert.equal(session.user.one, 1);
    assert.equal(session.user.id, Number('9007199254740993'));
    await session.save();
    assert.equal(textIn(format, sent(res)), text);
    session.more = true;
    session.user.name = 'ada';
    await session.save();
    assert.equal(textIn(format, sent(res)), text.replace('"zero":-0}', '"zero":-0,"name":"ada"}').replace(/}$/, ',"more":true}'));
  });

  test(`${format}: a changed integer over 2^53 is refused, as it may have been rounded; the others are written`, async () => {
    const { res, session } = await opened(format, text);
    session.user.one = 2;
    session.list[0] = 1.5;
    session.user.power = 1e300;
    await session.save();
    assert.match(textIn(format, sent(res)), /"one":2,"power":1e\+300,.*\[1\.5,/);
    for (const change of [(s) => (s.user.id += 2), (s) => (s.user = { ...s.user }), (s) => (s.list[2] = { id: 2 ** 53 })]) {
      const { session: changed } = await opened(format, text);
      change(changed);
      await assert.rejects(changed.save(), /over 2\^53.*store it as a text/);
    }
    await assert.rejects(ironjar.sealData({ id: 2 ** 60 }, { password, format }), /`id` is over 2\^53/);
    assert.equal(textIn(format, await ironjar.sealData({ id: 2 ** 53 - 1 }, { password, format, ...(format === 'native' && { context: 's' }) })), '{"id":9007199254740991}');
  });
}

test('a SessionJar’s data that is put back is no change, in whatever new object its members are', () => {
  const jar = new ironjar.SessionJar({ cookieName: 's', passwords: password });
  const session = jar.open(`s=${sealText('native', text)}`);
  assert.equal(session.info.rejection, null);
  session.data = session.data;
  session.data = { ...session.data };
  assert.equal(session.info.changed, false);
  assert.deepEqual(jar.commit(session), []);
  session.data = { ...session.data, name: 'ada' };
  assert.equal(session.info.changed, true);
  const [line] = jar.commit(session);
  assert.match(textIn('native', line.match(/^s=([^;]*)/)[1]), /"id":9007199254740995/);
});

test('a text that looks like a number kept aside is a text', async () => {
  const { session } = await opened('native', text);
  const seen = JSON.stringify(session);
  assert.equal(session.name, '1.0, 9007199254740993');
  assert.doesNotMatch(seen, /[0-9a-f]{32}:/);
  const { res, session: other } = await opened('native', '{"text":"\\"1.0\\\\","n":[0,-1,12,0.5,"a\\\\"]}');
  await other.save();
  assert.deepEqual(JSON.parse(textIn('native', sent(res))), { text: '"1.0\\', n: [0, -1, 12, 0.5, 'a\\'] });
});

test('numbers in a long text are read in time that follows from its size', () => {
  const items = '{"a":"' + '\\"'.repeat(2000) + '","b":[' + '1.0,'.repeat(2000) + '1]}';
  const begin = process.cpuUsage().user;
  for (let i = 0; i < 20; i++) ironjar.unsealDataSync(sealText('native', items), { password, context: 's' });
  assert.ok(process.cpuUsage().user - begin < 2_000_000);
});
