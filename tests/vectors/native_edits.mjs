// What somebody does to a good seal: functions from a seal's text to another text.

import { complete } from './native_cases.mjs';
import { prefix, sealSession, tagSize } from './native_format.mjs';

function rawOf(seal) {
  return Buffer.from(seal.slice(prefix.length), 'base64url');
}

export function editRaw(edit) {
  return (seal) => {
    const raw = rawOf(seal);
    return prefix + Buffer.from(edit(raw) ?? raw).toString('base64url');
  };
}

export function cutTo(size) {
  return editRaw((raw) => raw.subarray(0, size));
}

export function cutFromEnd(size) {
  return editRaw((raw) => raw.subarray(0, raw.length - size));
}

export function append(...bytes) {
  return editRaw((raw) => Buffer.concat([raw, Buffer.from(bytes)]));
}

export function flip(at, bit = 0) {
  return editRaw((raw) => { raw[at < 0 ? raw.length + at : at] ^= 1 << bit; });
}

export function fillRaw(value, from, to) {
  return editRaw((raw) => { raw.fill(value, from, to); });
}

export function withPrefix(text) {
  return (seal) => text + seal.slice(prefix.length);
}

export function insertAt(at, text) {
  return (seal) => seal.slice(0, at) + text + seal.slice(at);
}

// Sets the lowest of the unused bits that end the text.
export function spoilLastCharacter(seal) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return seal.slice(0, -1) + letters[letters.indexOf(seal.at(-1)) | 1];
}

// Standard base64's alphabet; the raw bytes are chosen so that both letters occur.
export function toStandardAlphabet(letter) {
  return (seal) => {
    const standard = seal.replaceAll(letter, letter === '-' ? '+' : '/');
    if (standard === seal) throw new Error(`no ${letter} in the seal`);
    return standard;
  };
}

export function swapIn(from, to) {
  return (seal) => {
    const other = rawOf(sealSession(complete({ name: 'the other seal' })));
    return editRaw((raw) => { raw.set(other.subarray(from, to), from); })(seal);
  };
}

export function swapTag(seal) {
  const other = rawOf(sealSession(complete({ name: 'the other seal' })));
  return editRaw((raw) => { raw.set(other.subarray(-tagSize), raw.length - tagSize); })(seal);
}
