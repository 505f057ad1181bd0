// A page that knows its session: what it asks the server for, and when.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Browser, json, refusal, settle } from './browser.mjs';

const status = 'GET /api/auth/status';

test('the status is unknown at first, then known with its end and the next refresh', async () => {
  const browser = new Browser();
  const tab = browser.open();
  assert.deepEqual(tab.state, {
    status: 'unknown', reason: null, expiresAt: null, refreshAt: null, online: true, details: null,
  });
  await settle();
  assert.equal(tab.state.status, 'signedIn');
  assert.equal(tab.state.expiresAt, browser.now + 600_000);
  assert.equal(tab.state.refreshAt, browser.now + 540_000);
  assert.deepEqual(tab.events, ['signedIn']);
});

test('what else the application puts into the status is passed on', async () => {
  const browser = new Browser();
  browser.server.answer = () => json({ authenticated: true, expiresIn: null, refreshAt: null, claims: { sub: 'ada' } });
  const tab = browser.open();
  await settle();
  assert.deepEqual(tab.state.details.claims, { sub: 'ada' });
  await browser.pass(3600);
  assert.equal(browser.server.refreshes, 0);
});

test('a visible page refreshes ahead of the end, not sooner, again and again', async () => {
  const browser = new Browser();
  const [tab] = await browser.openTabs(1);
  await browser.pass(539);
  assert.equal(browser.server.refreshes, 0);
  await browser.pass(1);
  assert.equal(browser.server.refreshes, 1);
  assert.deepEqual(tab.events, ['signedIn', 'refreshed']);
  await browser.pass(540 * 9);
  assert.equal(browser.server.refreshes, 10);
});

for (const without of ['nothing', 'hasChannel', 'hasLocks']) {
  test(`three visible tabs refresh once (without: ${without})`, async () => {
    const browser = new Browser();
    if (without !== 'nothing') browser[without] = false;
    const tabs = await browser.openTabs(3);
    await browser.pass(545);
    if (without !== 'hasLocks') assert.equal(browser.server.refreshes, 1);
    for (const tab of tabs) {
      assert.ok(tab.state.refreshAt > browser.now);
      if (without === 'nothing') assert.deepEqual(tab.events, ['signedIn', 'refreshed']);
    }
  });
}

test('a tab that holds the lock and hangs gives up after a minute, and another goes on', async () => {
  const browser = new Browser();
  await browser.openTabs(2);
  let hangs = 0;
  browser.server.answer = (_, path) => path.endsWith('/refresh') && hangs++ === 0 && new Promise(() => {});
  await browser.pass(599);
  assert.equal(browser.server.refreshes, 0);
  await browser.pass(2);
  assert.equal(browser.server.refreshes, 1);
});

test('a hidden page refreshes when it is shown, at once, and not before', async () => {
  const browser = new Browser();
  const [tab] = await browser.openTabs(1);
  await tab.show(false);
  const asked = browser.server.requests.length;
  await browser.pass(7200);
  assert.equal(browser.server.requests.length, asked);
  assert.equal(browser.timers, 0);
  await tab.show(true);
  assert.equal(browser.server.refreshes, 1);
});

test('a page that is shown again after a short while asks nothing, and after a longer one for the status', async () => {
  const browser = new Browser();
  const [tab] = await browser.openTabs(1);
  await tab.show(false);
  await browser.pass(5);
  await tab.show(true);
  assert.equal(browser.server.count(status), 1);
  await browser.pass(6);
  tab.fire('focus');
  await settle();
  assert.equal(browser.server.count(status), 2);
  assert.equal(browser.server.refreshes, 0);
});

test('offline is said, asks for nothing, and is caught up with at once', async () => {
  const browser = new Browser();
  const [tab] = await browser.openTabs(1);
  await browser.setOnline(false);
  assert.equal(tab.state.online, false);
  const asked = browser.server.requests.length;
  await browser.pass(7200);
  assert.equal(browser.server.requests.length, asked);
  assert.equal(tab.state.status, 'signedIn');
  await browser.setOnline(true);
  assert.equal(tab.state.online, true);
  assert.equal(browser.server.refreshes, 1);
});

test('after a sleep it refreshes at the next look at the clock, within 15 s', async () => {
  const browser = new Browser();
  await browser.openTabs(1);
  await browser.pass(100);
  browser.jump(3600);
  await browser.pass(15);
  assert.equal(browser.server.refreshes, 1);
});

