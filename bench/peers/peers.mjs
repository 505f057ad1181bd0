// The peers that run on Node, each as its users call it: a session's value to a cookie's text and back.
//   node peers.mjs MODULES_DIR SESSIONS_DIR MILLISECONDS
// Prints one JSON object per measurement: {"peer", "op", "size", "ns", "elapsed"}, nanoseconds of processor
// time, all threads counted, and by the clock.
import { createRequire } from 'node:module';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [modules, sessions, milliseconds] = process.argv.slice(2);
const require = createRequire(pathToFileURL(`${modules}/`));
const load = async (name) => import(pathToFileURL(require.resolve(name)));
const password = 'Zk3-first-password-that-is-long-enough-0001';

async function ironSession() {
  const { sealData, unsealData } = await load('iron-session');
  const options = { password, ttl: 1209600 };
  return { seal: (data) => sealData(data, options), unseal: (text) => unsealData(text, options) };
}

async function hapiIron() {
  const Iron = require('@hapi/iron');
  return {
    seal: (data) => Iron.seal(data, password, Iron.defaults),
    unseal: (text) => Iron.unseal(text, password, Iron.defaults),
  };
}

// What @fastify/secure-session does with a session.
async function secureSession() {
  const sodium = require('sodium-native');
  const key = randomBytes(sodium.crypto_secretbox_KEYBYTES);
  return {
    seal(data) {
      const nonce = Buffer.allocUnsafe(sodium.crypto_secretbox_NONCEBYTES);
      sodium.randombytes_buf(nonce);
      const message = Buffer.from(JSON.stringify(data));
      const cipher = Buffer.allocUnsafe(message.length + sodium.crypto_secretbox_MACBYTES);
      sodium.crypto_secretbox_easy(cipher, message, nonce, key);
      return `${cipher.toString('base64')};${nonce.toString('base64')}`;
    },
    unseal(text) {
      const [cipherText, nonceText] = text.split(';');
      const cipher = Buffer.from(cipherText, 'base64');
      const message = Buffer.allocUnsafe(cipher.length - sodium.crypto_secretbox_MACBYTES);
      if (!sodium.crypto_secretbox_open_easy(message, cipher, Buffer.from(nonceText, 'base64'), key)) throw new Error();
      return JSON.parse(message);
    },
  };
}

async function jose() {
  const { EncryptJWT, jwtDecrypt } = await load('jose');
  const key = randomBytes(32);
  return {
    seal: (data) => new EncryptJWT(data).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(key),
    unseal: async (text) => (await jwtDecrypt(text, key)).payload,
  };
}

// Awaits only what is a promise, as a caller of a synchronous function would.
async function measure(work) {
  const begin = process.hrtime.bigint();
  const start = process.cpuUsage();
  let calls = 0;
  let spent = 0;
  while (spent < milliseconds * 1000) {
    for (let i = 0; i < 20; ++i) {
      const result = work();
      if (result instanceof Promise) await result;
    }
    calls += 20;
    const { user, system } = process.cpuUsage(start);
    spent = user + system;
  }
  return { ns: (spent * 1000) / calls, elapsed: Number(process.hrtime.bigint() - begin) / calls };
}

const peers = { 'iron-session': ironSession, '@hapi/iron': hapiIron, 'sodium-native secretbox': secureSession, 'jose dir+A256GCM': jose };
for (const [peer, make] of Object.entries(peers)) {
  const { seal, unseal } = await make();
  for (const size of [128, 1000, 1024, 3072]) {
    const text = readFileSync(`${sessions}/${size}.json`, 'utf8');
    const data = JSON.parse(text);
    const sealed = await seal(data);
    if (JSON.stringify(await unseal(sealed)) !== text) throw new Error(`${peer} does not open what it sealed`);
    for (const [op, work] of [['seal', () => seal(data)], ['unseal', () => unseal(sealed)]]) {
      await measure(work); // until it is compiled
      console.log(JSON.stringify({ peer, op, size, ...(await measure(work)) }));
    }
  }
}
