// A second implementation of the native seal format (`ij1.`): keys, sealing, opening.
// Written from the format's published text alone, never from the C++ code, so that the two
// can only agree by both following the text.
//
// Needs sodium-native; IRONJAR_NODE_MODULES may name a folder whose node_modules has it.

import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const modules = process.env.IRONJAR_NODE_MODULES;
const require = createRequire(modules ? resolve(modules) + '/' : import.meta.url);
const sodium = require('sodium-native');
export const sodiumVersion = require('sodium-native/package.json').version;

export const prefix = 'ij1.';
export const maxSealLength = 65536;
const maxDepth = 64;
export const maxTime = 10 ** 12;
const clockSkew = 60;
const kidSize = 8;
export const nonceSize = 24;
export const tagSize = 16;
const headerSize = 40; // iat 8 | exp 8 | start 8 | id 16
const smallestRaw = kidSize + nonceSize + headerSize + tagSize;

export class SealError extends Error {}

function fail(word) {
  throw new SealError(word);
}

export function blake2b(size, message, key) {
  const out = Buffer.alloc(size);
  if (key) sodium.crypto_generichash(out, Buffer.from(message), Buffer.from(key));
  else sodium.crypto_generichash(out, Buffer.from(message));
  return out;
}

function decodeBase64url(text) {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : null; // canonical text only
}

function keyFromPaserk(encoded) {
  const key = decodeBase64url(encoded);
  if (key?.length !== 32) throw new Error('not a k4.local key');
  return key;
}

export function keyOf(password) {
  const paserk = 'k4.local.';
  if (password.startsWith(paserk)) return keyFromPaserk(password.slice(paserk.length));
  return blake2b(32, password, 'ironjar native seal v1');
}

export function kidOf(key) {
  return blake2b(16, 'ironjar key id v1', key).subarray(0, kidSize);
}

function le64(value) {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}

export function pae(...pieces) {
  const buffers = pieces.map((piece) => Buffer.from(piece));
  return Buffer.concat([
    le64(buffers.length),
    ...buffers.flatMap((buffer) => [le64(buffer.length), buffer]),
  ]);
}

function sealBytes(key, nonce, plaintext, associated) {
  const sealed = Buffer.alloc(plaintext.length + tagSize);
  sodium.crypto_aead_xchacha20poly1305_ietf_encrypt(
    sealed, plaintext, associated, null, nonce, key);
  return prefix + Buffer.concat([kidOf(key), nonce, sealed]).toString('base64url');
}

function packPlaintext({ iat, exp, start, id, json }) {
  return Buffer.concat([le64(iat), le64(exp), le64(start), id, Buffer.from(json)]);
}

function parseSeal(seal) {
  if (seal.length > maxSealLength) fail('tooLarge');
  if (!seal.startsWith(prefix)) fail(/^ij[0-9]+\./.test(seal) ? 'unsupported' : 'malformed');
  const raw = decodeBase64url(seal.slice(prefix.length));
  if (!raw || raw.length < smallestRaw) fail('malformed');
  return raw;
}

function findKey(passwords, kid) {
  const key = Object.values(passwords).map(keyOf).find((each) => kidOf(each).equals(kid));
  return key ?? fail('unknownKey');
}

function decrypt(raw, key, associated) {
  const nonce = raw.subarray(kidSize, kidSize + nonceSize);
  const sealed = raw.subarray(kidSize + nonceSize);
  const plaintext = Buffer.alloc(sealed.length - tagSize);
  try {
    sodium.crypto_aead_xchacha20poly1305_ietf_decrypt(
      plaintext, null, sealed, associated, nonce, key);
  } catch {
    fail('tampered');
  }
  return plaintext;
}

function readTimes(plaintext, now) {
  const [iat, exp, start] = [0, 8, 16].map((at) => plaintext.readBigUInt64LE(at)).map(Number);
  if (Math.max(iat, exp, start) > maxTime) fail('malformed');
  if (iat > now + clockSkew) fail('notYetValid');
  if (exp !== 0 && now >= exp + clockSkew) fail('expired');
  return { iat, exp, start };
}

// Depth and duplicate keys, of text already known to be JSON.
function checkContainers(text) {
  const open = [];
  for (const [token] of text.matchAll(/"[^"\\]*(?:\\.[^"\\]*)*"(?:\s*:)?|[{}[\]]/g)) {
    if (token === '{' || token === '[') {
      if (open.push(new Set()) > maxDepth) fail('tooLarge');
    } else if (token === '}' || token === ']') {
      open.pop();
    } else if (token.endsWith(':')) {
      const key = JSON.parse(token.slice(0, -1));
      if (open.at(-1).has(key)) fail('malformed');
      open.at(-1).add(key);
    }
  }
}

function parseJson(bytes) {
  try {
    // ignoreBOM keeps a byte order mark in the text, where JSON.parse refuses it
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    const data = JSON.parse(text);
    checkContainers(text);
    return data;
  } catch (error) {
    if (error instanceof SealError) throw error;
    return fail('malformed');
  }
}

export function openSeal(seal, { passwords, purpose = 'session', context = '', now }) {
  const raw = parseSeal(seal);
  const kid = raw.subarray(0, kidSize);
  const plaintext = decrypt(raw, findKey(passwords, kid), pae('ij1', kid, purpose, context));
  return {
    ...readTimes(plaintext, now),
    id: plaintext.subarray(24, headerSize),
    data: parseJson(plaintext.subarray(headerSize)),
  };
}

export function sealSession({ password, purpose = 'session', context = '', nonce, ...session }) {
  const key = keyOf(password);
  const plaintext = session.plaintext ?? packPlaintext(session);
  const associated = session.associated ?? pae('ij1', kidOf(key), purpose, context);
  return sealBytes(key, nonce, plaintext, associated);
}

function isContainer(value) {
  return typeof value === 'object' && value !== null;
}

export function sameJson(a, b) {
  if (!isContainer(a) || !isContainer(b)) return a === b;
  const keys = Object.keys(a);
  return Array.isArray(a) === Array.isArray(b)
    && keys.length === Object.keys(b).length
    && keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]));
}
