// A second implementation of the native seal format (`ij1.`), with the vectors it makes.
// Written from the format's published text alone, never from the C++ code, so that the two
// can only agree by both following the text.
//
//   node native.mjs generate     write native.json next to this file (same bytes every time)
//   node native.mjs check FILE   open the seals of a JSON lines file and compare their data
//   node native.mjs seal COUNT   print COUNT random sessions as JSON lines
//
// Needs sodium-native; IRONJAR_NODE_MODULES may name the node_modules folder that has it.

import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const modules = process.env.IRONJAR_NODE_MODULES;
const require = createRequire(modules ? modules + '/' : import.meta.url);
const sodium = require('sodium-native');

// ---- the format ----

const prefix = 'ij1.';
const maxSealLength = 65536;
const maxDepth = 64;
const maxTime = 10 ** 12;
const clockSkew = 60;
const kidSize = 8;
const nonceSize = 24;
const tagSize = 16;
const headerSize = 40; // iat 8 | exp 8 | start 8 | id 16
const smallestRaw = kidSize + nonceSize + headerSize + tagSize;

class SealError extends Error {}

function fail(word) {
  throw new SealError(word);
}

function blake2b(size, message, key) {
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

function keyOf(password) {
  const paserk = 'k4.local.';
  if (password.startsWith(paserk)) return keyFromPaserk(password.slice(paserk.length));
  return blake2b(32, password, 'ironjar native seal v1');
}

function kidOf(key) {
  return blake2b(16, 'ironjar key id v1', key).subarray(0, kidSize);
}

function le64(value) {
  const out = Buffer.alloc(8);
  out.writeBigUInt64LE(BigInt(value));
  return out;
}

function pae(...pieces) {
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
  if (exp !== 0 && now >= exp + clockSkew) fail('expired');
  if (iat > now + clockSkew) fail('expired');
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

function openSeal(seal, { passwords, purpose = 'session', context = '', now }) {
  const raw = parseSeal(seal);
  const kid = raw.subarray(0, kidSize);
  const plaintext = decrypt(raw, findKey(passwords, kid), pae('ij1', kid, purpose, context));
  return {
    ...readTimes(plaintext, now),
    id: plaintext.subarray(24, headerSize),
    data: parseJson(plaintext.subarray(headerSize)),
  };
}

function sealSession({ password, purpose = 'session', context = '', nonce, ...session }) {
  const key = keyOf(password);
  const plaintext = session.plaintext ?? packPlaintext(session);
  const associated = session.associated ?? pae('ij1', kidOf(key), purpose, context);
  return sealBytes(key, nonce, plaintext, associated);
}

function isContainer(value) {
  return typeof value === 'object' && value !== null;
}

function sameJson(a, b) {
  if (!isContainer(a) || !isContainer(b)) return a === b;
  const keys = Object.keys(a);
  return Array.isArray(a) === Array.isArray(b)
    && keys.length === Object.keys(b).length
    && keys.every((key) => Object.hasOwn(b, key) && sameJson(a[key], b[key]));
}

// ---- the vectors: what they are made of ----

const base = 1760000000;
const day = 86400;
const one = 'first-password-of-the-vectors-0001';
const two = 'second-password-of-the-vectors-0002';
const three = 'third-password-of-the-vectors-0003';
const bothKeys = { 1: one, 2: two };
const paserk = 'k4.local.' + seeded('paserk', 32).toString('base64url');
const utf8Password = 'пароль-密码-סיסמה-🔑-pässwörd-long-enough';
const greeting = '{"user":"ada","roles":["admin","editor"],"visits":42}';

// Fixed bytes that look random, so that generating again gives the same file.
function seeded(label, size) {
  return blake2b(size, `ironjar native vectors v1|${label}`);
}

function filler(length) {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length }, (_, i) => letters[(i * 7) % letters.length]).join('');
}

function nestArrays(depth, inner = '') {
  return '['.repeat(depth) + inner + ']'.repeat(depth);
}

function nestObjects(depth, inner = '{}') {
  return '{"a":'.repeat(depth - 1) + inner + '}'.repeat(depth - 1);
}

function nestMixed(depth) {
  return '[{"a":'.repeat(depth / 2 - 1) + '[{}]' + '}]'.repeat(depth / 2 - 1);
}

function complete(given) {
  const passwords = given.passwords ?? { 1: one };
  return {
    password: passwords[Math.max(...Object.keys(passwords))],
    purpose: 'session',
    context: '',
    now: base,
    iat: base - 100,
    exp: base + day,
    start: base - 100,
    id: seeded(`${given.name}|id`, 16),
    nonce: seeded(`${given.name}|nonce`, nonceSize),
    json: greeting,
    ...given,
    passwords,
  };
}

// ---- the valid vectors ----

