// getIronSession, with iron-session 9's semantics, option names and error texts. How a seal is sent, and what is deleted
// with it, is the library's to say. Which cookie is read is not: iron-session's jars tell one value for each name, which
// may end in any `~`, and is opened with passwords that the library refuses.
import { findCookie, isSameCookie, parseCookie, stringifySetCookie } from './cookies.js';
import { writeLike } from './json.js';
import native from './native.js';
import { remembering } from './remember.js';
import { formatsToOpen, fourteenDays, passwordMap, sealDataSync, unsealDataSync } from './seal.js';

// ---- where cookies are read and written ----

const isWebRequest = (request) => 'headers' in request && typeof request.headers.get === 'function';

const headerOf = (request) => (isWebRequest(request) ? request.headers.get('cookie') : request.headers.cookie) ?? '';
const read = (request, name) => findCookie(headerOf(request), name);
const namesIn = (request) => Object.keys(parseCookie(headerOf(request)));

// One line for each cookie: a browser would keep the last one only, and proxies bound a response's head.
function withLine(before, line) {
  return [...before.filter((other) => !isSameCookie(other, line)), line];
}
function putLine(headers, line) {
  if (!headers.getSetCookie) return headers.append('set-cookie', line); // Node before 18.14 does not tell the others
  const lines = withLine(headers.getSetCookie(), line);
  headers.delete('set-cookie');
  for (const each of lines) headers.append('set-cookie', each);
}

export function nodeCookies(req, res) {
  return {
    read: (name) => read(req, name),
    names: () => namesIn(req),
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
      res.setHeader('set-cookie', withLine(before, stringifySetCookie(name, value, options)));
    },
  };
}

export function webCookies(request, response) {
  const headers = response instanceof Headers ? response : response.headers;
  return {
    read: (name) => read(request, name),
    names: () => namesIn(request),
    assertWritable() {
      if (!(response instanceof Response) || !response.bodyUsed) return;
      throw new Error(
        'iron-session: Cannot set session cookie: the response body has already been consumed, so the Set-Cookie ' +
          'header would be dropped. Call session.save() before returning or streaming the response.',
      );
    },
    write(name, value, options) {
      const line = stringifySetCookie(name, value, options);
      try {
        putLine(headers, line);
      } catch (error) {
        throw new Error(
          'iron-session: Cannot set session cookie: the headers of this response cannot be changed, as those of ' +
            'Response.redirect(), Response.error() and fetch() cannot. Use a response of your own, such as ' +
            'new Response(null, { status: 303, headers: { location } }).',
          { cause: error },
        );
      }
    },
  };
}

const namesOfStore = (store) => () => store.getAll?.().map((cookie) => cookie.name) ?? [];

// Also into the request, so that what reads the session later in the same request sees the new one.
export function nextProxyCookies(request, response) {
  return {
    read: (name) => request.cookies.get(name)?.value,
    names: namesOfStore(request.cookies),
    write(name, value, options) {
      response.cookies.set(name, value, options);
      request.cookies.set(name, value);
    },
  };
}

