// getIronSession, with iron-session 9's semantics, option names and error texts.
import { parseCookie, stringifySetCookie } from './cookies.js';
import { formatsToOpen, fourteenDays, passwordMap, sealDataSync, unsealDataSync } from './seal.js';

const largestCookie = 4096; // of a Set-Cookie value, in bytes: what browsers keep
const mostChunks = 4;

// ---- where cookies are read and written ----

const isWebRequest = (request) => 'headers' in request && typeof request.headers.get === 'function';

function cookiesOf(request) {
  const header = isWebRequest(request) ? request.headers.get('cookie') : request.headers.cookie;
  return parseCookie(header ?? '');
}

export function nodeCookies(req, res) {
  return {
    read: (name) => cookiesOf(req)[name],
    names: () => Object.keys(cookiesOf(req)),
    assertWritable() {
      if (!res.headersSent) return;
      throw new Error(
        'iron-session: Cannot set session cookie: session.save() was called after headers were sent. ' +
          'Make sure to call it before any res.send() or res.end()',
      );
    },
    write(name, value, options) {
      const present = res.getHeader('set-cookie') ?? [];
      const before = Array.isArray(present) ? present : [String(present)];
      res.setHeader('set-cookie', [...before, stringifySetCookie(name, value, options)]);
    },
  };
}

export function webCookies(request, response) {
  const headers = response instanceof Headers ? response : response.headers;
  return {
    read: (name) => cookiesOf(request)[name],
    names: () => Object.keys(cookiesOf(request)),
    assertWritable() {
      if (!(response instanceof Response) || !response.bodyUsed) return;
      throw new Error(
        'iron-session: Cannot set session cookie: the response body has already been consumed, so the Set-Cookie ' +
          'header would be dropped. Call session.save() before returning or streaming the response.',
      );
    },
    write: (name, value, options) => headers.append('set-cookie', stringifySetCookie(name, value, options)),
  };
}

const namesIn = (store) => () => store.getAll?.().map((cookie) => cookie.name) ?? [];

// Also into the request, so that what reads the session later in the same request sees the new one.
export function nextProxyCookies(request, response) {
  return {
    read: (name) => request.cookies.get(name)?.value,
    names: namesIn(request.cookies),
    write(name, value, options) {
      response.cookies.set(name, value, options);
      request.cookies.set(name, value);
    },
  };
}

const storeCookies = (store) => ({
  read: (name) => store.get(name)?.value,
  names: namesIn(store),
  write: (name, value, options) => void store.set(name, value, options),
});

const has = (value, ...methods) =>
  typeof value === 'object' && value !== null && methods.every((method) => typeof value[method] === 'function');

// ---- options ----

const misuse = (what) => new Error(`iron-session: Bad usage. ${what}`);

function checkedPasswords(password) {
  const passwords = passwordMap(password);
  const entries = Object.entries(passwords);
  if (entries.length === 0) {
    throw misuse("The password map is empty, it must be keyed by numbers, for example { 1: 'your-password' }.");
  }
  for (const [id, secret] of entries) {
    if (!Number.isInteger(Number(id))) {
      // What is as long as a password may be one: a map that is written the other way round.
      const got = id.length < 32 ? JSON.stringify(id) : `one of ${id.length} characters`;
      throw misuse(`Password ids must be integers, got ${got}. Use { 1: '...', 2: '...' }.`);
    }
    if (typeof secret !== 'string' || secret.length < 32) throw misuse('Password must be at least 32 characters long.');
  }
  return passwords;
}

// The browser forgets the cookie a minute before its seal ends, and keeps one that never does for as long as it may.
function maxAgeFor(ttl) {
  if (ttl === 0) return 2147483647;
  return ttl > 60 ? ttl - 60 : ttl;
}

function configurationOf(options) {
  if (!options.cookieName) throw misuse('Missing cookie name.');
  if (!options.password) throw misuse('Missing password.');
  const password = checkedPasswords(options.password);
  const attributes = { httpOnly: true, secure: true, sameSite: 'lax', path: '/', ...options.cookieOptions };
  const configuration = { ttl: fourteenDays, chunk: false, ...options, password, cookieOptions: attributes };
  const isAgeGiven = options.cookieOptions && 'maxAge' in options.cookieOptions;
  if (!isAgeGiven) attributes.maxAge = maxAgeFor(configuration.ttl);
  else if (options.cookieOptions.maxAge === undefined) configuration.ttl = 0; // until the browser closes
  return configuration;
}

function requireFuture({ expires }) {
  if (!(expires instanceof Date) || !(expires.getTime() < Date.now())) return; // one that is no date is refused later
  throw misuse(
    `cookieOptions.expires is in the past (${expires.toISOString()}), so the browser will discard the cookie and the ` +
      'session will never persist. This usually means the Date was created once at module scope. Use `ttl` instead.',
  );
}

// A native seal is bound to its cookie's name, as a SessionJar's are.
const sealing = ({ password, ttl, format, cookieName }) =>
  format === 'native' ? { password, ttl, format, context: cookieName } : { password, ttl, format };
const unsealing = ({ password, format, formats, cookieName }) => ({
  password,
  formats: formatsToOpen({ format, formats }),
  context: cookieName,
});

const isObject = (data) => typeof data === 'object' && data !== null && !Array.isArray(data);