const texts = {
  'object': greeting,
  'empty object': '{}',
  'empty array': '[]',
  'top-level array': '[1,"two",null,true,{"five":5}]',
  'top-level string': '"just a string"',
  'top-level empty string': '""',
  'top-level number': '7',
  'top-level zero': '0',
  'top-level negative number': '-12.5',
  'top-level true': 'true',
  'top-level false': 'false',
  'top-level null': 'null',
  'utf-8': '{"name":"Zoë Ångström","city":"Αθήνα","greeting":"こんにちは","abc":"שלום"}',
  'utf-8 keys': '{"ключ":"значение","鍵":"値","é":1,"e\u0301":2}',
  'emoji': '{"mood":"😀🎉","family":"👩‍👩‍👧‍👦","flag":"🇩🇪","😀":"key"}',
  'escaped emoji': String.raw`{"mood":"\ud83d\ude00","up":"\uD83C\uDF89"}`,
  'every short escape': String.raw`{"s":"\" \\ \/ \b \f \n \r \t"}`,
  'unicode escapes': String.raw`{"s":"\u0041\u00e9\u20AC\uffff","\u006b":1}`,
  'NUL in a value': String.raw`{"s":"a\u0000b\u0000"}`,
  'NUL in keys': String.raw`{"a\u0000":1,"a":2,"\u0000":3}`,
  'control characters': String.raw`{"s":"\u0001\u001f\u007f"}`,
  'delete and C1 characters unescaped': '{"s":"\u007f\u0080\u009f"}',
  'line separators unescaped': '{"s":"a\u2028b\u2029c"}',
  'byte order mark inside a string': '{"s":"\ufeffa\ufeff"}',
  'edges of the utf-8 lengths': '{"s":"\u007f\u0080\u07ff\u0800\ud7ff\ue000\uffff\u{10000}\u{10ffff}"}',
  'string that looks like JSON': String.raw`{"s":"{\"a\":1,\"a\":2}","t":"[[[[","u":"}]:,"}`,
  'backslashes before quotes': String.raw`{"a\\":"b\\\\","c\"":"\\\"","\\":"\\"}`,
  'whitespace inside': '{ "a" :\t[ 1 ,\n2 ] ,\r\n"b" : { } }',
  'key __proto__': '{"__proto__":{"admin":true},"a":1}',
  'key constructor': '{"constructor":{"prototype":{"admin":true}},"toString":1,"hasOwnProperty":2}',
  'empty key': '{"":1,"a":{"":{"":null}}}',
  'keys that differ by case': '{"a":1,"A":2}',
  'keys that look like numbers': '{"10":1,"9":2,"1":3,"01":4,"-1":5}',
  'same key in different objects': '{"a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]}',
  'same string as key and value': '{"a":"a","b":["a","b","a"]}',
  'largest safe integers': '[9007199254740991,-9007199254740991,9007199254740990]',
  'integers at word sizes': '[127,255,256,65536,2147483647,2147483648,-2147483648,4294967296]',
  'floats': '[0.1,-0.1,0.30000000000000004,3.141592653589793,123456.789,1.5]',
  'exponents': '[1e5,1E5,1e+5,25e-1,1.5e300,-2.5E-10,0e0]',
  'extreme floats': '[1.7976931348623157e308,2.2250738585072014e-308,5e-324]',
  'float with a whole value': '[1.0,100.00,-3.0]',
  'depth 63 of arrays': nestArrays(63),
  'depth 64 of arrays': nestArrays(64, '1'),
  'depth 64 of objects': nestObjects(64),
  'depth 64 mixed': nestMixed(64),
  'depth 64 twice, one after the other': `[${nestArrays(63)},${nestArrays(63)}]`,
  'many siblings': `[${Array(100).fill('[]').join(',')},${Array(100).fill('{}').join(',')}]`,
  'many keys': `{${Array.from({ length: 100 }, (_, i) => `"k${i}":${i}`).join(',')}}`,
};

const textCases = Object.entries(texts).map(([name, json]) => ({ name, json }));

const sizeCases = [
  0, 1, 2, 3, 4, 5, 22, 23, 24, 63, 64, 65, 254, 255, 256, 1022, 1023, 1024, 2998, 2999, 3000,
].map((size) => ({ name: `text of ${size} characters`, json: `{"s":"${filler(size)}"}` }));

const timeCases = [
  { name: 'never expires', exp: 0 },
  { name: 'never expires, opened long after', exp: 0, now: base + 100 * 365 * day },
  { name: 'opened at exp', exp: base },
  { name: 'opened at exp + 1', exp: base - 1 },
  { name: 'opened at exp + 59', exp: base - 59 },
  { name: 'opened at iat', iat: base, start: base },
  { name: 'iat = now + 1', iat: base + 1 },
  { name: 'iat = now + 60', iat: base + 60 },
  { name: 'session began long before iat', start: base - 300 * day },
  {
    name: 'opened after 2038',
    now: 2200000000,
    iat: 2199999990,
    exp: 2200003600,
    start: 2150000000,
  },
  {
    name: 'opened after 2106',
    now: 4300000000,
    iat: 4299999990,
    exp: 4300003600,
    start: 4299999990,
  },
  { name: 'exp of the largest time', exp: maxTime },
  { name: 'iat and start of zero', iat: 0, start: 0 },
];

