// Signing in with a real OpenID provider, npm's oidc-provider: in, two tabs, the back button, an attempt that has ended,
// out here and there, new keys, a provider that is down.
//
//   signin.mjs MODULES SITE [CHROMIUM_MODULES]
//
// MODULES has oidc-provider, SITE is ironjar_signin_site. With CHROMIUM_MODULES, which has playwright-core, Debian's
// Chromium is the browser; without it, one of a few lines is: fetch, cookies with their paths, forms.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const [modules, siteProgram, chromiumModules] = process.argv.slice(2);
console.warn = console.info = () => {}; // oidc-provider advises on production use, and on Node's version
const entry = path.join(path.resolve(modules), 'node_modules/oidc-provider/lib/index.js');
const { default: Provider } = await import(pathToFileURL(entry));

const secret = process.env.IRONJAR_TEST_CLIENT_SECRET ?? 'a-secret-of-the-test-that-is-long-enough';
const server = createServer().listen(0, '127.0.0.1');
await once(server, 'listening');
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = { isDown: () => false, tokens: 0, keys: 0, tellsSite: false };

// One more program of the site, whose sessions are the others'.
const password = randomBytes(32).toString('base64');
async function startSite() {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', siteProgram, issuer], {
    env: { ...process.env, CLIENT_SECRET: secret, SESSION_PASSWORD: password },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const lines = createInterface(child.stdout);
  const [origin] = await once(lines, 'line');
  // Time passes for the age of what the site knows of the provider.
  async function pass(seconds) {
    child.stdin.write(`${seconds}\n`);
    await once(lines, 'line');
  }
  return { origin, pass, stop: () => child.stdin.end() };
}
const keys = [];
const sites = [await startSite(), await startSite()];
const [site, other] = sites.map(({ origin }) => origin);
// Signs with a new key from now on; the old ones stay published.
function serveWithNewKey() {
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048 });
  keys.unshift({ ...pair.privateKey.export({ format: 'jwk' }), kid: `key-${keys.length}`, use: 'sig', alg: 'RS256' });
  serve();
}
// What answers under the issuer's name from now on.
function serve() {
  const instance = new Provider(issuer, {
    clients: [
      {
        client_id: 'web',
        client_secret: secret,
        redirect_uris: sites.map(({ origin }) => `${origin}/callback`),
        post_logout_redirect_uris: sites.map(({ origin }) => `${origin}/bye`),
        grant_types: ['authorization_code', 'refresh_token'],
        ...(provider.tellsSite && {
          backchannel_logout_uri: `${site}/backchannel-logout`,
          backchannel_logout_session_required: true,
        }),
      },
    ],
    jwks: { keys },
    scopes: ['openid', 'offline_access'],
    rotateRefreshToken: true,
    features: { backchannelLogout: { enabled: provider.tellsSite } },
    fetch: (url, { dispatcher, ...options }) => fetch(url, options), // its own refuses the loopback interface
    cookies: { keys: ['a key of the test'] },
    ttl: { AccessToken: 3600, RefreshToken: 3600, Grant: 3600, IdToken: 3600, Session: 3600, Interaction: 600 },
  });
  instance.on('grant.success', () => (provider.tokens += 1));
  const answer = instance.callback();
  server.removeAllListeners('request');
  server.on('request', (request, response) => {
    if (request.url === '/jwks') provider.keys += 1;
    return provider.isDown(request.url) ? request.socket.destroy() : answer(request, response);
  });
}
serveWithNewKey();

