// What may be sealed: values that JSON gives back as they were.

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

// The error is iron-webcrypto's, which its users match on.
export function stringify(data) {
  try {
    requireLossless(data);
    const text = JSON.stringify(data);
    if (text) return text; // undefined when somebody gave every object a toJSON
  } catch {
    // told below
  }
  throw new Error('Data is not JSON serializable');
}

export function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`Failed parsing sealed object JSON: ${error.message}`);
  }
}
