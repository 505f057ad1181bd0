// iron-session's side of the exchange: seals random sessions as JSON lines, opens such lines.
//
//   node iron.mjs seal VERSION COUNT     print COUNT lines, in the form that interop.cpp describes
//   node iron.mjs open VERSION < lines   open each seal and compare what it holds with "data"
//
// VERSION is 9 or 8. IRONJAR_NODE_MODULES may name a folder whose node_modules has iron-session 9
// and, under the alias iron-session-8, iron-session 8.

import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { isDeepStrictEqual } from 'node:util';

import { pick, randomPasswords, randomSession } from '../vectors/native_sessions.mjs';

globalThis.crypto ??= webcrypto; // Node 18 has no global one, iron-session takes no other

const packages = { 9: 'iron-session', 8: 'iron-session-8' };
const ttls = [0, 3600, 14 * 86400];

function loadIronSession(version) {
  const modules = process.env.IRONJAR_NODE_MODULES;
  const require = createRequire(modules ? resolve(modules) + '/' : import.meta.url);
  return import(pathToFileURL(require.resolve(packages[version])));
}

async function randomLine({ sealData }) {
  const passwords = randomPasswords();
  const [id, secret] = pick(Object.entries(passwords));
  const beforeRotation = { [id]: secret };
  const data = randomSession();
  const seal = await sealData(data, {
    password: pick([passwords, beforeRotation]),
    ttl: pick(ttls),
  });
  const now = Math.floor(Date.now() / 1000);
  return { passwords, purpose: 'session', context: '', now, seal, data };
}

async function seal(ironSession, count) {
  if (!/^[0-9]+$/.test(count)) throw new Error('seal needs a count');
  for (let i = 0; i < Number(count); i++) {
    console.log(JSON.stringify(await randomLine(ironSession)));
  }
}

// A seal that does not open is an empty session to iron-session, or an exception.
async function opened({ unsealData }, { seal: text, passwords }) {
  try {
    return await unsealData(text, { password: passwords });
  } catch {
    return {};
  }
}

async function difference(ironSession, line) {
  const session = await opened(ironSession, line);
  if (Object.keys(session).length === 0) return 'does not open';
  return isDeepStrictEqual(session, line.data) ? null : 'holds other data';
}

async function open(ironSession) {
  const lines = readFileSync(0, 'utf8').split('\n').filter((line) => line !== '');
  for (const [index, line] of lines.entries()) {
    const found = await difference(ironSession, JSON.parse(line));
    if (found) throw new Error(`line ${index + 1} of ${lines.length} ${found}`);
  }
  console.log(`${lines.length} sessions opened`);
}

async function main([command, version, argument]) {
  const commands = { seal, open };
  if (!Object.hasOwn(commands, command ?? '') || !Object.hasOwn(packages, version ?? '')) {
    throw new Error('usage: node iron.mjs seal 9|8 COUNT | open 9|8 < lines');
  }
  await commands[command](await loadIronSession(version), argument);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