// A browser without scripts. Cookies of a host have their paths (RFC 6265 section 5.4); forms are posted with an Origin.
class SmallBrowser {
  cookies = [];
  async newTab() {
    return new SmallTab(this);
  }
  async dropAttempts() {
    const before = this.cookies.length;
    this.cookies = this.cookies.filter(({ name }) => !name.includes('-login-'));
    return before - this.cookies.length;
  }
  async close() {}
}
class SmallTab {
  #shown = [];
  callbacks = [];
  constructor(browser) {
    this.browser = browser;
  }
  async #load(url, form) {
    const { hostname, pathname, origin } = new URL(url);
    const matches = (at) => pathname === at || pathname.startsWith(at.endsWith('/') ? at : `${at}/`);
    const mine = this.browser.cookies.filter((cookie) => cookie.host === hostname && matches(cookie.path));
    if (pathname === '/callback') this.callbacks.push(String(url));
    const response = await fetch(url, {
      method: form ? 'POST' : 'GET',
      body: form && new URLSearchParams(form),
      redirect: 'manual',
      headers: {
        cookie: mine.map(({ name, value }) => `${name}=${value}`).join('; '),
        ...(form && { origin, 'sec-fetch-site': 'same-origin' }),
      },
    });
    for (const line of response.headers.getSetCookie()) {
      const [pair, ...attributes] = line.split(/; */);
      const [, name, value] = /^([^=]+)=(.*)/.exec(pair);
      const attribute = (key) => attributes.find((one) => one.toLowerCase().startsWith(`${key}=`))?.slice(key.length + 1);
      const cookie = { host: hostname, path: attribute('path') ?? '/', name, value };
      const isSame = (one) => ['host', 'path', 'name'].every((key) => one[key] === cookie[key]);
      this.browser.cookies = this.browser.cookies.filter((one) => !isSame(one));
      const ended = attribute('max-age') === '0' || new Date(attribute('expires') ?? 8.64e15) < new Date();
      if (!ended) this.browser.cookies.push(cookie);
    }
    const next = response.headers.get('location');
    if (next) return this.#load(new URL(next, url));
    const page = { url: String(url), status: response.status, text: await response.text() };
    this.#shown.push(page);
    return page;
  }
  get #page() {
    return this.#shown.at(-1);
  }
  open = (url) => this.#load(url);
  back = async () => {
    this.#shown.pop();
    await this.#load(this.#shown.pop().url);
  };
  url = () => this.#page.url;
  status = async () => this.#page.status;
  text = async () => this.#page.text;
  async submit(filled = {}, button) {
    const form = { ...filled, ...button };
    for (const [tag] of this.#page.text.matchAll(/<input[^>]*type="?hidden[^>]*>/g)) {
      form[/name="([^"]*)"/.exec(tag)[1]] = /value="([^"]*)"/.exec(tag)[1];
    }
    const action = /action="?([^" >]+)/.exec(this.#page.text)[1];
    await this.#load(new URL(action, this.#page.url), form);
  }
}

class Chromium {
  static async start() {
    const { chromium } = createRequire(`${path.resolve(chromiumModules)}/`)('playwright-core');
    return chromium.launch({
      executablePath: '/usr/bin/chromium',
      chromiumSandbox: process.getuid() !== 0,
      args: [
        '--disable-gpu',
        '--disable-background-networking',
        '--host-resolver-rules=MAP localhost 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
      ],
    });
  }
  static of = async (browser) => new Chromium(await browser.newContext());
  constructor(context) {
    this.context = context;
  }
  async newTab() {
    return new ChromiumTab(await this.context.newPage());
  }
  async dropAttempts() {
    const all = await this.context.cookies(site);
    await this.context.clearCookies({ name: /-login-/ });
    return all.length - (await this.context.cookies(site)).length;
  }
  close = () => this.context.close();
}
class ChromiumTab {
  callbacks = [];
  #status = 0;
  constructor(page) {
    this.page = page;
    page.setDefaultTimeout(60_000);
    page.on('request', (request) => {
      if (new URL(request.url()).pathname === '/callback') this.callbacks.push(request.url());
    });
    page.on('response', (response) => {
      if (response.request().isNavigationRequest()) this.#status = response.status();
    });
  }
  open = (url) => this.page.goto(String(url));
  back = () => this.page.goBack();
  url = () => this.page.url();
  status = async () => this.#status;
  text = () => this.page.content();
  async submit(filled = {}, button) {
    for (const [name, value] of Object.entries(filled)) {
      const field = this.page.locator(`[name="${name}"]:not([type=hidden])`);
      if (await field.count()) await field.fill(value);
    }
    const [name, value] = Object.entries(button ?? {})[0] ?? [];
    const which = name ? `[name="${name}"][value="${value}"]` : 'button, [type=submit]';
    await Promise.all([this.page.waitForNavigation(), this.page.locator(which).first().click()]);
  }
}

