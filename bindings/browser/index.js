// The browser's half of ironjar: a page that knows its session. The decisions are plan.js's; here is what carries them
// out.
import { createFetch, jsonOf } from './fetch.js';
import { pageEnvironment } from './page.js';
import * as plan from './plan.js';

const timeout = 60_000; // of a request of its own

export function startSession(options = {}, env = pageEnvironment()) {
  const { prefix = '/api/auth', loginUrl = '/login', publicPaths = ['/register'], origins = [] } = options;
  const { now, location } = env;
  const login = new URL(loginUrl, location.href);
  const session = new EventTarget();
  const name = 'ironjar:' + prefix;
  const channel = env.openChannel(name);
  const well = { reachable: true, failures: 0, notBefore: 0 };
  const look = () => ({ visible: env.isVisible(), online: env.isOnline() });
  let known = { ...well, ...look(), facts: plan.unknown, checkedAt: 0, seenAt: now() };
  let state = { ...known.facts, online: known.online };
  let running;
  let timer;

  // ---- What is known

  function update(patch, event) {
    const { facts } = known;
    known = { ...known, ...patch };
    const online = known.online && known.reachable;
    const isChanged = known.facts !== facts || online !== state.online;
    if (isChanged) state = { ...known.facts, online };
    for (const type of [isChanged && 'change', event]) if (type) session.dispatchEvent(new Event(type));
  }

  // Whether something newer is known than what was learned at that time: by another tab, or by a logout.
  const isLate = (time) => time < known.checkedAt && known.checkedAt <= now();

  // What the server has said to what was asked at `checkedAt`, by this tab or another.
  function learn(details, checkedAt, isNew, isHeard) {
    if (isLate(checkedAt)) return isHeard || update({ stale: true });
    if (!isHeard) channel.postMessage([details, checkedAt, isNew]);
    const facts = plan.factsOf(details, checkedAt, isNew, known.facts);
    update({ ...well, facts, checkedAt, stale: false }, plan.eventOf(known.facts.status, facts, isNew));
  }

  // Something has happened to the page.
  function wake(type) {
    const page = look();
    const isBack = page.visible && known.facts.status === 'signedIn' && plan.isOld(known.checkedAt, now());
    const stale = known.stale || isBack || type === 'restored';
    update({ ...(type === 'online' && well), ...page, stale });
    turn();
  }

  // ---- What is asked

  async function ask(method, route) {
    const abort = new AbortController();
    const limit = env.setTimer(() => abort.abort(), timeout);
    try {
      const response = await env.fetch(prefix + route, { method, signal: abort.signal, cache: 'no-store' });
      return { status: response.status, body: await jsonOf(response), retryAfter: plan.retryAfterOf(response, now()) };
    } catch {
      return {};
    } finally {
      env.clearTimer(limit);
    }
  }

  async function askForStatus(method, route, isNew) {
    const askedAt = now();
    const { status, body, retryAfter } = await ask(method, route);
    if (known.stopped) return;
    if (status === 200 && typeof body?.authenticated === 'boolean') return learn(body, askedAt, isNew);
    const reason = plan.reasonIn(status, body);
    if (status === 401 && reason && reason !== 'superseded') {
      return learn({ reason, redirectTo: body.redirectTo, refreshAt: known.facts.details?.refreshAt }, askedAt);
    }
    const failures = known.failures + 1;
    const notBefore = now() + plan.pauseAfter(failures, retryAfter, env.random());
    update({ failures, notBefore, reachable: status > 0, stale: true });
  }
  const check = () => askForStatus('GET', '/status');

  // One tab at a time, and only what is still due: another tab, or a request of this one, may have brought new tokens.
  async function refresh() {
    const work = async () => {
      await check();
      if (plan.next(known, now()) === 'refresh') await askForStatus('POST', '/refresh', true);
    };
    await (env.locks ? env.locks.request(name, work) : work());
  }

  function turn() {
    env.clearTimer(timer);
    if (running) return;
    const what = plan.next(known, now());
    known.seenAt = now();
    if (what === 'status') run(check);
    else if (what === 'refresh') run(refresh);
    else if (what < Infinity) timer = env.setTimer(tick, what - now());
  }

  // One at a time, which all wait for.
  function run(act) {
    running ??= act().catch(() => {}).finally(() => {
      running = null;
      turn();
    });
    return running;
  }

  function tick() {
    if (plan.hasJumped(known.seenAt, now())) known.stale = true;
    turn();
  }

  // ---- What the page is given

  function signIn(returnTo = location.pathname + location.search + location.hash) {
    login.searchParams.set('returnTo', returnTo);
    location.assign(login.href);
  }

  Object.assign(session, {
    getState: () => state,
    subscribe(listener) {
      session.addEventListener('change', listener);
      return () => session.removeEventListener('change', listener);
    },
    fetch: createFetch({
      env,
      origins: [location.origin, ...origins],
      paths: [...publicPaths, login.pathname],
      signIn,
      async check() {
        await run(check);
        return known.facts.status;
      },
      reached(isReached) {
        if (isReached === known.reachable) return;
        update({ reachable: isReached, stale: true });
        turn();
      },
    }),
    signIn,
    async signOut() {
      const isOver = (await ask('POST', '/logout')).status === 204;
      if (isOver) learn({ reason: 'login_required' }, now());
      turn();
      return isOver;
    },
    stop() {
      known.stopped = true;
      unlisten();
      channel.close();
      turn();
    },
  });

  const unlisten = env.listen(wake);
  channel.onmessage = ({ data }) => {
    learn(...data, true);
    turn();
  };
  turn();
  return session;
}
