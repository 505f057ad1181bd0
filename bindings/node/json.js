// What may be sealed: values that JSON gives back as they were; and the numbers that JavaScript would write otherwise
// than they were written, such as integers over 2^53 and 1.0.
import { randomBytes } from 'node:crypto';

function isScalar(value) {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true;
    case 'number':
      return Number.isFinite(value);
    default:
      return value === null;
  }
}

const isEnumerable = Object.prototype.propertyIsEnumerable;

function requirePlain(object) {
  const prototype = Reflect.getPrototypeOf(object);
  if (prototype !== null && prototype !== Object.prototype) throw new TypeError('not a plain object');
}

// Throws for what JSON would lose or change; a cycle is left to JSON.stringify.
function requireLossless(root) {
  if (isScalar(root)) return;
  const open = [];
  const seen = new Set();
  const look = (value) => {
    if (isScalar(value)) return;
    if (typeof value !== 'object') throw new TypeError(`a ${typeof value}`);
    if (seen.has(value)) return;
    seen.add(value);
    open.push(value);
  };
  look(root);
  while (open.length > 0) {
    const container = open.pop();
    if (Array.isArray(container)) {
      for (let i = 0; i < container.length; i++) look(container[i]); // holes too, which are undefined
      continue;
    }
    requirePlain(container);
    for (const key of Reflect.ownKeys(container)) {
      if (typeof key !== 'string') throw new TypeError('a symbol as a key');
      if (!isEnumerable.call(container, key)) throw new TypeError('a hidden member');
      const value = container[key];
      if (value !== undefined) look(value); // JSON.stringify leaves it out, and so nothing is lost
    }
  }
}

// ---- numbers that are written as they came ----

// By the object that was parsed: the numbers among its members, as they were written.
const written = new WeakMap();
let anyWritten = false;

// Begins the text that stands for such a number between parser and object. Random, so that no text of others is one.
const mark = `${randomBytes(16).toString('hex')}:`;
const marks = new RegExp(`"${mark}([^"]*)"`, 'g');

const mayBeOtherwise = /(?:^|[:,[\s])(?:-?\d+[.eE]|-?\d{16}|-0)/;
const textOrNumber = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function parseExactly(text) {
  const marked = text.replace(textOrNumber, (token) =>
    token.startsWith('"') || String(Number(token)) === token ? token : `"${mark}${token}"`,
  );
  return JSON.parse(marked, function take(key, value) {
    if (typeof value !== 'string' || !value.startsWith(mark)) return value;
    const number = value.slice(mark.length);
    if (!written.has(this)) written.set(this, new Map());
    written.get(this).set(key, number);
    anyWritten = true;
    return Number(number);
  });
}

// The members of `copy` that are still `original`'s are written as these came.
export function writeLike(original, copy) {
  const numbers = written.get(original);
  if (numbers && typeof copy === 'object' && copy !== null && !written.has(copy)) written.set(copy, numbers);
  return copy;
}

const isRounded = (number) => Number.isInteger(number) && !Number.isSafeInteger(number) && Math.abs(number) < 2 ** 64;

class Inexact extends Error {}

function writeExactly(data, allowsRounded) {
  const text = JSON.stringify(data, function take(key, value) {
    if (typeof value !== 'number') return value;
    const asItCame = written.get(this)?.get(key);
    if (asItCame !== undefined && Object.is(Number(asItCame), value)) return mark + asItCame;
    if (allowsRounded || !isRounded(value)) return value;
    throw new Inexact(
      `ironjar: the integer at \`${key}\` is over 2^53, where JavaScript has not every integer, so that another number may ` +
        'have been meant: store it as a text. One that the session brought is kept while its object is',
    );
  });
  return text?.replace(marks, '$1');
}

// ---- texts ----

const mayBeRounded = /\d{16}/;

function write(data, allowsRounded) {
  try {
    requireLossless(data);
    const text = JSON.stringify(data);
    if (text && !anyWritten && (allowsRounded || !mayBeRounded.test(text))) return text;
    if (text) return writeExactly(data, allowsRounded); // undefined when somebody gave every object a toJSON
  } catch (error) {
    if (error instanceof Inexact) throw error;
    // told below
  }
  throw new Error('Data is not JSON serializable');
}

// As iron-webcrypto writes, whose error its users match on.
export const stringify = (data) => write(data, true);
// Throws for an integer that may have been rounded.
export const stringifyExactly = (data) => write(data, false);

export function parse(text) {
  try {
    return mayBeOtherwise.test(text) ? parseExactly(text) : JSON.parse(text);
  } catch (error) {
    throw new Error(`Failed parsing sealed object JSON: ${error.message}`);
  }
}
