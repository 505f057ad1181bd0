// Cookie headers in and out, as the npm package `cookie` does it for iron-session.

const nameOk = /^[\u0021-\u003A\u003C\u003E-\u007E]+$/;
const needsEncoding = /[\u0000-\u0020\u007F-\uFFFF",;\\%]/;
const pathOk = /^[\u0020-\u003A\u003D-\u007E]*$/;
const label = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
const domainOk = new RegExp(`^\\.?${label}(?:\\.${label})*$`, 'i');

const isBlank = (text, at) => text[at] === ' ' || text[at] === '\t';

// By hand: a regular expression for the end would start anew at every blank, and a header may be nothing but blanks.
function trimmed(text) {
  let begin = 0;
  let end = text.length;
  while (begin < end && isBlank(text, begin)) begin++;
  while (begin < end && isBlank(text, end - 1)) end--;
  return text.slice(begin, end);
}

function decoded(value) {
  if (!value.includes('%')) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

// An object without a prototype; of several cookies of one name the first counts.
export function parseCookie(header) {
  const cookies = Object.create(null);
  if (header.length < 2) return cookies; // as `cookie` does, though `=` alone is a pair
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=');
    if (equals === -1) continue;
    const name = trimmed(pair.slice(0, equals));
    if (cookies[name] === undefined) cookies[name] = decoded(trimmed(pair.slice(equals + 1)));
  }
  return cookies;
}

function word(option, value, words) {
  const found = typeof value === 'string' ? words[value.toLowerCase()] : words[value];
  if (!found) throw new TypeError(`cookie ${option} is invalid: ${value}`);
  return found;
}
const priorities = Object.assign(Object.create(null), { low: 'Low', medium: 'Medium', high: 'High' });
const sameSites = Object.assign(Object.create(null), { true: 'Strict', strict: 'Strict', lax: 'Lax', none: 'None' });

function requireValid(option, value, isValid) {
  if (!isValid) throw new TypeError(`cookie ${option} is invalid: ${value}`);
}

export function stringifySetCookie(name, value, options) {
  const { maxAge, domain, path, expires, priority, sameSite } = options;
  requireValid('name', name, nameOk.test(name));
  let text = `${name}=${needsEncoding.test(value) ? encodeURIComponent(value) : value}`;
  if (maxAge !== undefined) {
    requireValid('maxAge', maxAge, Number.isSafeInteger(maxAge));
    text += `; Max-Age=${maxAge}`;
  }
  if (domain) {
    requireValid('domain', domain, domainOk.test(domain));
    text += `; Domain=${domain}`;
  }
  if (path) {
    requireValid('path', path, pathOk.test(path));
    text += `; Path=${path}`;
  }
  if (expires) {
    const year = expires.getUTCFullYear();
    requireValid('expires', expires, year >= 1601 && year <= 9999);
    text += `; Expires=${expires.toUTCString()}`;
  }
  if (options.httpOnly) text += '; HttpOnly';
  if (options.secure) text += '; Secure';
  if (options.partitioned) text += '; Partitioned';
  if (priority) text += `; Priority=${word('priority', priority, priorities)}`;
  if (sameSite) text += `; SameSite=${word('sameSite', sameSite, sameSites)}`;
  return text;
}
