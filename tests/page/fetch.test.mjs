// A fetch that understands the reasons of our answers: what it repeats, when, and when it goes to sign in.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, json, refusal, settle } from './browser.mjs';

const signInHere = 'https://app.example.com/login?returnTo=%2Fcart%3Fitem%3D1%23top';

// A page whose requests to /data get these answers, one after the other, and then {ok: true}.
async function page(answers, options, opened) {
  const browser = new Browser();
  const bodies = [];
  browser.server.answer = async (request, path) => {
    if (path !== '/data') return null;
    bodies.push(await request.text());
    return answers.shift()?.();
  };
  const tab = browser.open(options, opened);
  await settle();
  return { browser, tab, bodies, asked: () => bodies.length };
}

// Lets a request begin, and says how it stands.
async function begin(tab, method = 'GET', init = {}) {
  const begun = { status: null };
  begun.done = tab.session.fetch('/data', { method, ...init }).then(
    (response) => (begun.status = response.status),
    (error) => (begun.error = error),
  );
  await settle();
  return begun;
}
const busy = (seconds) => () => refusal(503, 'temporarily_unavailable', { 'Retry-After': String(seconds) });
const over = () => refusal(401, 'session_expired');

test('an answer that is no refusal is passed on, and so are the request and its body', async () => {
  const { tab, bodies } = await page([]);
  const response = await tab.session.fetch(new URL('https://app.example.com/data'), { method: 'POST', body: 'a body' });
  assert.deepEqual(await response.json(), { ok: true });
  assert.deepEqual(bodies, ['a body']);
});

for (const [name, answer] of [['503', busy(10)],
  ['429', () => refusal(429, 'too_many_requests', { 'Retry-After': '10' })]]) {
  test(`our own ${name}: waits as Retry-After says, with jitter, and sends it again with its body`, async () => {
    for (const random of [0, 0.999]) {
      const { browser, tab, bodies } = await page([answer]);
      browser.random = random;
      const begun = await begin(tab, 'POST', { body: 'a body' });
      await browser.pass(10 + 2.5 * random - 0.01);
      assert.equal(bodies.length, 1);
      await browser.pass(0.02);
      assert.deepEqual(bodies, ['a body', 'a body']);
      assert.equal(begun.status, 200);
    }
  });
}

test('it gives up after three waits, and does not wait longer than a minute', async () => {
  const often = await page(Array(9).fill(busy(1)));
  const first = await begin(often.tab);
  await often.browser.pass(60);
  assert.equal(first.status, 503);
  assert.equal(often.asked(), 4);
  const long = await page([busy(61)]);
  assert.equal((await begin(long.tab)).status, 503);
  assert.equal(long.asked(), 1);
});

test("another's 503 is waited for by methods that may be repeated, and by no other", async () => {
  for (const [method, repeats] of Object.entries({ GET: 1, PUT: 1, DELETE: 1, HEAD: 1, POST: 0, PATCH: 0 })) {
    const another = () => new Response('busy', { status: 503, headers: { 'Retry-After': '3' } });
    const { browser, tab, asked } = await page([another]);
    await begin(tab, method);
    await browser.pass(10);
    assert.equal(asked(), 1 + repeats, method);
  }
});

test('what only looks like ours is passed on', async () => {
  const others = [
    () => refusal(401, 'session expired'),
    () => refusal(401, ['session_expired']),
    () => refusal(401, 'temporarily_unavailable'),
    () => refusal(403, 'session_expired'),
    () => refusal(200, 'session_expired'),
    () => refusal(429, 'slow_down', { 'Retry-After': '1' }),
    () => new Response('{"reason":"session_expired"', { status: 401 }),
    () => new Response('null', { status: 401 }),
    () => new Response(null, { status: 401 }),
    () => json({ reason: { toString: 'session_expired' } }, 401),
    () => refusal(502, 'temporarily_unavailable'),
  ];
  for (const answer of others) {
    const { browser, tab, asked } = await page([answer]);
    const begun = await begin(tab, 'POST');
    await browser.pass(10);
    assert.equal(begun.status, answer().status, String(answer));
    assert.equal(asked(), 1, String(answer));
    assert.deepEqual(tab.visits, []);
  }
});

test('superseded: repeated once, with its body', async () => {
  const { tab, bodies } = await page([() => refusal(401, 'superseded')]);
  assert.equal((await begin(tab, 'POST', { body: 'a body' })).status, 200);
  assert.deepEqual(bodies, ['a body', 'a body']);
  const again = await page(Array(9).fill(() => refusal(401, 'superseded')));
  assert.equal((await begin(again.tab)).status, 401);
  assert.equal(again.asked(), 2);
});

test('a session that has ended: told, and to sign in and back to where the user was', async () => {
  for (const reason of ['session_expired', 'login_required']) {
    const { browser, tab, asked } = await page([() => refusal(401, reason)]);
    browser.server.signedIn = false;
    browser.server.reason = reason;
    assert.equal((await begin(tab)).status, 401);
    assert.equal(asked(), 1);
    assert.deepEqual(tab.events, ['signedIn', reason === 'session_expired' ? 'expired' : 'signedOut']);
    assert.deepEqual(tab.visits, [signInHere]);
  }
});

