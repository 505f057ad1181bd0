// A reverse proxy that the browser takes for the demo, or for the site of cookies.mjs. It records the requests, adds
// pages that the scenarios need and the demo lacks, can hold a response back, and can break what the sites promise:
// each scenario has to notice.
import { once } from 'node:events';
import http from 'node:http';

const session = '__Host-demo';

// What is served below /walk/.
const pages = {
  'empty': { type: 'text/html', text: '<!doctype html><title>elsewhere</title><p>elsewhere' },
  'worker': {
    type: 'text/html',
    text: `<!doctype html><title>worker</title>
      <script>navigator.serviceWorker.register('/walk/worker.js', { scope: '/' })</script>`,
  },
  'worker.js': {
    type: 'text/javascript',
    text: `addEventListener('install', () => skipWaiting());
      addEventListener('activate', event => event.waitUntil(clients.claim()));
      addEventListener('fetch', event => event.respondWith(fetch(event.request)));`,
  },
  'links': {
    type: 'text/html',
    text: `<!doctype html><title>links</title><a href="/me">me</a>
      <link rel=prefetch href="/api/auth/logout"><link rel=prefetch href="/me"><link rel=prefetch href="/login">`,
  },
  'rules': {
    type: 'text/html',
    text: `<!doctype html><title>rules</title><a href="/me">me</a>
      <script type=speculationrules>{
        "prefetch": [{ "urls": ["/api/auth/logout", "/me", "/api/data/items", "/login"], "eagerness": "immediate" }],
        "prerender": [{ "urls": ["/"], "eagerness": "immediate" }]
      }</script>`,
  },
};

const isLogout = ({ method, path }) => method === 'POST' && path.endsWith('/logout');
const deletion = `${session}=; Max-Age=0; Path=/; Secure; HttpOnly`;
const dropFields = (message, names) => {
  message.fields = message.fields.filter(([name]) => !names.test(name));
};

// A script of the site's with a mistake in it.
const rewriting = (path, right, wrong) => ({
  request: (exchange) => dropFields(exchange, /^(accept-encoding|if-.*)$/i),
  answer: (exchange) => {
    if (exchange.path !== path) return;
    const text = exchange.answer.body.toString();
    if (!text.includes(right)) console.log(`FAULT ${path} has no ${right}`);
    exchange.answer.body = text.replaceAll(right, wrong);
  },
});

// What a site can get wrong, by name: `request` and `answer` change what passes; an answer made by `instead` does not
// come from the site.
export const faults = {
  'the logout is forgotten': {
    instead: (exchange) => isLogout(exchange) && { status: 204, fields: [] },
  },
  'the logout deletes the cookie, and that is all': {
    instead: (exchange) => isLogout(exchange) && { status: 204, fields: [['Set-Cookie', deletion]] },
  },
  'a GET signs out': {
    request: (exchange) => {
      if (!exchange.path.endsWith('/logout')) return;
      exchange.method = 'POST';
      dropFields(exchange, /^sec-/i);
      exchange.fields.push(['X-Requested-With', 'a fault'], ['Content-Length', '0']);
    },
  },
  'preloading is taken for a visit': {
    request: (exchange) => dropFields(exchange, /^sec-purpose$/i),
  },
  'a cookie that another response has replaced is refused': {
    answer: (exchange, front) => {
      if (exchange.path === '/api/data/items' && front.replaced.has(exchange.cookie))
        exchange.answer = { status: 401, fields: [['Set-Cookie', deletion]] };
    },
  },
  'no answer says no-store': {
    answer: ({ answer }) => dropFields(answer, /^cache-control$/i),
  },
  'private pages may be cached': {
    request: (exchange) => dropFields(exchange, /^sec-purpose$/i),
    answer: ({ answer }) => {
      dropFields(answer, /^(cache-control|vary)$/i);
      answer.fields.push(['Cache-Control', 'max-age=600']);
    },
  },
  'the cookie ends with the browser': {
    answer: ({ answer }) => {
      answer.fields = answer.fields.map(([name, value]) => [name, value.replace(/ Max-Age=\d{2,};/, '')]);
    },
  },
  'no deletion reaches the browser': {
    answer: ({ answer }) => {
      answer.fields = answer.fields.filter(([, value]) => !/; ?Max-Age=0;/i.test(value));
    },
  },
  'each tab refreshes for itself': rewriting('/ironjar/index.js', 'env.locks ?', 'false ?'),
  'the page asks for no refresh': rewriting('/ironjar/plan.js', "return 'refresh'", 'return Infinity'),
  'tabs do not tell each other':
    rewriting('/ironjar/page.js', 'new BroadcastChannel(name)', 'new BroadcastChannel(name + Math.random())'),
  'no refusal has a reason': {
    request: (exchange) => dropFields(exchange, /^accept-encoding$/i),
    answer: ({ answer }) => {
      if (answer.status === 401) answer.body = '{}';
    },
  },
  'asking who one is signs out': {
    answer: ({ path, answer }) => path === '/me' && answer.fields.push(['Set-Cookie', deletion]),
  },
};