// Goes through the provider's pages, until it is at the site. True: it was asked who it is.
async function passProvider(tab) {
  let isAsked = false;
  for (let pages = 0; tab.url().startsWith(issuer); ++pages) {
    assert.ok(pages < 4, `stuck at ${tab.url()}: ${await tab.text()}`);
    const asks = (await tab.text()).includes('name="login"');
    isAsked ||= asks;
    await tab.submit(asks ? { login: 'ada', password: 'x' } : {});
  }
  return isAsked;
}
const isAt = (tab, target) => assert.equal(tab.url(), site + target);
async function signIn(tab, returnTo = '/me', origin = site) {
  await tab.open(`${origin}/login?returnTo=${encodeURIComponent(returnTo)}`);
  return passProvider(tab);
}
// Who is signed in at the page that is shown: the user's name and the session's id.
const whoIsShown = async (tab) => /\b(ada|nobody) \w*/.exec(await tab.text())?.[0];
async function whoIs(tab) {
  await tab.open(`${site}/me`);
  return whoIsShown(tab);
}
const userOf = async (tab) => (await whoIs(tab)).split(' ')[0];

const scenarios = {
  async 'in, and back to where the user was'(browser) {
    const tab = await browser.newTab();
    assert.equal(await userOf(tab), 'nobody');
    assert.ok(await signIn(tab, '/orders?page=2'));
    isAt(tab, '/orders?page=2');
    assert.equal(await userOf(tab), 'ada');
    assert.equal(await browser.dropAttempts(), 0);
  },
  async 'two tabs, each to its own place'(browser) {
    const [first, second] = [await browser.newTab(), await browser.newTab()];
    await first.open(`${site}/login?returnTo=/me`);
    await second.open(`${site}/login?returnTo=/orders`);
    await passProvider(first);
    await passProvider(second);
    isAt(first, '/me');
    isAt(second, '/orders');
    assert.equal(await userOf(first), 'ada');
    assert.equal(await whoIs(first), await whoIs(second));
  },
  async 'the back button, and the callback once more, change nothing'(browser) {
    const tab = await browser.newTab();
    await tab.open(`${site}/`);
    await signIn(tab);
    const before = await whoIs(tab);
    await tab.back().catch(() => {}); // to the provider's page, or its error: the interaction has ended
    assert.equal(await whoIs(tab), before);
    const tokens = provider.tokens;
    await tab.open(tab.callbacks[0]);
    isAt(tab, '/');
    assert.equal(await whoIs(tab), before);
    assert.equal(provider.tokens, tokens);
  },
  async 'an attempt that has ended begins anew'(browser) {
    const tab = await browser.newTab();
    await tab.open(`${site}/login?returnTo=/orders`);
    assert.equal(await browser.dropAttempts(), 1);
    await passProvider(tab);
    isAt(tab, '/');
    assert.equal(await userOf(tab), 'ada');
  },
  async 'out here: at the provider, too'(browser) {
    const tab = await browser.newTab();
    await signIn(tab);
    await tab.open(`${site}/leave`);
    await tab.submit();
    assert.ok(tab.url().startsWith(issuer), tab.url());
    await tab.submit({}, { logout: 'yes' });
    isAt(tab, '/bye');
    assert.equal(await userOf(tab), 'nobody');
    await tab.open(`${site}/login?prompt=none`);
    assert.equal(await tab.status(), 401);
    assert.match(await tab.text(), /"interaction_required"/);
    assert.ok(await signIn(tab), 'the provider did not ask who it is');
    assert.equal(await userOf(tab), 'ada');
  },
  async 'out there: a silent login says so, and changes no session'(browser) {
    const tab = await browser.newTab();
    await signIn(tab);
    await tab.open(`${site}/login?prompt=none&returnTo=/orders`);
    isAt(tab, '/orders');
    const before = await whoIs(tab);
    await tab.open(`${issuer}/session/end`);
    await tab.submit({}, { logout: 'yes' });
    await tab.open(`${site}/login?prompt=none`);
    assert.match(await tab.text(), /"interaction_required"/);
    assert.equal(await whoIs(tab), before);
  },
  async 'out there, and the provider tells the site: signed out here at once'(browser) {
    provider.tellsSite = true;
    serve();
    const tab = await browser.newTab();
    await signIn(tab);
    assert.equal(await userOf(tab), 'ada');
    await tab.open(`${issuer}/session/end`);
    await tab.submit({}, { logout: 'yes' });
    for (let tries = 0; tries < 100 && (await userOf(tab)) !== 'nobody'; ++tries) await delay(50);
    assert.equal(await userOf(tab), 'nobody');
    provider.tellsSite = false;
    serve();
    assert.ok(await signIn(tab, '/orders'), 'the provider did not ask who it is');
    assert.equal(await userOf(tab), 'ada');
  },
  async 'a provider that is down for the code: loading the page again goes on'(browser) {
    const tab = await browser.newTab();
    provider.isDown = (url) => url === '/token';
    await signIn(tab, '/orders');
    assert.equal(await tab.status(), 503);
    assert.match(await tab.text(), /"temporarily_unavailable"/);
    provider.isDown = () => false;
    await tab.open(tab.url());
    isAt(tab, '/orders');
    assert.equal(await userOf(tab), 'ada');
  },
  async 'a provider that was down at the first login'(browser) {
    const tab = await browser.newTab();
    provider.isDown = () => true;
    await tab.open(`${other}/login`);
    assert.equal(await tab.status(), 503);
    provider.isDown = () => false;
    for (let tries = 0; tab.url().startsWith(other) && tries < 100; ++tries) {
      await delay(200); // it is not asked again for five seconds
      await tab.open(`${other}/login?returnTo=/me`);
    }
    await passProvider(tab);
    assert.equal(tab.url(), `${other}/me`);
    assert.match(await whoIsShown(tab), /^ada /);
  },
  async 'keys that are new are found at their first use, once a minute at most'(browser) {
    const tab = await browser.newTab();
    await signIn(tab);
    for (const returnTo of ['/orders', '/me']) {
      await sites[0].pass(61);
      serveWithNewKey();
      const asked = provider.keys;
      await signIn(tab, returnTo);
      isAt(tab, returnTo);
      assert.equal(await userOf(tab), 'ada');
      assert.equal(provider.keys, asked + 1);
    }
    serveWithNewKey();
    const before = await whoIs(tab);
    await signIn(tab);
    assert.equal(await tab.status(), 400); // too soon: the token's key is not known yet
    assert.match(await tab.text(), /"invalid_answer"/);
    assert.equal(await whoIs(tab), before);
    await sites[0].pass(61);
    await signIn(tab, '/orders');
    isAt(tab, '/orders');
  },
};

const chromium = chromiumModules && (await Chromium.start());
if (chromium) console.log(`Chromium ${chromium.version()}`);
let failures = 0;
for (const [name, walk] of Object.entries(scenarios)) {
  const browser = chromium ? await Chromium.of(chromium) : new SmallBrowser();
  try {
    await walk(browser);
    console.log(`ok ${name}`);
  } catch (error) {
    failures += 1;
    console.log(`FAILED ${name}\n${error.stack}`);
  }
  provider.isDown = () => false;
  await browser.close();
}
await chromium?.close();
for (const one of sites) one.stop();
server.closeAllConnections();
server.close();
process.exitCode = failures ? 1 : 0;
