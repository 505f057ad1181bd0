// A fetch that understands the reasons of ironjar's answers; plan.js has the rules.
import { afterAnswer, isBelow, isTooSoon, pauseAfter, reasonIn, retryAfterOf } from './plan.js';

export const jsonOf = (response) => response.json().catch(() => null);

const lastSignIn = 'ironjar:signIn';

// Goes where the page is to go by itself: where the user sees it, not from `paths` or below, and not when it has come
// back from there at once. When that was is remembered on the way there and back, as `name`. Where nothing can be
// remembered the page stays: it could go on for ever.
export function goOnce(env, name, paths, go) {
  if (!env.isVisible() || isBelow(env.location.pathname, paths)) return;
  try {
    const storage = env.storage();
    if (isTooSoon(storage.getItem(name), env.now())) return;
    storage.setItem(name, env.now());
    go();
  } catch {}
}

// `check` looks whether there is a session and gives its status, `reached` is told whether the server was.
export function createFetch({ env, origins, paths, check, reached, signIn }) {
  const { now, location } = env;

  function sleep(delay, signal) {
    return new Promise((resolve, reject) => {
      const end = () => {
        env.clearTimer(timer);
        signal.removeEventListener('abort', end);
        signal.aborted ? reject(signal.reason) : resolve();
      };
      const timer = env.setTimer(end, delay);
      if (signal.aborted) end();
      else signal.addEventListener('abort', end);
    });
  }

  async function send(request) {
    try {
      const response = await env.fetch(request.clone());
      reached(true);
      return response;
    } catch (error) {
      if (!request.signal.aborted) reached(false);
      throw error;
    }
  }

  function forgetSignIn() {
    try {
      env.storage().removeItem(lastSignIn);
    } catch {}
  }

  return async (input, init) => {
    const request = new Request(input instanceof Request ? input : new URL(input, location.href), init);
    const { origin, pathname } = new URL(request.url);
    if (!origins.includes(origin) || isBelow(pathname, paths)) return env.fetch(request);
    for (let repeated = false, waits = 0; ; ) {
      const response = await send(request);
      const { status } = response;
      const reason = response.ok ? undefined : reasonIn(status, await jsonOf(response.clone()));
      const retryAfter = retryAfterOf(response, now());
      let step = afterAnswer({ status, reason, retryAfter, method: request.method, repeated, waits });
      if (step === 'check') step = { signedIn: 'repeat', signedOut: 'signIn' }[await check()];
      if (step === 'repeat') {
        repeated = true;
      } else if (step === 'wait') {
        await sleep(pauseAfter(waits++, retryAfter, env.random()), request.signal);
      } else {
        if (step === 'signIn') goOnce(env, lastSignIn, paths, signIn);
        else if (response.ok) forgetSignIn();
        return response;
      }
    }
  };
}