test('a refusal of a session that another tab has replaced by a login is repeated', async () => {
  const { tab, asked } = await page([over]);
  assert.equal((await begin(tab)).status, 200);
  assert.equal(asked(), 2);
  assert.deepEqual(tab.visits, []);
});

test('when the status cannot be had, the request is repeated, and its answer decides', async () => {
  const { browser, tab } = await page([over]);
  const { answer } = browser.server;
  browser.server.answer = (request, path) =>
    path.endsWith('/status') ? busy(5)() : answer(request, path);
  assert.equal((await begin(tab)).status, 200);
  assert.deepEqual(tab.visits, []);
});

test('20 refusals at once: one look at the status, one way to sign in', async () => {
  const { browser, tab } = await page(Array(20).fill(over));
  browser.server.signedIn = false;
  await Promise.all(Array.from({ length: 20 }, () => begin(tab)));
  assert.equal(browser.server.count('GET /api/auth/status'), 2);
  assert.equal(tab.visits.length, 1);
});

test('it never loops: back from signing in to the same refusal, the page stays, for a minute', async () => {
  const storage = new Map();
  const { browser, tab } = await page(Array(99).fill(over), {}, { storage });
  await begin(tab);
  assert.equal(tab.visits.length, 1);
  for (let i = 0; i < 5; ++i) {
    await browser.pass(10);
    const back = browser.open({}, { storage });
    await settle();
    assert.equal((await begin(back)).status, 401);
    assert.deepEqual(back.visits, []);
  }
  await browser.pass(11);
  const later = browser.open({}, { storage });
  await settle();
  await begin(later);
  assert.equal(later.visits.length, 1);
});

test('a request that was answered in between makes the next end one of its own', async () => {
  const { browser, tab } = await page([over, over, () => null, over, over]);
  for (let i = 0; i < 3; ++i) {
    await begin(tab);
    await browser.pass(1);
  }
  assert.equal(tab.visits.length, 2);
});

test('where nothing can be remembered, or the page is hidden, it stays', async () => {
  for (const opened of [{ blocked: true }, { visible: false }]) {
    const { browser, tab } = await page([over], {}, opened);
    browser.server.signedIn = false;
    assert.equal((await begin(tab)).status, 401);
    assert.deepEqual(tab.visits, []);
  }
});

test('login and register are left alone: as pages, and as what is asked for', async () => {
  for (const path of ['/login', '/login?returnTo=/x', '/login/reset', '/register', '/signin/now']) {
    const { browser, tab } = await page([over], { publicPaths: ['/register', '/signin'] }, { path });
    browser.server.signedIn = false;
    assert.equal((await begin(tab)).status, 401);
    assert.deepEqual(tab.visits, [], path);
  }
  const { browser, tab } = await page([]);
  browser.server.answer = () => over();
  for (const path of ['/login', '/register/check']) {
    const before = browser.server.requests.length;
    assert.equal((await tab.session.fetch(path, { method: 'POST' })).status, 401);
    assert.equal(browser.server.requests.length, before + 1);
  }
  assert.deepEqual(tab.visits, []);
  const elsewhere = await page([over, over], {}, { path: '/logins' });
  await begin(elsewhere.tab);
  assert.equal(elsewhere.tab.visits.length, 1);
});

test('other origins are left alone, unless they are named', async () => {
  const { browser, tab } = await page([]);
  browser.server.answer = (request) => (request.url.startsWith('https://api') ? over() : null);
  browser.server.signedIn = false;
  assert.equal((await tab.session.fetch('https://api.example.com/x')).status, 401);
  assert.deepEqual(tab.visits, []);
  const named = browser.open({ origins: ['https://api.example.com'] });
  await settle();
  await named.session.fetch('https://api.example.com/x');
  assert.equal(named.visits.length, 1);
});

test('one that is aborted while it waits ends at once, and is not sent again', async () => {
  const { browser, tab, asked } = await page([busy(10)]);
  const abort = new AbortController();
  const begun = await begin(tab, 'GET', { signal: abort.signal });
  abort.abort(new Error('enough'));
  await settle();
  assert.equal(begun.error.message, 'enough');
  await browser.pass(20);
  assert.equal(asked(), 1);
  assert.equal(tab.state.online, true);
});

test('a network that fails is said, and what has been missed is asked for when it is back', async () => {
  const { browser, tab } = await page([() => Promise.reject(new TypeError('fetch failed'))]);
  const { answer } = browser.server;
  browser.server.answer = () => Promise.reject(new TypeError('fetch failed'));
  const begun = await begin(tab);
  assert.ok(begun.error instanceof TypeError);
  assert.equal(tab.state.online, false);
  browser.server.answer = answer;
  await browser.pass(5);
  assert.equal(tab.state.online, true);
  assert.equal(tab.state.status, 'signedIn');
});

test('signIn goes where it is told to come back to, however often, by a login of another path too', async () => {
  const { tab } = await page([], { loginUrl: '/account/login?prompt=login' });
  tab.session.signIn('/orders');
  tab.session.signIn();
  assert.deepEqual(tab.visits, [
    'https://app.example.com/account/login?prompt=login&returnTo=%2Forders',
    'https://app.example.com/account/login?prompt=login&returnTo=%2Fcart%3Fitem%3D1%23top',
  ]);
});
