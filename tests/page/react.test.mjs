// The hook, with the React that run.sh has installed.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { Browser, settle } from './browser.mjs';

// A package for bundlers: where it stands, `react` is the application's.
const folder = process.env.IRONJAR_PAGE_MODULES;
const { useSession } = await import(pathToFileURL(join(folder, 'installed', 'react.js')));
const require = createRequire(join(folder, 'installed', 'react.js'));
const React = require('react');
const { act, create } = require('react-test-renderer');

globalThis.IS_REACT_ACT_ENVIRONMENT = true;

test('a component shows the status, and each change of it, until it goes', async () => {
  const browser = new Browser();
  const tab = browser.open();
  const shown = [];
  const Status = ({ session }) => {
    const { status, online } = useSession(session);
    shown.push(`${status} ${online}`);
    return status;
  };
  let root;
  await act(() => (root = create(React.createElement(Status, { session: tab.session }))));
  await act(settle);
  assert.equal(root.toJSON(), 'signedIn');
  await act(() => browser.setOnline(false));
  assert.equal(shown.at(-1), 'signedIn false');
  await act(() => browser.setOnline(true));
  await browser.pass(1);
  await act(() => tab.session.signOut());
  assert.equal(root.toJSON(), 'signedOut');
  await act(() => root.unmount());
  const renders = shown.length;
  await act(() => browser.setOnline(false));
  assert.equal(shown.length, renders);
});

test('without a session, as on a server, the status is unknown', async () => {
  let root;
  await act(() => (root = create(React.createElement(() => useSession(undefined).status))));
  assert.equal(root.toJSON(), 'unknown');
});