const valueIn = (text) => new RegExp(`(?:^|; ?)${session}=([^;]+)`).exec(text ?? '')?.[1];
const pairs = (raw) => Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i], raw[2 * i + 1]]);

async function bodyOf(stream) {
  const parts = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts);
}

// A server's answer to a request.
async function ask(port, { method, path, fields, body }) {
  const request = http.request({ host: '127.0.0.1', port, method, path, headers: fields.flat(), agent: false });
  request.end(body);
  const [response] = await once(request, 'response');
  return { status: response.statusCode, fields: pairs(response.rawHeaders), body: await bodyOf(response) };
}

export async function startFront(demoPort) {
  const siteHost = `app.site.localhost:${demoPort}`;
  const front = {
    siteHost,
    site: null, // { port, fields }: who answers under siteHost, and a function of the fields that it wants besides
    fault: null, // one of `faults`
    exchanges: [], // { method, path, cookie, purpose, answer }, the answer once it has been sent
    replaced: new Set(), // session cookies in whose place a response has set another
    holds: null, // (exchange) => a promise that its answer waits for, or nothing
    reset() {
      Object.assign(front, { fault: null, exchanges: [], replaced: new Set(), holds: null });
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  const pass = (host, exchange) => host === siteHost
    ? ask(front.site.port, { ...exchange, fields: [...exchange.fields, ...front.site.fields()] })
    : ask(demoPort, exchange);

  async function answer(request) {
    const exchange = {
      method: request.method,
      path: request.url,
      fields: pairs(request.rawHeaders),
      body: await bodyOf(request),
      cookie: valueIn(request.headers.cookie),
      purpose: request.headers['sec-purpose'] ?? '',
    };
    front.exchanges.push(exchange);
    const page = request.url.startsWith('/walk/') && pages[request.url.slice('/walk/'.length)];
    if (page) {
      const fields = [['Content-Type', page.type], ['Cache-Control', 'no-cache'], ['Service-Worker-Allowed', '/']];
      return (exchange.answer = { status: 200, fields, body: page.text });
    }
    const fault = front.fault ?? {};
    const instead = fault.instead?.(exchange);
    fault.request?.(exchange);
    exchange.answer = instead || (await pass(request.headers.host, exchange));
    await front.holds?.(exchange);
    fault.answer?.(exchange, front);
    const [set] = exchange.answer.fields.filter(([name, value]) => /^set-cookie$/i.test(name) && valueIn(value));
    if (set && exchange.cookie) front.replaced.add(exchange.cookie);
    return exchange.answer;
  }

  const server = http.createServer(async (request, response) => {
    try {
      const { status, fields, body } = await answer(request);
      const isOurs = ([name]) => !/^(connection|keep-alive|content-length|transfer-encoding)$/i.test(name);
      response.writeHead(status, fields.filter(isOurs).flat());
      response.end(body);
    } catch {
      response.destroy(); // the demo is gone
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  front.port = server.address().port;
  return front;
}
