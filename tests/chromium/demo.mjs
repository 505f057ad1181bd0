// What must hold on the demo: tabs, history, profiles, preloading and a service worker.
import assert from 'node:assert/strict';

const session = '__Host-demo';
const accessTokenLifetime = 10_000;

// Adds the scenarios to walk.mjs's.
export function demoScenarios({ scenario, front, newPage, answerTo, app, provider, timeout }) {
  const cookieOf = async (context) => (await context.cookies(app)).find(({ name }) => name === session)?.value;
  const json = async (page, path) => JSON.parse((await answerTo(page, path)).text);
  const isSignedIn = async (page) => (await json(page, '/api/auth/status')).authenticated;
  const sessionIdOf = async (page) => (await json(page, '/session')).sessionId;
  const shows = (page, id, text) => page.locator(`#${id}`, { hasText: new RegExp(`^${text}$`) }).waitFor();
  const press = async (page, what, logged) => {
    await page.click(`[data-do=${what}]`);
    await page.locator('#log', { hasText: logged }).waitFor();
  };
  // Without waiting for an event that does not come when the page was in the back/forward cache.
  const goBack = (page) => page.goBack({ waitUntil: 'commit' });
  const goForward = (page) => page.goForward({ waitUntil: 'commit' });
  const isAt = (page, path) => page.waitForURL(app + path, { waitUntil: 'commit' });
  const counts = async () => (await fetch(`${app.replace('localhost', '127.0.0.1')}/stats`)).json();
  const expireAccessTokens = async () => {
    const done = await fetch(`${provider}/fault`, { method: 'POST', body: new URLSearchParams({ is: 'expired' }) });
    assert.ok(done.ok);
  };
  async function signIn(page) {
    await page.goto(`${app}/login`);
    await shows(page, 'signedIn', 'yes');
  }
  const signOut = (page) => press(page, 'logout', 'sign out: done');
  // The first exchange from number `from` on that `isIt` looks for, once it has been answered.
  async function seen(isIt, from = 0) {
    for (const end = Date.now() + timeout; Date.now() < end; ) {
      const found = front.exchanges.slice(from).find((exchange) => exchange.answer && isIt(exchange));
      if (found) return found;
      await new Promise((again) => setTimeout(again, 20));
    }
    throw new Error(`did not arrive: ${isIt}`);
  }
  const preloaded = (path) => seen((exchange) => exchange.purpose.startsWith('prefetch') && exchange.path === path);

  scenario('one-tab-signs-out',
    'two tabs have one session, and when one signs out, the other is told so at its next request',
    'the logout is forgotten', async ({ context }) => {
      const [first, second] = [await newPage(context), await newPage(context)];
      await signIn(first);
      await second.goto(app);
      await shows(second, 'signedIn', 'yes');
      assert.equal(await sessionIdOf(second), await sessionIdOf(first));
      await press(second, 'call', 'the API: 200');
      await signOut(first);
      assert.equal(await cookieOf(context), undefined, 'the cookie is deleted');
      assert.equal((await answerTo(second, '/api/data/items')).status, 401);
      await shows(second, 'signedIn', 'no');
    });

  scenario('both-tabs-refresh', 'two tabs with 20 calls each and a spent token: one refresh, and nobody is logged out',
    'a cookie that another response has replaced is refused', async ({ context }) => {
      const tabs = [await newPage(context), await newPage(context)];
      await signIn(tabs[0]);
      await tabs[1].goto(app);
      for (let round = 1; round <= 3; ++round) {
        const before = await counts();
        const begin = Date.now();
        await expireAccessTokens();
        await Promise.all(tabs.map((tab) => press(tab, 'burst', new RegExp(`(20 at once[^]*){${round}}`))));
        for (const tab of tabs) assert.match(await tab.textContent('#log'), /^[^\n]*20 at once: 20 × 200\n/);
        const after = await counts();
        // A page may refresh ahead besides; and on a slow machine the new token may end meanwhile.
        const most = 2 + Math.floor((Date.now() - begin) / accessTokenLifetime);
        const refreshes = after.refreshes - before.refreshes;
        assert.ok(refreshes >= 1 && refreshes <= most, `${refreshes} refreshes, not 1 to ${most}`);
        assert.equal(after.reuses, before.reuses);
      }
      const statuses = await Promise.all(tabs.map((tab) => answerTo(tab, '/api/auth/refresh', { method: 'POST' })));
      for (const { status } of statuses) assert.ok([200, 429].includes(status), `refresh: ${status}`);
      for (const tab of tabs) assert.ok(await isSignedIn(tab));
    });

  scenario('back-to-the-page',
    'the page that showed who was signed in does not show it after a logout, by the back button',
    'no answer says no-store', async ({ context }) => {
      const [page, other] = [await newPage(context), await newPage(context)];
      await signIn(page);
      await press(page, 'me', '"ada"');
      await page.goto(`${app}/walk/empty`);
      await other.goto(`${app}/walk/empty`); // a page that tells other tabs nothing
      assert.equal((await answerTo(other, '/api/auth/logout', { method: 'POST' })).status, 204);
      await goBack(page);
      await shows(page, 'signedIn', 'no');
      assert.doesNotMatch(await page.textContent('#log'), /ada/);
    });

  scenario('back-to-private-data', 'a private answer is asked for anew after a logout, by the back button',
    'no answer says no-store', async ({ context }) => {
      const [page, other] = [await newPage(context), await newPage(context)];
      await signIn(page);
      await page.goto(`${app}/me`);
      assert.match(await page.textContent('body'), /ada/);
      await page.goto(`${app}/walk/empty`);
      await other.goto(app);
      await signOut(other);
      await goBack(page);
      await isAt(page, '/me');
      assert.doesNotMatch(await page.textContent('body'), /ada/);
    });

  scenario('back-and-forward', 'back before the login, and forward again: still the same session',
    'asking who one is signs out', async ({ context }) => {
      const page = await newPage(context, '/');
      await shows(page, 'signedIn', 'no');
      await signIn(page);
      const id = await sessionIdOf(page);
      await page.goto(`${app}/me`);
      for (const go of [goBack, goBack, goForward, goForward]) await go(page);
      await isAt(page, '/me');
      assert.match(await page.textContent('body'), /ada/);
      assert.equal(await sessionIdOf(page), id);
      await page.goto(app);
      await shows(page, 'signedIn', 'yes');
    });

  scenario('restored-profile',
    'a browser that is closed and started again is signed in as before, or signed out as before',
    'the cookie ends with the browser', async ({ openProfile }) => {
      let context = await openProfile();
      let page = await newPage(context);
      await signIn(page);
      const id = await sessionIdOf(page);
      await context.close();
      context = await openProfile();
      page = await newPage(context, '/');
      assert.equal(await sessionIdOf(page), id);
      await press(page, 'call', 'the API: 200');
      await signOut(page);
      await context.close();
      context = await openProfile();
      page = await newPage(context, '/');
      await shows(page, 'signedIn', 'no');
      assert.equal(await cookieOf(context), undefined);
    });

  scenario('crash',
    'a browser that dies before it has written a new cookie to disk comes back with a spent token: still signed in',
    'a cookie that another response has replaced is refused', async ({ openProfile, kill }) => {
      let context = await openProfile();
      await signIn(await newPage(context));
      await context.close();
      context = await openProfile();
      let page = await newPage(context, '/walk/empty');
      const old = await cookieOf(context);
      await expireAccessTokens();
      assert.equal((await answerTo(page, '/api/data/items')).status, 200);
      const renewed = await cookieOf(context);
      assert.notEqual(renewed, old);
      await kill(context);
      context = await openProfile();
      assert.equal(await cookieOf(context), old, 'the new cookie was written to disk already');
      page = await newPage(context, '/walk/empty');
      assert.equal((await answerTo(page, '/api/data/items')).status, 200);
      assert.notEqual(await cookieOf(context), old);
      assert.equal((await counts()).reuses, 0);
    });

  // By <link rel=prefetch>, and by speculation rules, which follow redirects and run the page's scripts.
  for (const how of ['links', 'rules']) {
    scenario(`preloaded-by-${how}`, 'preloading logout, login and private pages changes no session',
      'a GET signs out', async ({ context }) => {
        const page = await newPage(context);
        await signIn(page);
        const id = await sessionIdOf(page);
        await page.goto(`${app}/walk/${how}`);
        await preloaded('/api/auth/logout');
        await preloaded('/me');
        assert.notEqual((await preloaded('/login')).answer.status, 303, 'a login was begun');
        if (how === 'rules') await seen(({ purpose, path }) => purpose === 'prefetch;prerender' && path === '/');
        assert.ok(await isSignedIn(page), 'signed out');
        assert.equal(await sessionIdOf(page), id);
        await page.click('text=me');
        await isAt(page, '/me');
        assert.match(await page.textContent('body'), /ada/);
      });

    scenario(`stale-by-${how}`, 'a private page that was preloaded is not shown after a logout',
      how === 'links' ? 'private pages may be cached' : 'preloading is taken for a visit', async ({ context }) => {
        const page = await newPage(context);
        await signIn(page);
        await page.goto(`${app}/walk/${how}`);
        await preloaded('/me');
        assert.equal((await answerTo(page, '/api/auth/logout', { method: 'POST' })).status, 204);
        await page.click('text=me');
        await isAt(page, '/me');
        assert.doesNotMatch(await page.textContent('body'), /ada/);
      });
  }

  // A page whose service worker answers for it, and a call from the worker itself.
  async function startWorker(context) {
    const page = await newPage(context, '/walk/worker');
    const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent('serviceworker'));
    await page.waitForFunction(() => navigator.serviceWorker.controller);
    return { page, worker };
  }

  scenario('worker',
    'a service worker has the session of its pages, and signed out stays signed out while it goes on fetching',
    'the logout is forgotten', async ({ context }) => {
      const { page, worker } = await startWorker(context);
      await signIn(page);
      assert.equal(await sessionIdOf(worker), await sessionIdOf(page));
      assert.match((await answerTo(worker, '/me')).text, /ada/);
      await expireAccessTokens();
      await worker.evaluate(() => {
        globalThis.isOver = false;
        const go = async () => {
          const statuses = [];
          while (!isOver) {
            for (const path of ['/me', '/api/data/items', '/session']) statuses.push((await fetch(path)).status);
          }
          return statuses;
        };
        globalThis.background = Promise.all([go(), go(), go()]);
      });
      await seen(({ path, answer }) => path === '/api/data/items' && answer.status === 200);
      await signOut(page);
      const next = await seen(({ path }) => path === '/api/data/items', front.exchanges.length);
      const statuses = await worker.evaluate(() => { isOver = true; return background; });
      assert.equal(next.answer.status, 401);
      assert.deepEqual([...new Set(statuses.flat())].sort(), [200, 401]);
      assert.equal((await answerTo(worker, '/me')).status, 401);
      assert.ok(!(await isSignedIn(page)));
      await page.reload();
      await shows(page, 'signedIn', 'no');
    });

  scenario('late-worker', 'an answer with new tokens that reaches the browser after the logout signs nobody in',
    'the logout deletes the cookie, and that is all', async ({ context }) => {
      const { page, worker } = await startWorker(context);
      await signIn(page);
      assert.match((await answerTo(page, '/me')).text, /ada/);
      await expireAccessTokens();
      let arrived, release;
      const held = new Promise((done) => { arrived = done; });
      front.holds = ({ path, answer }) => {
        if (path !== '/api/data/items' || !answer.fields.some(([name]) => /^set-cookie$/i.test(name))) return;
        arrived();
        return new Promise((done) => { release = done; });
      };
      const late = answerTo(worker, '/api/data/items');
      await held;
      front.holds = null;
      await signOut(page);
      assert.equal(await cookieOf(context), undefined);
      release();
      assert.equal((await late).status, 200);
      assert.notEqual(await cookieOf(context), undefined, 'the late answer did not set a cookie');
      assert.ok(!(await isSignedIn(page)), 'signed in again');
      assert.equal((await answerTo(worker, '/me')).status, 401);
      await page.reload();
      await shows(page, 'signedIn', 'no');
    });
}