const keyCases = [
  { name: 'two passwords, sealed under the higher id', passwords: bothKeys, password: two },
  { name: 'two passwords, sealed under the lower id', passwords: bothKeys, password: one },
  {
    name: 'three passwords, sealed under the middle id',
    passwords: { 3: one, 7: three, 20: two },
    password: three,
  },
  { name: 'one password with a high id', passwords: { 255: one } },
  { name: 'password moved to another id', passwords: { 1: two, 2: one }, password: one },
  { name: 'utf-8 password', passwords: { 1: utf8Password } },
  { name: 'password of 32 characters', passwords: { 1: '0123456789abcdef0123456789ABCDEF' } },
  {
    name: 'password of 240 characters',
    passwords: { 1: 'long-password-'.repeat(18).slice(0, 240) },
  },
  {
    name: 'password of 64 hexadecimal digits',
    passwords: { 1: seeded('hex', 32).toString('hex') },
  },
  {
    name: 'password with spaces and quotes',
    passwords: { 1: ' "quoted" and \\ spaced password \t\n ' },
  },
  { name: 'password that has k4.local. inside', passwords: { 1: `x${paserk}` } },
  { name: 'PASERK password', passwords: { 1: paserk } },
  { name: 'PASERK password beside a text one', passwords: { 1: paserk, 2: one }, password: paserk },
  {
    name: 'PASERK of the key of a text password',
    password: one,
    passwords: { 1: 'k4.local.' + keyOf(one).toString('base64url') },
  },
];

const oneBlock = '\u0001\0\0\0\0\0\0\0';

const bindingCases = [
  { name: 'another purpose', purpose: 'magic-link' },
  { name: 'a context', context: 'tenant-42' },
  { name: 'purpose and context', purpose: 'csrf', context: 'https://example.com/path?q=1' },
  { name: 'purpose ab, context c', purpose: 'ab', context: 'c' },
  { name: 'purpose a, context bc', purpose: 'a', context: 'bc' },
  { name: 'utf-8 purpose and context', purpose: 'цель-目的', context: 'μ-😀-é-e\u0301' },
  { name: 'long purpose', purpose: filler(300) },
  { name: 'long context', context: filler(1000) },
  { name: 'context of 255 bytes', context: filler(255) },
  { name: 'context of 256 bytes', context: filler(256) },
  { name: 'NUL in purpose and context', purpose: 'a\0b', context: '\0' },
  { name: 'purpose that looks like a PAE piece', purpose: `a${oneBlock}b` },
  { name: 'context that looks like a PAE piece', context: `${oneBlock}b${oneBlock}c` },
  {
    name: 'context that looks like the whole PAE',
    context: '\u0004\0\0\0\0\0\0\0\u0003\0\0\0\0\0\0\0ij1',
  },
  { name: 'context that looks like a seal', context: 'ij1.AAAA' },
  { name: 'spaces and line ends in the context', context: ' a\r\n\tb ' },
];

const validCases = [...textCases, ...sizeCases, ...timeCases, ...keyCases, ...bindingCases];

// ---- the invalid vectors ----

function rawOf(seal) {
  return Buffer.from(seal.slice(prefix.length), 'base64url');
}

function editRaw(edit) {
  return (seal) => {
    const raw = rawOf(seal);
    return prefix + Buffer.from(edit(raw) ?? raw).toString('base64url');
  };
}

function cutTo(size) {
  return editRaw((raw) => raw.subarray(0, size));
}

function cutFromEnd(size) {
  return editRaw((raw) => raw.subarray(0, raw.length - size));
}

function append(...bytes) {
  return editRaw((raw) => Buffer.concat([raw, Buffer.from(bytes)]));
}

function flip(at, bit = 0) {
  return editRaw((raw) => { raw[at < 0 ? raw.length + at : at] ^= 1 << bit; });
}

function fillRaw(value, from, to) {
  return editRaw((raw) => { raw.fill(value, from, to); });
}

function withPrefix(text) {
  return (seal) => text + seal.slice(prefix.length);
}

function insertAt(at, text) {
  return (seal) => seal.slice(0, at) + text + seal.slice(at);
}

// Sets the lowest of the unused bits that end the text.
function spoilLastCharacter(seal) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return seal.slice(0, -1) + letters[letters.indexOf(seal.at(-1)) | 1];
}

// Standard base64's alphabet; the raw bytes are chosen so that both letters occur.
function toStandardAlphabet(letter) {
  return (seal) => {
    const standard = seal.replaceAll(letter, letter === '-' ? '+' : '/');
    if (standard === seal) throw new Error(`no ${letter} in the seal`);
    return standard;
  };
}

function group(error, cases) {
  return cases.map((each) => ({ error, ...each }));
}

// JSON texts of n bytes leave (88 + n) mod 3 bytes in the last group of the base64url text.
const noneLeft = '{"a":12345}'; // 11 bytes: none left, no unused bits
const oneLeft = '{"a":123}'; // 9 bytes: one byte left, 4 unused bits
const twoLeft = '{"a":1234}'; // 10 bytes: two bytes left, 2 unused bits

