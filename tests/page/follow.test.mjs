// A page that goes where the status says.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { followRedirects } from '../../bindings/browser/follow.js';
import { Browser, json, settle } from './browser.mjs';

const signedInAnd = (more) => () => json({ authenticated: true, expiresIn: null, refreshAt: null, ...more });

function open(browser, where, options) {
  const tab = browser.open({}, where);
  tab.unfollow = followRedirects(tab.session, options, tab.environment);
  return tab;
}

test('a page goes there once, and not when it is there or below', async () => {
  const browser = new Browser();
  browser.server.answer = signedInAnd({ redirectTo: '/profile?new=1' });
  const storage = new Map();
  const visits = async (path) => {
    const tab = open(browser, { path, storage });
    await settle();
    tab.unfollow();
    return tab.visits;
  };
  assert.deepEqual(await visits('/profile'), []);
  assert.deepEqual(await visits('/profile/name'), []);
  assert.deepEqual(await visits('/cart'), ['/profile?new=1']);
  assert.deepEqual(await visits('/cart'), []); // sent back at once: no loop
  await browser.pass(61);
  assert.deepEqual(await visits('/profiles'), ['/profile?new=1']);
});

test('it stays when the rule has no place for it, and without followRedirects', async () => {
  const browser = new Browser();
  const tab = open(browser);
  await settle();
  browser.server.answer = signedInAnd({ redirectTo: '/profile' });
  const other = browser.open();
  await settle();
  assert.equal(other.state.details.redirectTo, '/profile');
  assert.deepEqual(other.visits, []);
  assert.deepEqual(tab.visits, ['/profile']); // it has been told
});

test('a hidden page goes when it is shown; one that cannot remember, or follows no more, stays', async () => {
  const browser = new Browser();
  browser.server.answer = signedInAnd({ redirectTo: '/profile' });
  const tab = open(browser, { visible: false });
  const blocked = open(browser, { blocked: true });
  const left = open(browser);
  left.unfollow();
  await settle();
  assert.deepEqual(tab.visits, []);
  await tab.show(true);
  assert.deepEqual(tab.visits, ['/profile']);
  assert.deepEqual(blocked.visits, []);
  assert.deepEqual(left.visits, []);
});

test('to the login it goes so that it comes back, also when a refresh finds the login over', async () => {
  const browser = new Browser();
  const tab = open(browser, undefined, { loginUrl: '/signin' });
  await settle();
  let signIns = 0;
  tab.session.signIn = () => ++signIns;
  browser.server.answer = (_, path) =>
    path.endsWith('/refresh') && json({ reason: 'session_expired', redirectTo: '/signin' }, 401);
  await browser.pass(545);
  assert.equal(tab.state.status, 'signedOut');
  assert.equal(signIns, 1);
  assert.deepEqual(tab.visits, []);
});

test('what is no path of this site is nowhere to go', async () => {
  for (const redirectTo of ['https://a.example', '//a.example', '/\\a.example', 'javascript:alert(1)', 7, null, {}]) {
    const browser = new Browser();
    browser.server.answer = signedInAnd({ redirectTo });
    const tab = open(browser);
    await settle();
    assert.deepEqual(tab.visits, []);
  }
});
