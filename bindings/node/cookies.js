// Cookies as the npm package `cookie` reads and writes them for iron-session. The library parses and serialises; here
// is what it does not do (percent-encoding, an object by name) and that package's error texts.
import native from './native.js';
import { remembering } from './remember.js';

const needsEncoding = /[\u0000-\u0020\u007F-\uFFFF",;\\%]/;

function decoded(value) {
  if (!value?.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

// Of several cookies of one name the first counts. A pair without a name is none.
export const findCookie = (header, name) => decoded(native.findCookie(header, name));

// An object without a prototype.
export function parseCookie(header) {
  const cookies = Object.create(null);
  for (const [name, value] of native.parseCookies(header)) cookies[name] ??= decoded(value);
  return cookies;
}

// Whether a browser stores two Set-Cookie values in one place (RFC 6265bis section 5.7): by name, domain, path and
// partition.
export const isSameCookie = (one, other) => placeOf(one) === placeOf(other);
function placeOf(line) {
  const [pair, ...rest] = line.split(';');
  const attributes = { domain: '', path: '', partitioned: '' };
  for (const attribute of rest) {
    const [name, value = ''] = attribute.trim().split('=');
    if (Object.hasOwn(attributes, name.toLowerCase())) attributes[name.toLowerCase()] = value || name;
  }
  const domain = attributes.domain.replace(/^\./, '').toLowerCase();
  return JSON.stringify([pair.split('=', 1)[0].trim(), domain, attributes.path, attributes.partitioned !== '']);
}

const word = (value) => (typeof value === 'string' ? value.toLowerCase() : value);

// The options of `cookie` as the library's. Without promises: `cookie` writes what browsers do not keep, too.
const attributesOf = ({ maxAge, domain, path, expires, priority, sameSite, httpOnly, secure, partitioned }) =>
  JSON.stringify({
    maxAge,
    domain: domain || '',
    path: path || '',
    expires: expires ? expires.getTime() : undefined,
    priority: priority ? word(priority) : undefined,
    sameSite: sameSite ? word(sameSite === true ? 'strict' : sameSite) : 'unset',
    httpOnly: Boolean(httpOnly),
    secure: Boolean(secure),
    partitioned: Boolean(partitioned),
    promises: false,
  });

function isRefused(name, attributes) {
  try {
    native.serializeCookie(name, '', attributesOf(attributes));
    return false;
  } catch {
    return true;
  }
}

// `cookie` names the option that is wrong: the first that is refused alone.
function explained(error, name, options) {
  if (isRefused(name, {})) return new TypeError(`cookie name is invalid: ${name}`);
  for (const option of ['maxAge', 'domain', 'path', 'expires', 'priority', 'sameSite']) {
    const value = options[option];
    if (isRefused('n', { [option]: value })) return new TypeError(`cookie ${option} is invalid: ${value}`);
  }
  return error;
}

// The Set-Cookie value without the cookie's own, which goes behind `name=`. Applications have a few of these.
const template = remembering((key, name, attributes) => native.serializeCookie(name, '', attributes));

export function stringifySetCookie(name, value, options) {
  try {
    const attributes = attributesOf(options);
    const text = template(`${attributes}\0${name}`, name, attributes);
    const at = name.length + 1;
    return text.slice(0, at) + (needsEncoding.test(value) ? encodeURIComponent(value) : value) + text.slice(at);
  } catch (error) {
    throw explained(error, name, options);
  }
}