const shapeCases = group('malformed', [
  { name: 'empty seal', edit: () => '' },
  { name: 'one character', edit: () => 'i' },
  { name: 'prefix without its dot', edit: () => 'ij1' },
  { name: 'prefix alone', edit: () => prefix },
  { name: 'prefix and one character', edit: () => 'ij1.A' },
  { name: 'no prefix', edit: withPrefix('') },
  { name: 'prefix IJ1.', edit: withPrefix('IJ1.') },
  { name: 'prefix Ij1.', edit: withPrefix('Ij1.') },
  { name: 'prefix iJ1.', edit: withPrefix('iJ1.') },
  { name: 'prefix ij1 with a colon', edit: withPrefix('ij1:') },
  { name: 'prefix without a dot', edit: withPrefix('ij1') },
  { name: 'prefix with two dots', edit: withPrefix('ij1..') },
  { name: 'prefix twice', edit: withPrefix('ij1.ij1.') },
  { name: 'prefix with an escaped dot', edit: withPrefix('ij1%2E') },
  { name: 'prefix after a space', edit: withPrefix(' ij1.') },
  { name: 'prefix after a NUL', edit: withPrefix('\0ij1.') },
  { name: 'prefix after a byte order mark', edit: withPrefix('\ufeffij1.') },
  { name: 'seal in quotes', edit: (seal) => `"${seal}"` },
  { name: 'cut after the kid', edit: cutTo(8) },
  { name: 'cut inside the kid', edit: cutTo(7) },
  { name: 'cut inside the nonce', edit: cutTo(20) },
  { name: 'cut after the nonce', edit: cutTo(32) },
  { name: 'cut to 47 bytes', edit: cutTo(47) },
  { name: 'cut to 48 bytes, no plaintext', edit: cutTo(48) },
  { name: 'cut to 87 bytes, a plaintext of 39', edit: cutTo(87) },
  { name: 'cut to 87 bytes, kid unknown', edit: cutTo(87), passwords: { 1: two }, password: one },
  {
    name: 'kid unknown and a character outside the alphabet',
    edit: insertAt(60, '!'),
    passwords: { 1: two },
    password: one,
  },
  { name: 'authentic plaintext of 0 bytes', plaintext: Buffer.alloc(0) },
  { name: 'authentic plaintext of 39 bytes', plaintext: Buffer.alloc(39) },
  { name: 'padding ==', json: oneLeft, edit: (seal) => `${seal}==` },
  { name: 'padding =', json: twoLeft, edit: (seal) => `${seal}=` },
  { name: 'padding where none is due', json: noneLeft, edit: (seal) => `${seal}=` },
  { name: 'padding in the middle', edit: insertAt(40, '=') },
  { name: 'one character too many for a group', json: noneLeft, edit: (seal) => `${seal}A` },
  {
    name: 'one character cut from a group of two',
    json: oneLeft,
    edit: (seal) => seal.slice(0, -1),
  },
  { name: 'unused bits of the last character set, of 4', json: oneLeft, edit: spoilLastCharacter },
  { name: 'unused bits of the last character set, of 2', json: twoLeft, edit: spoilLastCharacter },
  { name: 'standard alphabet +', json: `"${filler(200)}"`, edit: toStandardAlphabet('-') },
  { name: 'standard alphabet /', json: `"${filler(200)}"`, edit: toStandardAlphabet('_') },
  { name: 'space at the end', edit: (seal) => `${seal} ` },
  { name: 'space inside', edit: insertAt(30, ' ') },
  { name: 'tab inside', edit: insertAt(30, '\t') },
  { name: 'LF at the end', edit: (seal) => `${seal}\n` },
  { name: 'CR LF at the end', edit: (seal) => `${seal}\r\n` },
  { name: 'CR LF inside', edit: insertAt(76, '\r\n') },
  { name: 'NUL at the end', edit: (seal) => `${seal}\0` },
  { name: 'NUL inside', edit: insertAt(30, '\0') },
  { name: 'NUL and more after the seal', edit: (seal) => `${seal}\0AAAA` },
  { name: 'dot at the end', edit: (seal) => `${seal}.` },
  { name: 'percent sign inside', edit: insertAt(30, '%41') },
  { name: 'letter outside ASCII inside', edit: insertAt(30, 'é') },
  { name: 'full-width letter inside', edit: insertAt(30, '\uff21') },
  { name: 'semicolon and attributes after the seal', edit: (seal) => `${seal}; Path=/` },
]);

const versionCases = group('unsupported', [
  { name: 'version ij0.', edit: withPrefix('ij0.') },
  { name: 'version ij2.', edit: withPrefix('ij2.') },
  { name: 'version ij9.', edit: withPrefix('ij9.') },
  { name: 'version ij2. with nothing after', edit: () => 'ij2.' },
  { name: 'version ij2. with a body of another shape', edit: () => 'ij2.a.b=c' },
  {
    name: 'version ij2. of an unknown key',
    edit: withPrefix('ij2.'),
    passwords: { 1: two },
    password: one,
  },
]);

const sizeLimitCases = [
  { name: 'far over the size limit', error: 'tooLarge', repeat: { text: 'A', times: 70000 } },
  { name: 'one over the size limit', error: 'tooLarge', repeatTo: maxSealLength + 1 },
  { name: 'at the size limit', error: 'tampered', repeatTo: maxSealLength },
  {
    name: 'junk over the size limit',
    error: 'tooLarge',
    edit: () => '',
    repeat: { text: 'x', times: 65537 },
  },
  {
    name: 'junk at the size limit',
    error: 'malformed',
    edit: () => '',
    repeat: { text: 'x', times: 65536 },
  },
  {
    name: 'another version over the size limit',
    error: 'tooLarge',
    edit: withPrefix('ij2.'),
    repeat: { text: 'A', times: 70000 },
  },
  {
    name: 'unknown key over the size limit',
    error: 'tooLarge',
    passwords: { 1: two },
    password: one,
    repeat: { text: 'A', times: 70000 },
  },
];

