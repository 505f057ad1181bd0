// A new password reaches servers that share their sessions, two of ironjar and one each of iron-session 9 and 8, in the
// order that include/ironjar/README.md gives. Whoever has a cookie is known everywhere after each single restart. The
// controls are two other orders, in which somebody must be a stranger somewhere.
//
//   node rotation.mjs IRONJAR     the command line program; IRONJAR_NODE_MODULES as for iron.mjs
import { spawnSync } from 'node:child_process';
import { randomBytes, webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

globalThis.crypto ??= webcrypto; // Node 18 has no global one

const [program] = process.argv.slice(2);
const require = createRequire(resolve(process.env.IRONJAR_NODE_MODULES) + '/');
const load = (name) => import(pathToFileURL(require.resolve(name)));
const ironSession = { 9: await load('iron-session'), 8: await load('iron-session-8') };

const secrets = { 1: randomBytes(32).toString('base64'), 2: randomBytes(32).toString('base64') };
const passwords = (...ids) => Object.fromEntries(ids.map((id) => [id, secrets[id]]));
const cookieName = 'session';

// ---- servers: `ids` are the passwords that it knows, `sealUnder` is ironjar's choice of one ----

function ask(request) {
  const { stdout } = spawnSync(program, ['jsonl'], { input: JSON.stringify(request) + '\n', encoding: 'utf8' });
  return JSON.parse(stdout);
}

// Answers with who the visitor is, and the cookie to keep.
function ironjar({ ids, sealUnder }) {
  const options = { cookieName, passwords: passwords(...ids), sealUnder, seal: { formats: ['fe26', 'native'] } };
  const kept = (answer, cookie) => answer.setCookie?.[0]?.match(/^session=([^;]+)/)?.[1] ?? cookie;
  return {
    read(cookie) {
      const answer = ask({ op: 'open', options, header: `${cookieName}=${cookie}` });
      return { user: answer.data?.user, cookie: kept(answer, cookie) };
    },
    write: (cookie, data) => kept(ask({ op: 'commit', options, header: `${cookieName}=${cookie}`, data }), cookie),
  };
}

function iron(version, { ids }) {
  const { sealData, unsealData } = ironSession[version];
  const password = passwords(...ids);
  return {
    read: async (cookie) => ({ user: (await unsealData(cookie, { password })).user, cookie }),
    write: (_, data) => sealData(data, { password }),
  };
}

const kinds = { 'ironjar a': ironjar, 'ironjar b': ironjar, 'iron-session 9': iron.bind(null, 9), 'iron-session 8': iron.bind(null, 8) };
const names = Object.keys(kinds);
const ours = names.slice(0, 2);
const theirs = names.slice(2);

// ---- the walk: each step restarts some servers at once ----

const each = (servers, configuration) => servers.map((name) => [[name], configuration]);
const atOnce = (servers, configuration) => [[servers, configuration]];

const learned = { ids: [1, 2], sealUnder: 1 };
const both = { ids: [1, 2] };
const last = { ids: [2] };
const asGiven = [...each(ours, learned), ...atOnce(theirs, both), ...each(ours, both), ...each(names, last)];

// What goes wrong, or null.
async function walk(steps) {
  const servers = Object.fromEntries(names.map((name) => [name, kinds[name]({ ids: [1] })]));
  const browsers = await Promise.all(
    names.map(async (name) => ({ user: `of ${name}`, cookie: await servers[name].write('', { user: `of ${name}` }) })),
  );
  for (const [restarted, configuration] of steps) {
    for (const name of restarted) servers[name] = kinds[name](configuration);
    for (const browser of browsers) {
      for (const name of [...names, ...names]) {
        const { user, cookie } = await servers[name].read(browser.cookie);
        if (user !== browser.user) return `${name} does not know who comes, after ${restarted} got ${JSON.stringify(configuration)}`;
        browser.cookie = cookie;
      }
      for (const name of names) {
        browser.cookie = await servers[name].write(browser.cookie, { user: browser.user, seenBy: name });
        for (const other of names) {
          if ((await servers[other].read(browser.cookie)).user !== browser.user) return `${other} does not open what ${name} writes`;
        }
      }
    }
  }
  return null;
}

const fault = await walk(asGiven);
if (fault) throw new Error(fault);
const controls = [
  [...each(ours, both), ...atOnce(theirs, both)], // ironjar seals under the new one at once
  [...atOnce(theirs, both), ...each(ours, learned)], // iron-session comes first
];
for (const [index, steps] of controls.entries()) {
  if (!(await walk(steps))) throw new Error(`control ${index + 1} does not fail`);
}
console.log(`rotation: ${asGiven.length} restarts in the order given, nobody a stranger; two other orders fail`);
