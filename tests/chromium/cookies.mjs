// A site whose options change, before Chromium's own store of cookies. The site is ../browsers/site.cpp.
import assert from 'node:assert/strict';
import { SiteClient } from '../browsers/site_client.mjs';

const base = {
  cookieName: 'sid',
  formats: ['native'],
  passwords: ['Zk3-a-password-of-this-test-that-is-long-0001'],
  maxCookieHeader: 7600,
};
const id = 'chromium';

// Adds the scenarios, and gives what ends the site.
export async function cookieScenarios(program, { scenario, front, newPage, answerTo }) {
  const client = await SiteClient.start([program]);
  const origin = `http://${front.siteHost}`;
  let now = Date.now(); // the site's: sessions are told apart by the second in which they began
  front.site = { port: client.port, fields: () => [['X-Site', id], ['X-Now', String(now)]] };

  const start = async (options) => {
    now += 2000;
    assert.equal(await client.start(id, { ...base, ...options }, now), null);
  };
  const visitor = (context) => newPage(context, '/walk/empty', origin);
  const act = async (page, kind, query = '') => {
    assert.equal((await answerTo(page, `/app/me/${kind}?${query}`, { method: 'POST' })).status, 200);
  };
  const signIn = (page, who, bytes = 100) => act(page, 'login', `sid=${who}&bytes=${bytes}&write=1`);
  const signOut = (page) => act(page, 'logout');
  const who = async (page) => (await answerTo(page, '/app/me/read')).opened;
  const stored = async (context) => (await context.cookies()).map(({ name }) => name).sort();

  const shapes = { path: { path: '/app/me' }, domain: { domain: 'site.localhost' } };
  for (const [attribute, shape] of Object.entries(shapes)) {
    scenario(`cookie-${attribute}`,
      `two cookies of one name, since ${attribute} was changed: the later login counts, and the other is deleted`,
      'no deletion reaches the browser', async ({ context }) => {
        const page = await visitor(context);
        const signInTwice = async () => {
          await start(shape);
          await signIn(page, 'ada');
          assert.equal(await who(page), 'ada');
          await start({});
          await signIn(page, 'bob');
          assert.deepEqual(await stored(context), ['sid', 'sid']);
          assert.equal(await who(page), 'bob');
        };
        await signInTwice();
        await start({ former: [shape] });
        assert.equal(await who(page), 'bob');
        assert.deepEqual(await stored(context), ['sid'], 'the former one is deleted when two came');
        await signOut(page);
        assert.deepEqual(await stored(context), []);
        await signInTwice();
        await start({ former: [shape] });
        await signOut(page);
        assert.deepEqual(await stored(context), [], 'a logout deletes both');
        assert.equal(await who(page), 'nobody');
      });
  }

  scenario('cookie-chunks', 'a session that grows, shrinks and ends leaves nothing of name, name.0 to name.3',
    'no deletion reaches the browser', async ({ context }) => {
      await start({ chunk: true });
      const [page, other] = [await visitor(context), await visitor(context)];
      for (let round = 0; round < 2; ++round) {
        await signIn(page, 'ada', 5000);
        assert.deepEqual(await stored(context), ['sid.0', 'sid.1']);
        assert.equal(await who(other), 'ada');
        await signIn(other, 'bob');
        assert.deepEqual(await stored(context), ['sid']);
        assert.equal(await who(page), 'bob');
      }
      await signIn(page, 'ada', 5000);
      await other.evaluate(() => { for (const n of [2, 3]) document.cookie = `sid.${n}=left; Path=/; Secure`; });
      assert.deepEqual(await stored(context), ['sid.0', 'sid.1', 'sid.2', 'sid.3']);
      await signOut(page);
      assert.deepEqual(await stored(context), []);
      assert.equal(await who(other), 'nobody');
    });

  return () => client.stop();
}
