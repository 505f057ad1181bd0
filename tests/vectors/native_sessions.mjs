// Random sessions and passwords, for programs that check each other.

import { randomBytes, randomInt } from 'node:crypto';

const alphabets = [
  [...'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789'],
  [...' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~\0\b\t\n\r\u001f\u007f'],
  [...'äöüßéñøλπЖщאבעربहिन्दी日本語한국어€\u2028\ufeff\uffff'],
  [...'😀🎉🔑🚀👩👧🇩🇪\u200d\ufe0f𝒳\u{10ffff}'],
];

export function pick(list) {
  return list[randomInt(list.length)];
}

function times(count, make) {
  return Array.from({ length: count }, make);
}

export function randomText(length) {
  const letters = randomInt(2) ? pick(alphabets) : alphabets.flat();
  return times(length, () => pick(letters)).join('');
}

function randomNumber() {
  const integer = Number(randomBytes(8).readBigUInt64LE() >> BigInt(11 + randomInt(53)));
  const float = randomBytes(8).readDoubleLE();
  const number = pick([integer, -integer, integer / 1000, Number.isFinite(float) ? float : 0]);
  return number === 0 ? 0 : number; // no negative zero: JSON.stringify drops its sign
}

function randomKey() {
  return randomInt(20) ? randomText(randomInt(12)) : pick(['__proto__', 'constructor', '']);
}

function randomObject(count, depth) {
  return Object.fromEntries(times(count, () => [randomKey(), randomValue(depth)]));
}

export function randomValue(depth = 0) {
  const scalars = [
    () => randomText(randomInt(60)), () => randomText(randomInt(8)), randomNumber,
    () => randomInt(1000), () => true, () => false, () => null,
  ];
  const containers = [
    () => times(randomInt(4), () => randomValue(depth + 1)),
    () => randomObject(randomInt(4), depth + 1),
  ];
  return pick(depth < 8 ? [...scalars, ...containers, ...containers] : scalars)();
}

function nested(value, depth) {
  return times(depth).reduce((inner) => (randomInt(2) ? [inner] : { n: inner }), value);
}

function randomMember() {
  return randomInt(20) ? randomValue(1) : nested(randomNumber(), randomInt(64));
}

// An object of up to some 3,000 bytes. Never an empty one: that is what iron-session makes of a
// seal that does not open.
export function randomSession() {
  const target = randomInt(3000);
  const members = [[randomKey(), randomMember()]];
  for (let size = 2; ;) {
    const member = [randomKey(), randomMember()];
    size += Buffer.byteLength(JSON.stringify(member));
    if (size > target) return Object.fromEntries(members);
    members.push(member);
  }
}

// Ends in a letter: a password that ends in a line break is a mistake to ironjar.
function randomPassword() {
  if (!randomInt(4)) return 'k4.local.' + randomBytes(32).toString('base64url');
  return randomText(randomInt(200)) + randomBytes(32).toString('base64url');
}

export function randomPasswords() {
  return Object.fromEntries(times(1 + randomInt(3), (_, i) => [i + 1, randomPassword()]));
}
