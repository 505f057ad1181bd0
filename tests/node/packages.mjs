// The package under test, and the ones that it stands beside, as run.sh has put them.
import { webcrypto } from 'node:crypto';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

globalThis.crypto ??= webcrypto; // Node 18 has no global one, and the originals take no other

const fromUs = (file) => import(pathToFileURL(resolve(process.env.IRONJAR_NODE_PACKAGE, file)));
const require = createRequire(resolve(process.env.IRONJAR_NODE_MODULES) + '/');
const fromNpm = (name) => import(pathToFileURL(require.resolve(name)));

export const ironjar = await fromUs('index.js');
export const iron = await fromUs('iron.js');
export const ourCookies = await fromUs('cookies.js');
export const native = (await fromUs('native.js')).default;
export const packageFolder = resolve(process.env.IRONJAR_NODE_PACKAGE);

export const ironSession = await fromNpm('iron-session');
export const ironWebcrypto = await fromNpm('iron-webcrypto');
export const cookie = await fromNpm('cookie');
export const hapi = (await fromNpm('@hapi/iron')).default;

export const password = 'Zk3-first-password-that-is-long-enough-0001';
export const otherPassword = 'Qm8-second-password-that-is-long-enough-002';
// What the library finds too easy to guess, and the originals do not.
export const weakPasswords = [
  'complex_password_at_least_32_characters_long',
  'a'.repeat(40),
  `ends in a line break, and is long enough\n`,
  'was not UTF-8 in the environment: \ufffd\ud800',
];

// A request and a response of Node, as far as they are asked.
export const nodePair = (header, before) => ({
  req: { headers: header === undefined ? {} : { cookie: header } },
  res: {
    headersSent: false,
    sent: before === undefined ? {} : { 'set-cookie': before },
    getHeader(name) { return this.sent[name]; },
    setHeader(name, value) { this.sent[name] = value; },
  },
});

export const now = 1_700_000_000_000;
export const sealed = (data, more = {}) => ironSession.sealData(data, { password, ...more });

// How a call ends: its value, or its error's message and name.
export async function outcome(call) {
  try {
    return { value: await call() };
  } catch (error) {
    return { error: `${error.name}: ${error.message}` };
  }
}

// Runs `call` while Date.now stands at `time`.
export async function at(time, call) {
  const real = Date.now;
  Date.now = () => time;
  try {
    return await call();
  } finally {
    Date.now = real;
  }
}