const unknownKeyCases = group('unknownKey', [
  { name: 'another password', passwords: { 1: two }, password: one },
  { name: 'password rotated away', passwords: { 2: two, 3: three }, password: one },
  {
    name: 'password with another last letter',
    passwords: { 1: `${one.slice(0, -1)}2` },
    password: one,
  },
  { name: 'password with a space after it', passwords: { 1: `${one} ` }, password: one },
  {
    name: 'password in another normal form',
    passwords: { 1: utf8Password.normalize('NFD') },
    password: utf8Password.normalize('NFC'),
  },
  { name: 'another PASERK password', passwords: { 1: paserk }, password: one },
  { name: 'bit of the kid flipped', edit: flip(0) },
  { name: 'last bit of the kid flipped', edit: flip(7, 7) },
  { name: 'kid of zeros', edit: fillRaw(0, 0, 8) },
  { name: 'kid of ones', edit: fillRaw(255, 0, 8) },
  { name: 'everything zero', edit: fillRaw(0) },
  { name: 'kid unknown and tag flipped', edit: flip(-1), passwords: { 1: two }, password: one },
  { name: 'kid unknown and expired', exp: 1, passwords: { 1: two }, password: one },
  {
    name: 'kid of a key that is not ours',
    edit: editRaw((raw) => { raw.set(kidOf(keyOf(three))); }),
    passwords: bothKeys,
  },
]);

function swapIn(from, to) {
  return (seal) => {
    const other = rawOf(sealSession(complete({ name: 'the other seal' })));
    return editRaw((raw) => { raw.set(other.subarray(from, to), from); })(seal);
  };
}

function swapTag(seal) {
  const other = rawOf(sealSession(complete({ name: 'the other seal' })));
  return editRaw((raw) => { raw.set(other.subarray(-tagSize), raw.length - tagSize); })(seal);
}

const kidOfOne = kidOf(keyOf(one));

const tamperedCases = group('tampered', [
  {
    name: 'kid of another key of ours',
    passwords: bothKeys,
    edit: editRaw((raw) => { raw.set(kidOfOne); }),
  },
  {
    name: 'kid of the newer key of ours',
    passwords: bothKeys,
    password: one,
    edit: editRaw((raw) => { raw.set(kidOf(keyOf(two))); }),
  },
  { name: 'first bit of the nonce flipped', edit: flip(8) },
  { name: 'last bit of the nonce flipped', edit: flip(31, 7) },
  { name: 'nonce byte 16 flipped', edit: flip(24) },
  { name: 'nonce of zeros', edit: fillRaw(0, 8, 32) },
  { name: 'iat flipped', edit: flip(32) },
  { name: 'exp flipped', edit: flip(40) },
  { name: 'start flipped', edit: flip(48) },
  { name: 'id flipped', edit: flip(56) },
  { name: 'first byte of the JSON flipped', edit: flip(72) },
  { name: 'last bit of the ciphertext flipped', edit: flip(-17, 7) },
  { name: 'first bit of the tag flipped', edit: flip(-16) },
  { name: 'last bit of the tag flipped', edit: flip(-1, 7) },
  { name: 'tag of zeros', edit: editRaw((raw) => { raw.fill(0, raw.length - tagSize); }) },
  { name: 'tag of another seal', edit: swapTag },
  { name: 'nonce of another seal', edit: swapIn(8, 32) },
  { name: 'header of another seal', edit: swapIn(32, 72) },
  { name: 'cut by one byte', edit: cutFromEnd(1) },
  { name: 'cut by the tag', edit: cutFromEnd(16) },
  { name: 'cut to 88 bytes', edit: cutTo(88) },
  { name: 'byte 0 appended', edit: append(0) },
  { name: 'byte 255 appended', edit: append(255) },
  { name: 'sixteen bytes appended', edit: append(...Array(16).fill(0)) },
  { name: 'character A appended to a group of two', json: oneLeft, edit: (seal) => `${seal}A` },
  { name: 'two seals in one', edit: editRaw((raw) => Buffer.concat([raw, raw])) },
  { name: 'another purpose when opening', opened: { purpose: 'csrf' } },
  { name: 'purpose of another case', opened: { purpose: 'Session' } },
  { name: 'purpose with a NUL after it', opened: { purpose: 'session\0' } },
  { name: 'purpose cut short', opened: { purpose: 'sessio' } },
  { name: 'context when there was none', opened: { context: 'tenant-42' } },
  { name: 'context of a NUL when there was none', opened: { context: '\0' } },
  { name: 'no context when there was one', context: 'tenant-42', opened: { context: '' } },
  { name: 'another context', context: 'tenant-42', opened: { context: 'tenant-43' } },
  { name: 'context in another normal form', context: 'é', opened: { context: 'e\u0301' } },
  {
    name: 'boundary of purpose and context moved left',
    purpose: 'ab',
    context: 'c',
    opened: { purpose: 'a', context: 'bc' },
  },
  {
    name: 'boundary of purpose and context moved right',
    purpose: 'a',
    context: 'bc',
    opened: { purpose: 'ab', context: 'c' },
  },
  {
    name: 'context moved into the purpose',
    purpose: 'ab',
    context: 'c',
    opened: { purpose: 'abc', context: '' },
  },
  {
    name: 'purpose and context swapped',
    purpose: 'a',
    context: 'b',
    opened: { purpose: 'b', context: 'a' },
  },
  {
    name: 'PAE piece of the context inside the purpose',
    purpose: 'a',
    context: 'b',
    opened: { purpose: `a${oneBlock}b`, context: '' },
  },
  { name: 'no associated data', associated: Buffer.alloc(0) },
  { name: 'associated data of another version', associated: pae('ij2', kidOfOne, 'session', '') },
  { name: 'associated data with the dot', associated: pae('ij1.', kidOfOne, 'session', '') },
  { name: 'associated data without the kid', associated: pae('ij1', 'session', '') },
  { name: 'associated data without the context', associated: pae('ij1', kidOfOne, 'session') },
  {
    name: 'associated data joined without PAE',
    associated: Buffer.concat([Buffer.from('ij1'), kidOfOne, Buffer.from('session')]),
  },
  { name: 'tag flipped and expired', exp: 1, edit: flip(-1) },
  { name: 'another purpose and expired', exp: 1, opened: { purpose: 'csrf' } },
  { name: 'tag flipped and JSON malformed', json: '{', edit: flip(-1) },
]);

