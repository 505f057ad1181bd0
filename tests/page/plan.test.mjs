// The decisions, one transition a line.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as plan from '../../bindings/browser/plan.js';

const now = 1_000_000;
const later = now + plan.heartbeat;

test('what is next', () => {
  const table = [
    ['unknown', {}, 'status'],
    ['unknown', { visible: false }, 'status'],
    ['unknown', { online: false }, Infinity],
    ['unknown', { notBefore: now + 1 }, now + 1],
    ['unknown', { stopped: true }, Infinity],
    ['signedOut', {}, Infinity],
    ['signedOut', { stale: true }, 'status'],
    ['signedOut', { stale: true, visible: false }, Infinity],
    ['signedIn', {}, later],
    ['signedIn', { refreshAt: now + 1 }, now + 1],
    ['signedIn', { refreshAt: now + 1e9 }, later],
    ['signedIn', { refreshAt: now }, 'refresh'],
    ['signedIn', { refreshAt: now, stale: true }, 'refresh'],
    ['signedIn', { refreshAt: now, notBefore: now + 7 }, now + 7],
    ['signedIn', { refreshAt: now, notBefore: now + 1e9 }, later],
    ['signedIn', { refreshAt: now, visible: false }, Infinity],
    ['signedIn', { refreshAt: now, online: false }, Infinity],
    ['signedIn', { refreshAt: now, stopped: true }, Infinity],
    ['signedIn', { stale: true }, 'status'],
  ];
  for (const [status, { refreshAt = null, ...rest }, expected] of table) {
    const known = { facts: { status, refreshAt }, visible: true, online: true, notBefore: 0, ...rest };
    assert.equal(plan.next(known, now), expected, JSON.stringify([status, refreshAt, rest]));
  }
});

test('which changes are events', () => {
  const signedIn = { status: 'signedIn', reason: null };
  const expired = { status: 'signedOut', reason: 'session_expired' };
  const left = { status: 'signedOut', reason: 'login_required' };
  const table = [
    ['unknown', signedIn, false, 'signedIn'],
    ['signedOut', signedIn, false, 'signedIn'],
    ['signedIn', signedIn, true, 'refreshed'],
    ['signedIn', expired, false, 'expired'],
    ['signedIn', left, false, 'signedOut'],
  ];
  for (const [before, after, isNew, expected] of table) assert.equal(plan.eventOf(before, after, isNew), expected);
  for (const before of ['unknown', 'signedOut']) {
    for (const after of [expired, left]) assert.ok(!plan.eventOf(before, after, false));
  }
  assert.ok(!plan.eventOf('signedIn', signedIn, false));
});

test('a pause is never shorter than asked for, and at most a quarter or a second longer', () => {
  for (const seconds of [0, 1, 5, 60, 3600]) {
    assert.equal(plan.pauseAfter(1, seconds, 0), seconds * 1000);
    assert.ok(plan.pauseAfter(1, seconds, 0.999) < 1000 * (seconds + Math.max(1, seconds / 4)));
  }
  assert.deepEqual([1, 2, 3, 8, 9, 99, 1e9].map((failures) => plan.pauseAfter(failures, null, 0) / 1000),
    [2, 4, 8, 256, 300, 300, 300]);
});

test('Retry-After: seconds or a date; anything else is none', () => {
  const of = (text) => plan.retryAfterOf(new Response(null, { headers: { 'Retry-After': text } }), now);
  assert.equal(plan.retryAfterOf(new Response(), now), null);
  const table = [['', null], ['0', 0], ['17', 17], ['soon', null], ['99999999999999', null],
    [new Date(now + 30_000).toUTCString(), 30], [new Date(now - 30_000).toUTCString(), 0]];
  for (const [text, expected] of table) assert.equal(of(text), expected, text);
  // Whatever Date.parse makes of these, it is no time before now.
  for (const odd of ['-1', '1.5', '1e9', '+5']) assert.ok(of(odd) === null || of(odd) >= 0, odd);
});
