// What the cases of native_valid.mjs and native_invalid.mjs are made of. A case names what is
// special about it; `complete` adds the rest. Nothing is random, so the vectors come out the
// same every time.

import { blake2b, nonceSize } from './native_format.mjs';

export const base = 1760000000;
export const day = 86400;
export const one = 'first-password-of-the-vectors-0001';
export const two = 'second-password-of-the-vectors-0002';
export const three = 'third-password-of-the-vectors-0003';
export const bothKeys = { 1: one, 2: two };
export const paserk = 'k4.local.' + seeded('paserk', 32).toString('base64url');
export const utf8Password = 'пароль-密码-סיסמה-🔑-pässwörd-long-enough';
export const greeting = '{"user":"ada","roles":["admin","editor"],"visits":42}';

// Fixed bytes that look random, so that generating again gives the same file.
export function seeded(label, size) {
  return blake2b(size, `ironjar native vectors v1|${label}`);
}

export function filler(length) {
  const letters = 'abcdefghijklmnopqrstuvwxyz0123456789';
  return Array.from({ length }, (_, i) => letters[(i * 7) % letters.length]).join('');
}

export function nestArrays(depth, inner = '') {
  return '['.repeat(depth) + inner + ']'.repeat(depth);
}

export function nestObjects(depth, inner = '{}') {
  return '{"a":'.repeat(depth - 1) + inner + '}'.repeat(depth - 1);
}

export function nestMixed(depth) {
  return '[{"a":'.repeat(depth / 2 - 1) + '[{}]' + '}]'.repeat(depth / 2 - 1);
}

export function complete(given) {
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

// The length of a piece of one byte, as the associated data spells it.
export const oneBlock = '\u0001\0\0\0\0\0\0\0';