const expiredCases = group('expired', [
  { name: 'opened at exp + 60', exp: base - 60 },
  { name: 'opened at exp + 61', exp: base - 61 },
  {
    name: 'opened a year after exp',
    exp: base - 365 * day,
    iat: base - 366 * day,
    start: base - 366 * day,
  },
  { name: 'exp of 1', exp: 1 },
  { name: 'opened after 2038 at exp + 60', now: 2200000060, exp: 2200000000 },
  { name: 'iat = now + 61', iat: base + 61 },
  { name: 'iat a day ahead', iat: base + day, exp: base + 2 * day },
  { name: 'iat = now + 61 and never expires', iat: base + 61, exp: 0 },
  { name: 'iat of the largest time', iat: maxTime },
  { name: 'expired and JSON malformed', exp: 1, json: '{' },
  { name: 'expired and JSON too deep', exp: 1, json: nestArrays(65) },
  { name: 'iat = now + 61 and JSON empty', iat: base + 61, json: '' },
]);

const hugeTimeCases = group('malformed', [
  { name: 'exp just over the largest time', exp: maxTime + 1 },
  { name: 'exp of 2^53', exp: 2n ** 53n },
  { name: 'exp of 2^63 - 1', exp: 2n ** 63n - 1n },
  { name: 'exp of 2^63', exp: 2n ** 63n },
  { name: 'exp of 2^64 - 60', exp: 2n ** 64n - 60n },
  { name: 'exp of 2^64 - 1', exp: 2n ** 64n - 1n },
  { name: 'iat just over the largest time', iat: maxTime + 1 },
  { name: 'iat of 2^63', iat: 2n ** 63n },
  { name: 'iat of 2^64 - 1', iat: 2n ** 64n - 1n },
  { name: 'start just over the largest time', start: maxTime + 1 },
  { name: 'start of 2^63', start: 2n ** 63n },
  { name: 'start of 2^64 - 1', start: 2n ** 64n - 1n },
]);

const depthCases = group('tooLarge', [
  { name: 'depth 65 of arrays', json: nestArrays(65) },
  { name: 'depth 65 of objects', json: nestObjects(65) },
  { name: 'depth 65 mixed', json: `[${nestMixed(64)}]` },
  { name: 'depth 65 after a shallow member', json: `{"a":[],"b":${nestArrays(64)}}` },
  { name: 'depth 65 with a value inside', json: nestArrays(65, '"x"') },
  { name: 'depth 1000', json: nestArrays(1000) },
]);