test('after a short sleep it asks for the status', async () => {
  const browser = new Browser();
  const [tab] = await browser.openTabs(1);
  await browser.pass(100);
  browser.server.signedIn = false;
  browser.server.reason = 'session_expired';
  browser.jump(120);
  await browser.pass(15);
  assert.deepEqual(tab.events, ['signedIn', 'expired']);
});

test('a clock that is moved back by an hour delays no refresh', async () => {
  const browser = new Browser();
  await browser.openTabs(1);
  await browser.pass(100);
  browser.jump(-3600);
  browser.server.end -= 3600_000;
  await browser.pass(445);
  assert.equal(browser.server.refreshes, 1);
});

for (const clockError of [-86_400, -600, 600, 86_400]) {
  test(`a server whose clock is wrong by ${clockError} s: refreshed in time, and not all the time`, async () => {
    const browser = new Browser();
    browser.server.clockError = clockError;
    const [tab] = await browser.openTabs(1);
    for (let minute = 0; minute < 120; ++minute) {
      await browser.pass(60);
      tab.fire('focus');
      await settle();
    }
    assert.ok(browser.server.refreshes >= 11 && browser.server.refreshes <= 26, `${browser.server.refreshes} in 2 h`);
  });
}

test('a logout is told to every tab, and from then on nobody asks for anything, until a login', async () => {
  const browser = new Browser();
  const tabs = await browser.openTabs(2);
  await tabs[1].show(false);
  await browser.pass(1);
  assert.equal(await tabs[0].session.signOut(), true);
  await settle();
  for (const tab of tabs) {
    assert.equal(tab.state.status, 'signedOut');
    assert.deepEqual(tab.events, ['signedIn', 'signedOut']);
  }
  const asked = browser.server.requests.length;
  await browser.pass(7200);
  assert.equal(browser.server.requests.length, asked);
  assert.equal(browser.timers, 0);

  browser.server.signedIn = true;
  browser.server.renew();
  browser.open(); // the page that the login has led to
  await settle();
  for (const tab of tabs) assert.deepEqual(tab.events, ['signedIn', 'signedOut', 'signedIn']);
  await browser.pass(541);
  assert.equal(browser.server.refreshes, 1);
});

test('a logout that the server has not got changes nothing', async () => {
  const browser = new Browser();
  const [tab] = await browser.openTabs(1);
  browser.server.answer = (_, path) => path.endsWith('/logout') && refusal(403, 'cross_site_request');
  assert.equal(await tab.session.signOut(), false);
  assert.equal(tab.state.status, 'signedIn');
});

test('an answer that was given before a logout in another tab is asked for again', async () => {
  const browser = new Browser();
  const tabs = await browser.openTabs(2);
  let release;
  const early = await browser.server.status().json();
  let held = 0;
  browser.server.answer = (_, path) =>
    path.endsWith('/status') && held++ === 0 && new Promise((done) => (release = () => done(json(early))));
  await browser.pass(10);
  tabs[0].fire('focus');
  await browser.pass(1);
  await tabs[1].session.signOut();
  await settle();
  assert.equal(tabs[0].state.status, 'signedOut');
  await browser.pass(1);
  release();
  await settle();
  assert.equal(tabs[0].state.status, 'signedOut');
  assert.deepEqual(tabs[0].events, ['signedIn', 'signedOut']);
});

test('a login that ends at the provider is told as expired, in every tab, when a refresh finds out', async () => {
  const browser = new Browser();
  const tabs = await browser.openTabs(2);
  browser.server.answer = (_, path) => path.endsWith('/refresh') && refusal(401, 'session_expired');
  await browser.pass(545);
  for (const tab of tabs) {
    assert.deepEqual(tab.events, ['signedIn', 'expired']);
    assert.equal(tab.state.reason, 'session_expired');
    assert.deepEqual(tab.visits, []);
  }
});

test('an outage: no sooner than Retry-After says, at most a quarter later, and still signed in', async () => {
  const browser = new Browser();
  const [tab] = await browser.openTabs(1);
  browser.server.answer = (_, path) =>
    path.endsWith('/refresh') && refusal(503, 'temporarily_unavailable', { 'Retry-After': '40' });
  await browser.pass(579.9);
  assert.equal(browser.server.count('POST /api/auth/refresh'), 1);
  await browser.pass(10.2);
  assert.equal(browser.server.count('POST /api/auth/refresh'), 2);
  assert.equal(tab.state.status, 'signedIn');
  browser.server.answer = null;
  await browser.pass(51);
  assert.equal(browser.server.refreshes, 1);
});