// What a cookie's seal holds; an empty session when that is no object.
function dataOf(seal, configuration, onUnsealError) {
  const options = unsealing(configuration);
  if (!seal) return {};
  const data = unsealDataSync(seal, { ...options, onUnsealError });
  if (isObject(data)) return data;
  onUnsealError?.('invalid', new Error('ironjar: malformed: what the cookie holds is no object'));
  return {};
}

// ---- cookies of a session ----

const chunkName = (name, index) => `${name}.${index}`;
const bytesOf = (name, value, options) => Buffer.byteLength(stringifySetCookie(name, value, options));

// Whole, or in chunks up to the first that is missing, whatever `chunk` says. Nothing here trusts a chunk: the seal's
// MAC is over all of them.
function readSeal(jar, name) {
  const whole = jar.read(name);
  if (whole) return whole;
  let seal = '';
  for (let i = 0; i < mostChunks; i++) {
    const part = jar.read(chunkName(name, i));
    if (!part) break;
    seal += part;
  }
  return seal;
}

// Deletes what the request brought and the session is not in any more; a chunk that stayed would spoil the next one.
function deleteStale(jar, { cookieName, cookieOptions }, keepsWhole, chunksKept) {
  const names = keepsWhole ? [] : [cookieName];
  for (let i = chunksKept; i < mostChunks; i++) names.push(chunkName(cookieName, i));
  for (const name of names) {
    if (jar.read(name)) jar.write(name, '', { ...cookieOptions, maxAge: 0 });
  }
}

function tooBig(jar, name, size) {
  const isChunked = Boolean(jar.read(chunkName(name, 0)));
  return new Error(
    `iron-session: Cookie length is too big (${size} bytes)` +
      (isChunked
        ? ' and `chunk` is not enabled here, but this session is already stored across several cookies. You have more ' +
          'than one options object and only some of them set `chunk: true`. Use the same options everywhere you call ' +
          'getIronSession, including middleware.'
        : ', browsers will refuse it. Remove some data from the session, or set `chunk: true` to split it across ' +
          'several cookies.'),
  );
}

function chunksOf(seal, { cookieName, cookieOptions }) {
  const overhead = bytesOf(chunkName(cookieName, 0), '', cookieOptions);
  const budget = largestCookie - overhead;
  if (budget <= 0) {
    throw new Error(
      `iron-session: The cookie name and options alone take ${overhead} bytes, which leaves no room for session data. ` +
        'Use a shorter cookie name.',
    );
  }
  const chunks = [];
  for (let at = 0; at < seal.length; at += budget) chunks.push(seal.slice(at, at + budget));
  if (chunks.length > mostChunks) {
    throw new Error(
      `iron-session: The session needs ${chunks.length} cookies and the maximum is ${mostChunks}. Even at ` +
        `${mostChunks} the whole Cookie header is sent on every request and proxies commonly cap it at 8 KB, so ` +
        'raising this would fail at your CDN instead. Store an id in the session and keep the data in your database.',
    );
  }
  return chunks;
}

function writeSeal(jar, configuration, seal) {
  const { cookieName, cookieOptions } = configuration;
  const size = bytesOf(cookieName, seal, cookieOptions);
  if (size <= largestCookie) {
    jar.write(cookieName, seal, cookieOptions);
    return deleteStale(jar, configuration, true, 0);
  }
  if (!configuration.chunk) throw tooBig(jar, cookieName, size);
  const chunks = chunksOf(seal, configuration);
  chunks.forEach((chunk, i) => jar.write(chunkName(cookieName, i), chunk, cookieOptions));
  return deleteStale(jar, configuration, false, chunks.length);
}

// ---- the session ----

function openSession(jar, options) {
  let configuration = configurationOf(options);
  const seal = readSeal(jar, configuration.cookieName);
  const { onUnsealError } = options;
  const session = dataOf(seal, configuration, onUnsealError);
  let destroyed = false;

  async function save() {
    if (destroyed) {
      if (Object.keys(session).length === 0) return;
      throw new Error(
        'iron-session: Cannot save a destroyed session that has data written back into it. session.destroy() signs ' +
          'the user out, and saving these fields would restore the cookie you just cleared, leaving the user signed ' +
          'in. Get a fresh session if you need to write one.',
      );
    }
    jar.assertWritable?.();
    requireFuture(configuration.cookieOptions);
    writeSeal(jar, configuration, sealDataSync(session, sealing(configuration)));
  }

  function destroy() {
    destroyed = true;
    for (const key of Object.keys(session)) delete session[key];
    jar.write(configuration.cookieName, '', { ...configuration.cookieOptions, maxAge: 0 });
    deleteStale(jar, configuration, true, 0);
  }

  function updateConfig(newOptions) {
    configuration = configurationOf(newOptions);
  }

  // Not enumerable, so that they are neither sealed nor deleted; said, as the data may have these names.
  const hidden = { enumerable: false, configurable: false, writable: false };
  return Object.defineProperties(session, {
    updateConfig: { ...hidden, value: updateConfig },
    save: { ...hidden, value: save },
    destroy: { ...hidden, value: destroy },
  });
}

export async function getIronSession(first, second, third) {
  const wrong =
    'iron-session: Bad usage: use getIronSession(req, res, options) or getIronSession(cookieStore, options).';
  if (!first || !second) throw new Error(wrong);
  if (third) return openSession(isWebRequest(first) ? webCookies(first, second) : nodeCookies(first, second), third);
  if (has(first, 'read', 'write')) return openSession(first, second);
  if (has(first, 'get', 'set')) return openSession(storeCookies(first), second);
  throw new Error(wrong);
}
