// iron-session's sealData and unsealData, and with `format: 'native'` the library's own format. What opens is decided by
// `formatsToOpen`.
import { defaults, sealSync, unsealSync } from './iron.js';
import { parse, stringifyExactly, writeLike } from './json.js';
import { sealerFor } from './keys.js';
import native from './native.js';

export const fourteenDays = 14 * 24 * 3600;
const mark = '~2';

export const passwordMap = (password) => (typeof password === 'string' ? { 1: password } : password);

// ---- what cannot be sealed, named ----

// Where the first value is that JSON cannot carry, as iron-session says it; empty when it is none of the usual ones.
function describeCulprit(value, path, depth) {
  const type = typeof value;
  if (type === 'bigint' || type === 'function' || type === 'symbol') return ` (${path} is a ${type})`;
  if (type === 'number' && !Number.isFinite(value)) return ` (${path} is ${value})`;
  if (type !== 'object' || value === null || depth > 5) return '';
  const name = value.constructor?.name;
  if (Array.isArray(value)) return firstCulprit(Array.from(value, (element, i) => [`${path}[${i}]`, element]), depth);
  if (name !== undefined && name !== 'Object') return ` (${path} is a ${name})`;
  return firstCulprit(Object.entries(value).map(([key, member]) => [`${path}.${key}`, member]), depth);
}
function firstCulprit(members, depth) {
  for (const [path, value] of members) {
    const found = describeCulprit(value, path, depth + 1);
    if (found) return found;
  }
  return '';
}

function explained(error, data) {
  if (!(error instanceof Error) || error.message !== 'Data is not JSON serializable') return error;
  return new Error(
    `iron-session: The session data is not JSON serializable${describeCulprit(data, 'session', 0)}. ` +
      'Store plain JSON values only: a Date must be stored as a timestamp (Date.now()) or an ISO string, ' +
      'and Map/Set/BigInt/functions are not supported.',
    { cause: error },
  );
}

// ---- seal ----

function requireFormat(format) {
  if (format === undefined || format === 'fe26') return false;
  if (format === 'native') return true;
  throw new TypeError("ironjar: `format` is 'fe26' or 'native'");
}

const isFormat = (format) => format === 'fe26' || format === 'native';

// The formats that open: those of `formats`. By default both, as iron-session's cookies are to open; but native alone
// once a purpose, a context or the native format is named. Fe26.2 carries none of these: with it, any session's cookie
// would pass for a seal of any purpose.
export function formatsToOpen({ formats, format, purpose, context }) {
  if (formats === undefined) {
    const isNative = requireFormat(format);
    return isNative || purpose !== undefined || context !== undefined ? ['native'] : ['native', 'fe26'];
  }
  if (Array.isArray(formats) && formats.length > 0 && formats.every(isFormat)) return formats;
  throw new TypeError("ironjar: `formats` is a list of 'native' and 'fe26'");
}

// The id of the password that seals.
function sealingId(passwords, sealUnder) {
  if (sealUnder === undefined) return Math.max(...Object.keys(passwords).map(Number));
  if (Object.hasOwn(passwords, sealUnder)) return sealUnder;
  throw new TypeError('ironjar: `sealUnder` is no id of `password`');
}

function sealFe26(data, passwords, sealUnder, ttl) {
  const id = sealingId(passwords, sealUnder);
  const secret = passwords[id];
  if (secret === undefined) {
    throw new Error(
      'iron-session: Bad usage. The password map has no usable entry, it must be a non-empty object keyed by numbers, ' +
        "for example { 1: 'your-password' }.",
    );
  }
  return sealSync(data, { id: String(id), secret }, { ...defaults, ttl: ttl * 1000, encode: stringifyExactly }) + mark;
}

export function sealDataSync(data, { password, sealUnder, ttl = fourteenDays, format, purpose, context }) {
  const isNative = requireFormat(format);
  if (!isNative && (purpose !== undefined || context !== undefined)) {
    throw new TypeError("ironjar: `purpose` and `context` are bound into native seals only: set `format: 'native'`");
  }
  const passwords = passwordMap(password);
  const plain = data !== null && typeof data === 'object' ? writeLike(data, { ...data }) : data;
  try {
    if (!isNative) return sealFe26(plain, passwords, sealUnder, ttl);
    const sealer = sealerFor({ passwords, sealUnder, purpose, context, ttl });
    return native.seal(sealer, stringifyExactly(plain), Date.now());
  } catch (error) {
    throw explained(error, data);
  }
}

export async function sealData(data, options) {
  return sealDataSync(data, options);
}

// ---- unseal ----

function reasonOf(error) {
  if (!(error instanceof Error)) return 'invalid';
  if (error.code === 'expired' || error.message.startsWith('Expired seal')) return 'expired';
  if (error.code === 'unknownKey' || error.message.startsWith('Cannot find password')) return 'unknown-password';
  return 'invalid';
}

const withoutMark = (seal) => {
  const at = seal.indexOf('~');
  return at === -1 ? seal : seal.slice(0, at);
};

// Fe26.2 opens through `iron`, which takes what iron-session takes; everything else is the library's to open or refuse.
function unsealAny(seal, unmarked, passwords, formats, { purpose, context }) {
  if (formats.includes('fe26') && !seal.startsWith('ij1.')) return unsealSync(unmarked, passwords, defaults);
  const refusing = formats.includes('native') ? undefined : ['fe26'];
  const sealer = sealerFor({ passwords, formats: refusing, purpose, context });
  return parse(native.unseal(sealer, seal, Date.now()));
}

// A seal that does not open is an empty object, and `onUnsealError` is told why. What is no text at all is thrown at the
// caller, as iron-session does.
export function unsealDataSync(seal, { password, onUnsealError, formats, format, purpose, context }) {
  const enabled = formatsToOpen({ formats, format, purpose, context });
  const passwords = passwordMap(password);
  const unmarked = withoutMark(seal);
  try {
    return unsealAny(seal, unmarked, passwords, enabled, { purpose, context }) ?? {};
  } catch (error) {
    onUnsealError?.(reasonOf(error), error);
    return {};
  }
}

export async function unsealData(seal, options) {
  return unsealDataSync(seal, options);
}