const badTexts = {
  'empty JSON': '',
  'only a space': ' ',
  'only a NUL': '\0',
  'truncated object': '{"a":1',
  'truncated after a key': '{"a"',
  'truncated after a colon': '{"a":',
  'truncated array': '[1,2',
  'truncated string': '{"a":"b',
  'truncated literal': 'tru',
  'truncated number': '-',
  'truncated escape': String.raw`"\u12"`,
  'duplicate key': '{"a":1,"a":2}',
  'duplicate key with the same value': '{"a":1,"a":1}',
  'duplicate key with another between': '{"a":1,"b":2,"a":3}',
  'duplicate key at depth 2': '{"x":{"a":1,"a":2}}',
  'duplicate key inside an array': '[{"a":1,"a":2}]',
  'duplicate key inside arrays inside an object': '{"x":[1,[{"b":0},{"a":1,"a":2}]]}',
  'duplicate key after a nested object': '{"a":{"b":1},"a":2}',
  'duplicate key spelled with an escape': String.raw`{"a":1,"\u0061":2}`,
  'duplicate empty key': '{"":1,"":2}',
  'duplicate key __proto__': '{"__proto__":1,"__proto__":2}',
  'duplicate key at depth 64': nestObjects(64, '{"z":1,"z":2}'),
  'letter after the value': '{}x',
  'NUL after the value': '{}\0',
  'comma after the value': '{},',
  'brace after the value': '{}}',
  'two objects': '{}{}',
  'two values with a space': '1 2',
  'two lines': '{"a":1}\n{"b":2}',
  'byte order mark': '\ufeff{}',
  'NaN': 'NaN',
  'NaN as a member': '{"a":NaN}',
  'Infinity': 'Infinity',
  '-Infinity': '-Infinity',
  'undefined': 'undefined',
  'literal with a capital': 'True',
  'single quotes': "{'a':1}",
  'single quotes around a value': "'a'",
  'key without quotes': '{a:1}',
  'number as a key': '{1:2}',
  'comma before the brace': '{"a":1,}',
  'comma before the bracket': '[1,]',
  'no comma': '[1 2]',
  'no colon': '{"a" 1}',
  'wrong bracket': '[1}',
  'comment': '{"a":1/* one */}',
  'comment after the value': '{} // end',
  'leading zero': '01',
  'leading plus': '+1',
  'leading dot': '.5',
  'trailing dot': '1.',
  'exponent without digits': '1e',
  'hexadecimal number': '0x10',
  'unknown escape': String.raw`"\x41"`,
  'line end inside a string': '"a\nb"',
  'NUL inside a string': '"a\0b"',
  'tab inside a string': '"a\tb"',
  'no-break space around': '\u00a0{}',
  'form feed around': '\f{}',
  'stray continuation byte': Buffer.from('"\x80"', 'latin1'),
  'byte 255 in a string': Buffer.from('"\xff"', 'latin1'),
  'byte 255 in a key': Buffer.from('{"\xff":1}', 'latin1'),
  'overlong slash': Buffer.from('"\xc0\xaf"', 'latin1'),
  'overlong NUL': Buffer.from('"\xc0\x80"', 'latin1'),
  'overlong in three bytes': Buffer.from('"\xe0\x80\xaf"', 'latin1'),
  'surrogate in utf-8': Buffer.from('"\xed\xa0\x80"', 'latin1'),
  'surrogate pair in utf-8': Buffer.from('"\xed\xa0\xbd\xed\xb8\x80"', 'latin1'),
  'above U+10FFFF': Buffer.from('"\xf4\x90\x80\x80"', 'latin1'),
  'sequence of five bytes': Buffer.from('"\xf8\x88\x80\x80\x80"', 'latin1'),
  'sequence cut by the quote': Buffer.from('"\xe2\x82"', 'latin1'),
  'sequence cut by the end': Buffer.from('"a"\xe2\x82', 'latin1'),
  'utf-16': Buffer.from('{"a":1}', 'utf16le'),
};

const badTextCases = group(
  'malformed', Object.entries(badTexts).map(([name, json]) => ({ name: `JSON: ${name}`, json })));

const invalidCases = [
  ...shapeCases, ...versionCases, ...sizeLimitCases, ...unknownKeyCases, ...tamperedCases,
  ...expiredCases, ...hugeTimeCases, ...depthCases, ...badTextCases,
];

// ---- generate ----

function validVector(given) {
  const session = complete(given);
  const { name, passwords, purpose, context, now, iat, exp, start, id, json } = session;
  return {
    name,
    passwords,
    purpose,
    context,
    now,
    seal: sealSession(session),
    data: JSON.parse(json),
    iat,
    exp,
    start,
    id_hex: id.toString('hex'),
  };
}

function repeatOf({ repeat, repeatTo }, seal) {
  if (repeatTo) return { repeat: { text: 'A', times: repeatTo - seal.length } };
  return repeat ? { repeat } : {};
}

function invalidVector(given) {
  const session = complete(given);
  const { name, passwords, purpose, context, now, error, edit = (seal) => seal } = session;
  const seal = edit(sealSession(session));
  const vector = { name, passwords, purpose, context, now, ...given.opened, seal };
  return { ...vector, ...repeatOf(given, seal), error };
}

function wholeSeal({ seal, repeat }) {
  return repeat ? seal + repeat.text.repeat(repeat.times) : seal;
}

function outcome(vector) {
  try {
    return openSeal(wholeSeal(vector), vector);
  } catch (error) {
    if (error instanceof SealError) return { error: error.message };
    throw error;
  }
}

function opensAsStated(vector) {
  const got = outcome(vector);
  return !got.error && sameJson(got.data, vector.data) && got.iat === vector.iat
    && got.exp === vector.exp && got.start === vector.start
    && got.id.toString('hex') === vector.id_hex;
}

function verify({ valid, invalid }) {
  const wrong = [
    ...valid.filter((each) => !opensAsStated(each)),
    ...invalid.filter((each) => outcome(each).error !== each.error),
  ].map((each) => `${each.name}: got ${outcome(each).error ?? 'other contents'}`);
  const names = [...valid, ...invalid].map((each) => each.name);
  if (new Set(names).size !== names.length) wrong.push('a name is used twice');
  if (wrong.length) throw new Error(`vectors do not hold:\n${wrong.join('\n')}`);
}

function formatCases(cases) {
  return `[\n${cases.map((each) => JSON.stringify(each)).join(',\n')}\n]`;
}

function formatDocument(document) {
  const { about, made_with: madeWith, valid, invalid } = document;
  return `{"about":${JSON.stringify(about)},\n"made_with":${JSON.stringify(madeWith)},\n`
    + `"valid":${formatCases(valid)},\n"invalid":${formatCases(invalid)}}\n`;
}

