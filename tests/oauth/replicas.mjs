// Many users of a site that runs several processes over one Redis, with a strict OAuth server: requests in parallel,
// late, with answers that the browser does not get, access tokens that end by time and by revocation, logouts in the
// middle. Nobody is signed out who did not sign out, nobody who did is served, no refresh token is used twice.
//
//   node replicas.mjs MODULES_DIR REPLICA_BINARY PROCESSES USERS ROUNDS [--apart]
//
// --apart: each process has a Redis of its own, which must be found out. Fails when it is not.
import { Agent, request as httpRequest } from 'node:http';
import { spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Random } from '../browsers/random.mjs';
import { startStrictProvider } from './strict.mjs';

const [modules, replica, ...rest] = process.argv.slice(2);
const [processes, users, rounds] = rest.slice(0, 3).map(Number);
const isApart = rest[3] === '--apart';
const random = new Random(Number(process.env.IRONJAR_SEED ?? 1));
const secret = process.env.IRONJAR_TEST_CLIENT_SECRET ?? 'a-secret-of-the-test-that-is-long-enough';
const folder = mkdtempSync(path.join(tmpdir(), 'ironjar-replicas-'));
const children = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
  rmSync(folder, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(1));

// A program that ends with this one, however that ends.
function start(program, words, environment = {}) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', program, ...words], {
    env: { ...process.env, ...environment },
    stdio: ['ignore', 'ignore', 'ignore'],
  });
  child.once('exit', (code, signal) => {
    if (process.exitCode !== undefined || signal === 'SIGKILL') return;
    console.error(`${program} ended with ${code ?? signal}`);
    process.exit(1);
  });
  children.push(child);
}
// What `isThere` gives that is not false.
async function until(what, isThere) {
  for (let tries = 0; tries < 400; ++tries) {
    const found = await isThere();
    if (found) return found;
    await delay(50);
  }
  throw new Error(`${what} does not start`);
}
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
// Resolves when it listens: a process that does not find it at its start goes on alone.
async function startRedis() {
  const port = await freePort();
  const words = ['--port', port, '--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', folder];
  start('redis-server', words.map(String));
  await until('redis-server', () =>
    new Promise((resolve) => {
      const socket = connect(port, '127.0.0.1', () => resolve(true));
      socket.on('error', () => resolve(false)).on('connect', () => socket.destroy());
    }),
  );
  return port;
}
async function startSite(number, provider, redis) {
  const file = path.join(folder, `port-${number}`);
  start(replica, ['app', file], {
    PROVIDER: provider.origin,
    REDIS_PORT: String(redis),
    TIMEOUT: '5000',
    IRONJAR_TEST_CLIENT_SECRET: secret,
  });
  return until('a process of the site', () => existsSync(file) && Number(readFileSync(file, 'utf8')));
}

// A while that is drawn: some of the access tokens end while their user is at work.
const provider = await startStrictProvider(modules, { secret, lifetime: () => (random.chance(0.5) ? 4 : 3600) });
let redis = await startRedis();
const sites = [];
for (let i = 0; i < processes; ++i) {
  if (isApart && i > 0) redis = await startRedis();
  sites.push(await startSite(i, provider, redis));
}

const agent = new Agent({ keepAlive: true, maxSockets: 90 }); // a process has 100 threads, one a connection
// To a process that is drawn, as a load balancer does.
function ask(method, path, cookie, body = '') {
  const headers = { 'Cookie': cookie, 'X-Requested-With': 'fetch', 'Content-Length': Buffer.byteLength(body) };
  if (body) headers['Content-Type'] = 'application/x-www-form-urlencoded';
  return new Promise((resolve, reject) => {
    const options = { host: '127.0.0.1', port: random.of(sites), method, path, headers, agent };
    httpRequest(options, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece) => (text += piece));
      response.on('end', () => resolve({ status: response.statusCode, text, setCookies: response.headers['set-cookie'] ?? [] }));
    })
      .on('error', reject)
      .end(body);
  });
}

