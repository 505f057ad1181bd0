// A browser's cookies for one page: npm's tough-cookie, which follows RFC 6265bis, and what it leaves out: the end of a
// cookie counts from when it was set, in the model's time; what is too large is not kept, and a cookie of this host only
// is in another place than one with Domain (section 5.7); and, in browsers that know Partitioned, so is a partition
// (CHIPS).
import { createRequire } from 'node:module';
import { resolve } from 'node:path';

const require = createRequire(resolve(process.env.IRONJAR_NODE_MODULES) + '/');
const { Cookie, CookieJar, cookieCompare } = require('tough-cookie');

const page = 'https://app.example.test/app/me/page';
const mostBytes = 4096; // of name and value

export class Browser {
  #jars = [0, 1, 2, 3].map(() => new CookieJar()); // of this host only or not, partitioned or not

  constructor({ knowsPartitioned }) {
    this.knowsPartitioned = knowsPartitioned;
  }

  // The Set-Cookie values of an answer that arrives now.
  take(lines, now) {
    for (const line of lines) {
      const cookie = Cookie.parse(line);
      if (cookie === undefined || cookie.key.length + cookie.value.length > mostBytes) continue;
      if (cookie.maxAge !== null) {
        cookie.expires = new Date(now + cookie.maxAge * 1000);
        cookie.maxAge = null;
      }
      const isPartitioned = this.knowsPartitioned && /; *partitioned *(;|$)/i.test(line);
      const jar = this.#jars[(isPartitioned ? 2 : 0) + (cookie.domain === null ? 1 : 0)];
      jar.setCookieSync(cookie, page, { now: new Date(now), ignoreError: true, sameSiteContext: 'strict' });
    }
    this.#endBy(now);
  }

  // Longer paths first, then what was created earlier.
  cookies(now) {
    this.#endBy(now);
    return this.#all().sort(cookieCompare);
  }
  header(now) {
    return this.cookies(now).map((cookie) => cookie.cookieString()).join('; ');
  }

  #all() {
    return this.#jars.flatMap((jar) => jar.getCookiesSync(page, { expire: false }));
  }
  #endBy(now) {
    for (const jar of this.#jars) {
      for (const { expires, domain, path, key } of jar.getCookiesSync(page, { expire: false })) {
        if (expires instanceof Date && expires.getTime() <= now) jar.store.removeCookie(domain, path, key, () => {});
      }
    }
  }
}
