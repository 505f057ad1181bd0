// iron-webcrypto's interface. What the library does as the original does goes through it; the rest of what the original
// offers (other algorithms, salts and iterations, raw keys, ids that are no numbers, passwords that are easy to guess)
// is done here with Node's crypto, and so is every refusal: users match on the original's error texts and on which
// comes first. The steps are exported anyway, as the original exports them.
import { createCipheriv, createDecipheriv, createHmac, pbkdf2, pbkdf2Sync, timingSafeEqual, webcrypto } from 'node:crypto';
import { promisify } from 'node:util';

import { parse, stringify } from './json.js';
import { fe26Sealer, fe26Time } from './keys.js';
import native from './native.js';

export const macFormatVersion = '2';
export const macPrefix = 'Fe26.2';

const frozen = (object) => Object.freeze(object);

export const defaults = frozen({
  encryption: frozen({ algorithm: 'aes-256-cbc', saltBits: 256, iterations: 1, minPasswordlength: 32 }),
  integrity: frozen({ algorithm: 'sha256', saltBits: 256, iterations: 1, minPasswordlength: 32 }),
  ttl: 0,
  timestampSkewSec: 60,
  localtimeOffsetMsec: 0,
});

export const algorithms = frozen({
  'aes-128-ctr': frozen({ keyBits: 128, ivBits: 128, name: 'AES-CTR' }),
  'aes-256-cbc': frozen({ keyBits: 256, ivBits: 128, name: 'AES-CBC' }),
  sha256: frozen({ keyBits: 256, ivBits: undefined, name: 'SHA-256' }),
});

export const clone = (options) => ({
  ...options,
  encryption: { ...options.encryption },
  integrity: { ...options.integrity },
});

export function randomBits(bits) {
  return webcrypto.getRandomValues(new Uint8Array(bits / 8));
}

// ---- keys ----

const encodeBase64url = (bytes) => Buffer.from(bytes).toString('base64url');
// Throws for what is no base64url, where Buffer would skip it.
function decodeBase64url(text) {
  const base64 = text.replaceAll('-', '+').replaceAll('_', '/');
  return Buffer.from(atob(base64 + '='.repeat(-base64.length & 3)), 'latin1');
}

// A raw key may be any that WebCrypto takes for the cipher; one of 32 bytes makes AES-256 of what is called aes-128-ctr.
const isKeySize = ({ name, keyBits }, size) => size === keyBits / 8 || (name !== 'SHA-256' && (size === 24 || size === 32));

function derivationOf(password, options) {
  if (!password || !password.length) throw new Error('Empty password');
  if (!options || typeof options !== 'object') throw new Error('Bad options');
  const algorithm = Object.hasOwn(algorithms, options.algorithm) ? algorithms[options.algorithm] : undefined;
  if (!algorithm) throw new Error(`Unknown algorithm: ${options.algorithm}`);
  const size = algorithm.keyBits / 8;
  const iv = options.iv || (algorithm.ivBits ? randomBits(algorithm.ivBits) : undefined);
  if (typeof password !== 'string') {
    if (password.length < size) throw new Error('Key buffer (password) too small');
    if (!isKeySize(algorithm, password.length)) throw new DOMException('Invalid key length', 'DataError');
    return { algorithm, iv, salt: '', raw: Uint8Array.from(password) };
  }
  if (password.length < options.minPasswordlength) {
    throw new Error(`Password string too short (min ${options.minPasswordlength} characters required)`);
  }
  if (!options.salt && !options.saltBits) throw new Error('Missing salt and saltBits options');
  const salt = options.salt || Buffer.from(randomBits(options.saltBits)).toString('hex');
  return { algorithm, iv, salt, derive: [password, salt, options.iterations, size, 'sha1'] };
}

const pbkdf2Async = promisify(pbkdf2);

// With `raw`, the key's bytes.
function rawKeySync(password, options) {
  const derivation = derivationOf(password, options);
  return derivation.raw ? derivation : { ...derivation, raw: pbkdf2Sync(...derivation.derive) };
}
async function rawKey(password, options) {
  const derivation = derivationOf(password, options);
  return derivation.raw ? derivation : { ...derivation, raw: await pbkdf2Async(...derivation.derive) };
}

// Runs steps that yield the arguments of a derivation and are given its key: at once, or without holding up others
// while keys are derived.
function takenSync(steps) {
  let step = steps.next();
  while (!step.done) step = steps.next(rawKeySync(...step.value));
  return step.value;
}
async function taken(steps) {
  let step = steps.next();
  while (!step.done) step = steps.next(await rawKey(...step.value));
  return step.value;
}