const counts = { requests: 0, wrong: 0, logouts: 0, undone: 0, others: 0 };
const samples = [];
function count(what, answer) {
  counts[what] += 1;
  if (samples.length < 5) samples.push(`${what}: ${answer.status} ${answer.text.slice(0, 80)}`);
}

class User {
  cookie = '';
  earlier = []; // cookies of this login

  constructor(name) {
    this.name = name;
  }
  // As a browser takes an answer's cookies.
  take({ setCookies }) {
    for (const line of setCookies) {
      const [pair, ...attributes] = line.split('; ');
      const isDeleted = attributes.includes('Max-Age=0');
      if (!isDeleted && this.cookie) this.earlier.push(this.cookie);
      this.cookie = isDeleted ? '' : pair;
    }
    this.earlier = this.earlier.slice(-20);
  }
  async signIn() {
    this.tokens = await provider.signIn(this.name);
    this.take(await ask('POST', '/login', '', new URLSearchParams(this.tokens).toString()));
    this.earlier = [];
  }
  // What is answered to somebody who has not begun to sign out.
  check(answer) {
    counts.requests += 1;
    if (answer.status === 200 && answer.text !== this.name) count('others', answer);
    if (answer.status !== 200) count('wrong', answer);
  }
  async round() {
    if (!this.cookie) await this.signIn();
    if (random.chance(0.5)) await provider.expire(this.tokens);
    const isLost = random.chance(0.15); // the browser gets none of these answers
    const signsOut = random.chance(0.55);
    let hasSignedOut = false;
    const fetches = Array.from({ length: random.between(20, 60) }, async () => {
      const isLate = this.earlier.length > 0 && random.chance(0.15);
      const cookie = isLate ? random.of(this.earlier) : this.cookie;
      await delay(random.between(0, 20));
      const began = hasSignedOut;
      const answer = await ask('GET', '/data', cookie);
      if (!began && !hasSignedOut) this.check(answer);
      if (!isLost) this.take(answer);
    });
    if (signsOut) {
      await delay(random.between(0, 30));
      hasSignedOut = true;
      const answer = await ask('POST', '/api/auth/logout', this.cookie);
      if (answer.status !== 204) count('wrong', answer);
      this.take(answer);
    }
    await Promise.all(fetches);
    if (signsOut) await this.checkIsOut();
    else if (random.chance(0.2)) await delay(random.between(0, 2000));
  }
  // A response that was on its way may have set the cookie again. Nothing serves it.
  async checkIsOut() {
    counts.logouts += 1;
    const asked = [0, 1, 2].flatMap(() => [ask('GET', '/data', this.cookie), ask('GET', '/api/auth/status', this.cookie)]);
    const answers = await Promise.all(asked);
    const served = answers.find(({ status, text }) => status === 200 && !text.includes('"authenticated":false'));
    if (served) count('undone', served);
    this.cookie = '';
  }
}

const began = Date.now();
await Promise.all(
  Array.from({ length: users }, async (_, i) => {
    const user = new User(`user-${i}`);
    for (let round = 0; round < rounds; ++round) await user.round();
  }),
);
const { refreshes, reuses, refused } = provider.counts;
console.log(
  `${processes} processes${isApart ? ' apart' : ''}, ${users} users x ${rounds} rounds: ${counts.requests} requests, ` +
    `${counts.wrong} not served, ${counts.others} served another's; ${counts.logouts} logouts, ${counts.undone} ` +
    `undone; ${refreshes} refreshes, ${reuses} refresh tokens used twice, ${refused} refused; ` +
    `${(Date.now() - began) / 1000} s`,
);
const isRight = counts.wrong + counts.others + counts.undone + reuses + refused === 0 && refreshes > 0;
if (!isRight && !isApart) console.log(samples.join('\n'));
process.exitCode = isRight !== isApart ? 0 : 1;
process.exit();
