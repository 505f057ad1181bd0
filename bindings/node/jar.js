// The library's own sessions: a Cookie header in, Set-Cookie values out, with the options of the C++ SessionJar.
import { parse, stringify, stringifyExactly, writeLike } from './json.js';
import native from './native.js';

const secret = Symbol('of this module');
let handleOf; // a JarSession's, for SessionJar alone

export class JarSession {
  #handle;
  #brought; // what was read last

  static {
    handleOf = (session) => session.#handle;
  }

  constructor(key, handle) {
    if (key !== secret) throw new TypeError('ironjar: sessions are made by SessionJar.open');
    this.#handle = handle;
  }

  // A copy: assign to it to change the session.
  get data() {
    this.#brought = parse(native.sessionData(this.#handle));
    return this.#brought;
  }
  set data(value) {
    native.setSessionData(this.#handle, stringifyExactly(writeLike(this.#brought, value)));
  }
  // { id, startedAt, expiresAt, changed, resealOnly, destroyed, rejection }
  get info() {
    return parse(native.sessionInfo(this.#handle));
  }
  // A new and empty session in this one's place: for logins.
  replace(now = Date.now()) {
    native.replaceSession(this.#handle, now);
  }
  destroy() {
    native.destroySession(this.#handle);
  }
}

export class SessionJar {
  #handle;

  constructor(options) {
    this.#handle = native.newJar(stringify(options));
  }
  open(cookieHeader, now = Date.now()) {
    return new JarSession(secret, native.openSession(this.#handle, cookieHeader ?? '', now));
  }
  // The Set-Cookie values due. Call it once, when the response is ready.
  commit(session, now = Date.now()) {
    return native.commitSession(handleOf(session), now);
  }
}