const storeCookies = (store) => ({
  read: (name) => store.get(name)?.value,
  names: namesOfStore(store),
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

// How the library sends a seal: ironjar_split_seal says what it answers. An application's seals have few sizes.
const splits = remembering((key, options, size) => JSON.parse(native.splitSeal(options, size)));
function splitSeal(options, size) {
  const text = JSON.stringify(options);
  return splits(`${size} ${text}`, text, size);
}
const maxAgeFor = remembering((ttl) => splitSeal({ cookieName: '', ttl }, 0).maxAge);
// All names that a session's cookies may have: the whole one's, then its chunks' in their order.
const namesOf = remembering((cookieName) => splitSeal({ cookieName }, 0).stale);

function configurationOf(options) {
  if (!options.cookieName) throw misuse('Missing cookie name.');
  if (!options.password) throw misuse('Missing password.');
  const password = checkedPasswords(options.password);
  const attributes = { httpOnly: true, secure: true, sameSite: 'lax', path: '/', ...options.cookieOptions };
  const names = namesOf(options.cookieName);
  const configuration = { ttl: fourteenDays, chunk: false, ...options, password, names, cookieOptions: attributes };
  const { ttl } = configuration;
  const isAgeGiven = options.cookieOptions && 'maxAge' in options.cookieOptions;
  if (!isAgeGiven) attributes.maxAge = Number.isSafeInteger(ttl) ? maxAgeFor(ttl) : ttl; // which is refused when written
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
const sealing = ({ password, sealUnder, ttl, format, cookieName }) =>
  format === 'native' ? { password, sealUnder, ttl, format, context: cookieName } : { password, sealUnder, ttl, format };
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

// Whole, or in chunks up to the first that is missing, whatever `chunk` says. Nothing here trusts a chunk: the seal's
// MAC is over all of them.
function readSeal(jar, { names }) {
  const whole = jar.read(names[0]);
  if (whole) return whole;
  let seal = '';
  for (const name of names.slice(1)) {
    const part = jar.read(name);
    if (!part) break;
    seal += part;
  }
  return seal;
}

function deleteCookies(jar, names, { cookieOptions }) {
  for (const name of names) jar.write(name, '', { ...cookieOptions, maxAge: 0 });
}
// Deletes what the request brought and the session is not in any more; a chunk that stayed would spoil the next one.
const deleteStale = (jar, names, configuration) =>
  deleteCookies(jar, names.filter((name) => jar.read(name)), configuration);

function tooBig(jar, { names }, { wholeSize }) {
  const isChunked = Boolean(jar.read(names[1]));
  return new Error(
    `iron-session: Cookie length is too big (${wholeSize} bytes)` +
      (isChunked
        ? ' and `chunk` is not enabled here, but this session is already stored across several cookies. You have more ' +
          'than one options object and only some of them set `chunk: true`. Use the same options everywhere you call ' +
          'getIronSession, including middleware.'
        : ', browsers will refuse it. Remove some data from the session, or set `chunk: true` to split it across ' +
          'several cookies.'),
  );
}

function tooManyChunks({ names }, { chunkOverhead, chunks }) {
  const most = names.length - 1;
  return new Error(
    chunks === 0
      ? `iron-session: The cookie name and options alone take ${chunkOverhead} bytes, which leaves no room for session ` +
        'data. Use a shorter cookie name.'
      : `iron-session: The session needs ${chunks} cookies and the maximum is ${most}. Even at ${most} the whole Cookie ` +
        'header is sent on every request and proxies commonly cap it at 8 KB, so raising this would fail at your CDN ' +
        'instead. Store an id in the session and keep the data in your database.',
  );
}

function writeSeal(jar, configuration, seal) {
  const { cookieName, cookieOptions, chunk } = configuration;
  const attributesSize = stringifySetCookie(cookieName, '', cookieOptions).length - cookieName.length - 1;
  const split = splitSeal({ cookieName, attributesSize, chunk: Boolean(chunk) }, seal.length);
  const { cookies, stale, partSize } = split;
  if (cookies.length === 0) throw chunk ? tooManyChunks(configuration, split) : tooBig(jar, configuration, split);
  cookies.forEach((name, i) => jar.write(name, seal.slice(i * partSize, (i + 1) * partSize), cookieOptions));
  deleteStale(jar, stale, configuration);
}

// ---- the session ----

function openSession(jar, options) {
  let configuration = configurationOf(options);
  const seal = readSeal(jar, configuration);
  const { onUnsealError } = options;
  const session = dataOf(seal, configuration, onUnsealError);
  const covered = {}; // members that another program gave the methods' names: not seen here, and kept
  for (const name of ['updateConfig', 'save', 'destroy']) {
    if (Object.hasOwn(session, name)) covered[name] = session[name];
  }
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
    const data = Object.keys(covered).length > 0 ? writeLike(session, { ...session, ...covered }) : session;
    writeSeal(jar, configuration, sealDataSync(data, sealing(configuration)));
  }

  function destroy() {
    destroyed = true;
    for (const key of Object.keys(session)) delete session[key];
    const [whole, ...chunks] = configuration.names;
    deleteCookies(jar, [whole], configuration);
    deleteStale(jar, chunks, configuration);
  }

  function updateConfig(newOptions) {
    configuration = configurationOf(newOptions);
  }

  // Not enumerable, so that they are neither sealed nor deleted.
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
