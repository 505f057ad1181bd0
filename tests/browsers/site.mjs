// The sites of site.cpp over the Node package's getIronSession: the same routes, lines and headers. No list of denied
// sessions, former shapes or rolling: it has none.
//
//   node site.mjs PACKAGE_DIR
import { createServer } from 'node:http';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const { getIronSession } = await import(pathToFileURL(resolve(process.argv[2], 'index.js')));

const sites = new Map();
const gates = new Map();

function optionsFrom({ cookieName, passwords, ttl, chunk, formats, domain, path, partitioned, expires, ...more }) {
  const cookieOptions = { path, partitioned };
  if (domain) cookieOptions.domain = domain;
  if (expires !== undefined) cookieOptions.expires = new Date(expires);
  if (more.maxAge !== undefined || more.untilBrowserCloses) cookieOptions.maxAge = more.maxAge;
  const password = Object.fromEntries(passwords.map((text, i) => [i + 1, text]));
  const options = { cookieName, password, chunk, format: formats[0], formats, cookieOptions };
  return ttl === undefined ? options : { ...options, ttl };
}

// The package reads the clock before it first waits for anything.
function at(now, call) {
  const real = Date.now;
  Date.now = () => now;
  try {
    return call();
  } finally {
    Date.now = real;
  }
}

async function operate(path, query, name, body) {
  if (path === '/operator/start') sites.set(name, { now: 0, ...sites.get(name), options: optionsFrom(JSON.parse(body)) });
  if (path === '/operator/end') sites.delete(name);
  if (path === '/operator/release') gates.get(query.get('request'))();
}

function fill(session, query) {
  session.write = query.get('write');
  session.pad = 'x'.repeat(Number(query.get('bytes')));
}
const acts = {
  read() {},
  write(session, query) {
    session.sid ??= query.get('sid');
    fill(session, query);
    return session.save();
  },
  login(session, query) {
    for (const key of Object.keys(session)) delete session[key];
    session.sid = query.get('sid');
    fill(session, query);
    return session.save();
  },
  logout: (session) => session.destroy(),
};

async function serve(request, response, act, query, site) {
  const session = await at(site.now, () => getIronSession(request, response, site.options));
  response.setHeader('X-Opened', session.sid ?? 'nobody');
  response.setHeader('X-Write', session.write ?? '');
  const held = query.get('hold');
  if (held) {
    console.log(`opened ${held}`);
    await new Promise((release) => gates.set(held, release));
    gates.delete(held);
  }
  try {
    await at(site.now, () => act(session, query));
  } catch {
    response.statusCode = 500;
  }
}

const server = createServer({ maxHeaderSize: 32_768, keepAliveTimeout: 600_000 }, async (request, response) => {
  const { pathname, searchParams } = new URL(request.url, 'http://localhost');
  let body = '';
  for await (const piece of request.setEncoding('utf8')) body += piece;
  const name = request.headers['x-site'];
  if (pathname.startsWith('/operator/start')) await operate(pathname, searchParams, name, body);
  const site = sites.get(name);
  site.now = Number(request.headers['x-now']);
  if (!pathname.startsWith('/operator/')) {
    await serve(request, response, acts[pathname.slice('/app/me/'.length)], searchParams, site);
  } else if (pathname !== '/operator/start') {
    await operate(pathname, searchParams, name, body);
  }
  response.end();
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
process.stdin.resume().on('end', () => process.exit(0));