async function importKey({ algorithm, raw, iv, salt }) {
  const isHmac = algorithm.name === 'SHA-256';
  const id = isHmac ? { name: 'HMAC', hash: 'SHA-256', length: algorithm.keyBits } : { name: algorithm.name };
  const usages = isHmac ? ['sign', 'verify'] : ['encrypt', 'decrypt'];
  return { key: await webcrypto.subtle.importKey('raw', raw, id, false, usages), iv, salt };
}

export async function generateKey(password, options) {
  return importKey(await rawKey(password, options));
}

// ---- steps ----

const failedOperation = () =>
  new DOMException('The operation failed for an operation-specific reason', 'OperationError');

// A key made for the one step does not serve the other, as in WebCrypto.
function requireKeyFor(usage, { algorithm }) {
  const isHmac = algorithm.name === 'SHA-256';
  if (isHmac === (usage === 'sign' || usage === 'verify')) return;
  throw new DOMException(`Unable to use this key to ${usage}`, 'InvalidAccessError');
}

const cipherOf = ({ algorithm, raw }) => `aes-${raw.length * 8}-${algorithm.name === 'AES-CTR' ? 'ctr' : 'cbc'}`;

function through(cipher, data) {
  return Buffer.concat([cipher.update(data), cipher.final()]);
}
function encrypted(key, data) {
  requireKeyFor('encrypt', key);
  return new Uint8Array(through(createCipheriv(cipherOf(key), key.raw, key.iv), Buffer.from(data)));
}
function decrypted(key, data) {
  requireKeyFor('decrypt', key);
  try {
    return new TextDecoder().decode(through(createDecipheriv(cipherOf(key), key.raw, key.iv), data));
  } catch {
    throw failedOperation();
  }
}
function digestOf(key, data, usage = 'sign') {
  requireKeyFor(usage, key);
  return createHmac('sha256', key.raw).update(data).digest();
}

export async function encrypt(password, options, data) {
  const key = await rawKey(password, options);
  return { encrypted: encrypted(key, data), key: await importKey(key) };
}
export async function decrypt(password, options, data) {
  return decrypted(await rawKey(password, options), data);
}
export async function hmacWithPassword(password, options, data) {
  const key = await rawKey(password, options);
  return { digest: encodeBase64url(digestOf(key, data)), salt: key.salt };
}

function normalizePassword(password) {
  let normal;
  if (typeof password === 'string' || password instanceof Uint8Array) {
    normal = { encryption: password, integrity: password };
  } else if (password && typeof password === 'object') {
    const { id } = password;
    normal =
      'secret' in password
        ? { id, encryption: password.secret, integrity: password.secret }
        : { id, encryption: password.encryption, integrity: password.integrity };
  }
  if (!normal?.encryption?.length || !normal.integrity?.length) throw new Error('Empty password');
  return normal;
}

const localNow = (options) => Date.now() + (options.localtimeOffsetMsec || 0);

// ---- the library's part ----

function isUsual({ encryption, integrity }, secret) {
  return (
    encryption?.algorithm === 'aes-256-cbc' &&
    integrity?.algorithm === 'sha256' &&
    encryption.iterations === 1 &&
    integrity.iterations === 1 &&
    secret.length >= encryption.minPasswordlength &&
    secret.length >= integrity.minPasswordlength
  );
}

const longest = 65_536; // the library's; the original has no limit

const oneSecret = ({ encryption, integrity }) =>
  typeof encryption === 'string' && encryption === integrity ? encryption : undefined;

// The library's seal, or null.
function sealNatively(text, password, options, now) {
  const secret = oneSecret(password);
  const { id = '' } = password;
  if (secret === undefined || id === '' || typeof text !== 'string' || text.length > longest) return null;
  if (!isUsual(options, secret)) return null;
  const steps = [options.encryption, options.integrity];
  if (steps.some((step) => step.saltBits !== 256 || step.salt || step.iv)) return null;
  const time = options.ttl ? fe26Time(now + options.ttl) : 0;
  if (Number.isNaN(time)) return null;
  const sealer = fe26Sealer(String(id), secret, !options.ttl);
  const sealed = sealer && native.trySeal(sealer, text, time);
  return sealed && sealed.slice(0, -2); // iron-session's mark is not iron's
}