test('a server that is away or answers nonsense: asked less and less, and nobody is signed out', async () => {
  const nonsense = [
    () => new Response('<html>'),
    () => new Response('null'),
    () => json([]),
    () => json({ authenticated: 'yes' }),
    () => json({ authenticated: 1, expiresIn: 'soon' }),
    () => json({ reason: 'session_expired' }),
    () => refusal(401, 'because'),
    () => refusal(401, ['session_expired']),
    () => new Response('session_expired', { status: 401 }),
    () => refusal(403, 'cross_site_request'),
    () => refusal(404, 'session_expired'),
    () => refusal(500, 'internal_error'),
    () => Promise.reject(new TypeError('fetch failed')),
  ];
  for (const answer of nonsense) {
    const browser = new Browser();
    const [tab] = await browser.openTabs(1);
    browser.server.answer = answer;
    await browser.pass(3600 * 2);
    assert.equal(tab.state.status, 'signedIn', String(answer));
    const asked = browser.server.requests.length;
    assert.ok(asked > 10 && asked < 60, `${asked} requests: ${answer}`);
    browser.server.answer = null;
    await browser.pass(400);
    assert.equal(browser.server.refreshes, 1, String(answer));
    assert.equal(tab.state.online, true);
  }
});

test('times that are none are no times', async () => {
  for (const times of [{ expiresIn: 'soon', refreshAt: 'now' }, { expiresIn: {}, refreshAt: [] }, {}]) {
    const browser = new Browser();
    browser.server.answer = () => json({ authenticated: true, ...times });
    const tab = browser.open();
    await browser.pass(600);
    assert.equal(tab.state.status, 'signedIn');
    assert.equal(tab.state.expiresAt, null);
    assert.deepEqual(browser.server.requests, [status]);
  }
});

test('too many requests: another look at the status, and no logout', async () => {
  const browser = new Browser();
  const [tab] = await browser.openTabs(1);
  browser.server.answer = (_, path) => {
    if (!path.endsWith('/refresh')) return null;
    browser.server.renew(); // another window has just refreshed
    return refusal(429, 'too_many_requests', { 'Retry-After': '5' });
  };
  await browser.pass(550);
  assert.deepEqual(tab.events, ['signedIn']);
  assert.equal(browser.server.count('POST /api/auth/refresh'), 1);
  assert.ok(tab.state.refreshAt > browser.now);
});

test('a refresh with a cookie that another tab has replaced is asked again, and nobody is signed out', async () => {
  const browser = new Browser();
  const [tab] = await browser.openTabs(1);
  let times = 0;
  browser.server.answer = (_, path) => path.endsWith('/refresh') && times++ === 0 && refusal(401, 'superseded');
  await browser.pass(545);
  assert.deepEqual(tab.events, ['signedIn', 'refreshed']);
});

test('a page out of the back/forward cache asks again, signed out or not', async () => {
  const browser = new Browser();
  browser.server.signedIn = false;
  const [tab] = await browser.openTabs(1);
  assert.equal(tab.state.status, 'signedOut');
  assert.equal(tab.state.reason, 'login_required');
  assert.deepEqual(tab.events, []);
  browser.server.signedIn = true;
  tab.fire('pageshow');
  await settle();
  assert.equal(browser.server.count(status), 1);
  tab.fire('restored');
  await settle();
  assert.deepEqual(tab.events, ['signedIn']);
});

test('stopped, a page asks for nothing and hears nothing', async () => {
  const browser = new Browser();
  const [tab, other] = await browser.openTabs(2);
  tab.session.stop();
  other.session.stop();
  const asked = browser.server.requests.length;
  await browser.pass(7200);
  tab.fire('focus');
  await settle();
  assert.equal(browser.server.requests.length, asked);
  assert.equal(browser.timers, 0);
});

test('subscribers are told of each change, until they leave', async () => {
  const browser = new Browser();
  const tab = browser.open();
  const seen = [];
  const leave = tab.session.subscribe(() => seen.push(tab.state));
  await settle();
  assert.equal(seen.length, 1);
  assert.equal(seen[0], tab.session.getState());
  leave();
  await browser.setOnline(false);
  assert.equal(seen.length, 1);
  assert.notEqual(seen[0], tab.session.getState());
});