function generate() {
  const text = formatDocument({
    about: 'Seals of the native format, made by native.mjs (generate) from the published text of'
      + ' the format. "now" is when to open; "repeat" appends its text to the seal that often.',
    made_with: {
      'node': process.versions.node,
      'sodium-native': require('sodium-native/package.json').version,
    },
    valid: validCases.map(validVector),
    invalid: invalidCases.map(invalidVector),
  });
  verify(JSON.parse(text));
  writeFileSync(new URL('native.json', import.meta.url), text);
  console.log(`${validCases.length} valid and ${invalidCases.length} invalid vectors written`);
}

// ---- check ----

function difference(line) {
  const got = outcome(line);
  if (got.error) return `does not open: ${got.error}`;
  if (sameJson(got.data, line.data)) return null;
  return `other data: ${JSON.stringify(got.data)}, expected ${JSON.stringify(line.data)}`;
}

function check(file) {
  const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line.trim() !== '');
  for (const [index, line] of lines.entries()) {
    const found = difference(JSON.parse(line));
    if (found) throw new Error(`seal ${index + 1} of ${lines.length} ${found}`);
  }
  console.log(`${lines.length} seals opened`);
}

// ---- seal ----

const alphabets = [
  [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'],
  [...' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~\0\b\t\n\r\u001f\u007f'],
  [...'äöüßéñøλπЖщאבעربहिन्दी日本語한국어€\u2028\ufeff\uffff'],
  [...'😀🎉🔑🚀👩👧🇩🇪\u200d\ufe0f𝒳\u{10ffff}'],
];

function below(limit) {
  return sodium.randombytes_uniform(limit);
}

function pick(list) {
  return list[below(list.length)];
}

function randomBytes(size) {
  const out = Buffer.alloc(size);
  sodium.randombytes_buf(out);
  return out;
}

function times(count, make) {
  return Array.from({ length: count }, make);
}

function randomText(length) {
  const letters = below(2) ? pick(alphabets) : alphabets.flat();
  return times(length, () => pick(letters)).join('');
}

function randomNumber() {
  const integer = Number(randomBytes(8).readBigUInt64LE() >> BigInt(11 + below(53)));
  const float = randomBytes(8).readDoubleLE();
  const number = pick([integer, -integer, integer / 1000, Number.isFinite(float) ? float : 0]);
  return number === 0 ? 0 : number; // no negative zero: JSON.stringify drops its sign
}

function randomKey() {
  return below(20) ? randomText(below(12)) : pick(['__proto__', 'constructor', '']);
}

function randomObject(count, depth) {
  return Object.fromEntries(times(count, () => [randomKey(), randomValue(depth)]));
}

function randomValue(depth = 0) {
  const scalars = [
    () => randomText(below(60)), () => randomText(below(8)), randomNumber,
    () => below(1000), () => true, () => false, () => null,
  ];
  const containers = [
    () => times(below(4), () => randomValue(depth + 1)), () => randomObject(below(4), depth + 1),
  ];
  return pick(depth < 8 ? [...scalars, ...containers, ...containers] : scalars)();
}

function nested(value, depth) {
  return times(depth).reduce((inner) => (below(2) ? [inner] : { n: inner }), value);
}

function randomMember() {
  return below(20) ? randomValue(1) : nested(randomNumber(), below(63));
}

function randomSession() {
  if (!below(10)) return randomValue();
  const target = below(3000);
  const members = [];
  for (let size = 2; ;) {
    const member = [randomKey(), randomMember()];
    size += Buffer.byteLength(JSON.stringify(member));
    if (size > target) return Object.fromEntries(members);
    members.push(member);
  }
}

function randomPassword() {
  if (!below(4)) return 'k4.local.' + randomBytes(32).toString('base64url');
  return randomBytes(32).toString('base64url') + randomText(below(200));
}

function randomTimes(now) {
  const iat = now - below(3600);
  const exp = below(4) ? now + 1 + below(30 * day) : 0;
  return { iat, exp, start: iat - below(30 * day) };
}

function randomLine() {
  const passwords = Object.fromEntries(times(1 + below(3), (_, i) => [i + 1, randomPassword()]));
  const purpose = below(2) ? 'session' : `p${randomText(below(30))}`;
  const context = below(2) ? '' : randomText(below(60));
  const now = Math.floor(Date.now() / 1000);
  const data = randomSession();
  const seal = sealSession({
    password: pick(Object.values(passwords)),
    purpose,
    context,
    ...randomTimes(now),
    id: randomBytes(16),
    nonce: randomBytes(nonceSize),
    json: JSON.stringify(data),
  });
  return { passwords, purpose, context, now, seal, data };
}

function printSeals(count) {
  if (!/^[0-9]+$/.test(count)) throw new Error('seal needs a count');
  for (let i = 0; i < Number(count); i++) console.log(JSON.stringify(randomLine()));
}

// ---- command line ----

function main([command, argument]) {
  const commands = { generate, check, seal: printSeals };
  if (!Object.hasOwn(commands, command ?? '')) {
    throw new Error('usage: node native.mjs generate | check FILE | seal COUNT');
  }
  commands[command](argument);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