// The text that was sealed, or null when the library does not open it, for whatever reason.
function unsealNatively(sealed, id, password, options, now) {
  const secret = oneSecret(password);
  if (secret === undefined || sealed.length > longest || !isUsual(options, secret)) return null;
  const time = now - options.timestampSkewSec * 1000 + 60_000;
  if (!Number.isSafeInteger(time) || time < 0 || time > 9e12) return null;
  const sealer = fe26Sealer(id === '' ? '1' : id, secret, true);
  return sealer && native.tryUnseal(sealer, sealed, time);
}

// ---- seal ----

function startSeal(object, password, options) {
  const now = localNow(options);
  const normal = normalizePassword(password);
  const { id = '' } = normal;
  if (id && !/^\w+$/.test(id)) throw new Error('Invalid password id');
  const data = (options.encode || stringify)(object);
  return { now, id, password: normal, data, sealed: sealNatively(data, normal, options, now) };
}

function baseOf({ id, now }, key, ciphertext, ttl) {
  const expiration = ttl ? now + ttl : '';
  const parts = [macPrefix, id, key.salt, encodeBase64url(key.iv), encodeBase64url(ciphertext), expiration];
  return parts.join('*');
}

function* sealSteps(work, options) {
  const key = yield [work.password.encryption, options.encryption];
  const base = baseOf(work, key, encrypted(key, work.data), options.ttl);
  const macKey = yield [work.password.integrity, options.integrity];
  return `${base}*${macKey.salt}*${encodeBase64url(digestOf(macKey, base))}`;
}

export async function seal(object, password, options) {
  const work = startSeal(object, password, options);
  return work.sealed ?? taken(sealSteps(work, options));
}

export function sealSync(object, password, options) {
  const work = startSeal(object, password, options);
  return work.sealed ?? takenSync(sealSteps(work, options));
}

// ---- unseal ----

function requireUnexpired(expiration, now, options) {
  if (!expiration) return;
  if (!/^[1-9]\d*$/.test(expiration)) throw new Error('Invalid expiration');
  if (Number.parseInt(expiration, 10) <= now - options.timestampSkewSec * 1000) throw new Error('Expired seal');
}

function choosePassword(password, id) {
  if (typeof password === 'string' || password instanceof Uint8Array) return password;
  if (typeof password !== 'object' || !password) return undefined;
  const key = id || 'default';
  const chosen = Object.hasOwn(password, key) ? password[key] : undefined;
  if (!chosen) throw new Error(`Cannot find password: ${key}`);
  return chosen;
}

function startUnseal(sealed, password, options) {
  const now = localNow(options);
  const parts = sealed.split('*');
  if (parts.length !== 8) throw new Error('Incorrect number of sealed components');
  const [prefix, id, encryptionSalt, iv, ciphertext, expiration, salt, digest] = parts;
  if (prefix !== macPrefix) throw new Error('Wrong mac prefix');
  requireUnexpired(expiration, now, options);
  const normal = normalizePassword(choosePassword(password, id));
  // Not for an id that only the seal knows, as a sealer would be made for each. `~` is iron-session's mark, which the
  // library takes and iron does not.
  const isNative = (id === '' || typeof password === 'object') && !digest.includes('~');
  const text = isNative ? unsealNatively(sealed, id, normal, options, now) : null;
  const base = sealed.slice(0, sealed.length - salt.length - digest.length - 2);
  return { text, password: normal, encryptionSalt, iv, ciphertext, base, salt, digest };
}

function requireAuthentic(key, { base, digest }) {
  const claimed = decodeBase64url(digest);
  const expected = digestOf(key, base, 'verify');
  if (claimed.length !== expected.length || !timingSafeEqual(claimed, expected)) throw new Error('Bad hmac value');
}

function* unsealSteps(work, options) {
  requireAuthentic(yield [work.password.integrity, { ...options.integrity, salt: work.salt }], work);
  const iv = decodeBase64url(work.iv);
  const key = yield [work.password.encryption, { ...options.encryption, salt: work.encryptionSalt, iv }];
  return decrypted(key, decodeBase64url(work.ciphertext));
}

const decoded = (text, options) => (options.decode || parse)(text);

export async function unseal(sealed, password, options) {
  const work = startUnseal(sealed, password, options);
  return decoded(work.text ?? (await taken(unsealSteps(work, options))), options);
}

export function unsealSync(sealed, password, options) {
  const work = startUnseal(sealed, password, options);
  return decoded(work.text ?? takenSync(unsealSteps(work, options)), options);
}
