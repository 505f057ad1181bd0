// What a page does about its session: functions of what is known and of the time, without a clock, a page or I/O.
// index.js acts on them. Times are milliseconds since 1970.

// The longest time between two looks at the clock of a visible page: what a sleep or a moved clock is noticed after.
export const heartbeat = 15_000;
// What was learned so long ago is asked again when the user comes back.
const staleAfter = 5000;
// After a refresh, the next is not due for at least this, whatever clocks say: AuthOptions::refreshInterval.
const leastLifetime = 5000;
const mostWaits = 3;
const longestWait = 60;
const idempotent = /^(GET|HEAD|OPTIONS|PUT|DELETE)$/;

const nobody = { status: 'signedOut', reason: null, expiresAt: null, refreshAt: null, details: null };
export const unknown = { ...nobody, status: 'unknown' };

const isNumber = (value) => typeof value === 'number';

// The status route's answer to what was asked at `now`, in this clock's times. `refreshAt` is by the server's clock,
// which may be another: it is not after the token's end; and when it is past for a token that has just come, it is put
// off, and later looks at that token keep to `before`.
//
// A login that a refresh has shown to be over is not believed to be back: the process that says so has not heard of it.
export function factsOf(details, now, isNew, before) {
  const { authenticated, reason = null, expiresIn, refreshAt } = details;
  const isSame = isNumber(refreshAt) && before.details?.refreshAt === refreshAt;
  if (authenticated && isSame && before.status === 'signedOut') return before;
  if (!authenticated) return { ...nobody, reason, details };
  const expiresAt = isNumber(expiresIn) ? now + expiresIn * 1000 : null;
  let at = isNumber(refreshAt) ? Math.min(refreshAt * 1000, expiresAt ?? Infinity) : null;
  if (at !== null && at <= now) {
    if (isNew) at = now + Math.max(leastLifetime, (expiresAt - now) / 2);
    else if (isSame) at = before.refreshAt;
  }
  return { ...nobody, status: 'signedIn', expiresAt, refreshAt: at, details };
}

// The event of a change from one status to the next, if it is one.
export function eventOf(before, { status, reason }, isNew) {
  if (status === 'signedIn') return before !== status ? status : isNew && 'refreshed';
  if (before === 'signedIn') return reason === 'session_expired' ? 'expired' : 'signedOut';
}

// What is next: 'status' or 'refresh', to ask for it, or a time to look again; Infinity: when something happens.
//
//   stopped, or offline                          Infinity
//   nothing is known yet                         status, also when hidden
//   hidden, or signed out (and not stale)        Infinity
//   the server or a failure has asked to wait    then
//   signed in, and the refresh is due            refresh, which looks at the status first
//   stale                                        status
//   signed in                                    at the refresh, or at the next look at the clock
export function next({ facts: { status, refreshAt }, visible, online, stopped, stale, notBefore }, now) {
  const isFirst = status === 'unknown';
  const isSignedIn = status === 'signedIn';
  if (stopped || !online || !(isFirst || (visible && (isSignedIn || stale)))) return Infinity;
  if (now < notBefore) return Math.min(notBefore, now + heartbeat);
  if (isSignedIn && refreshAt !== null && now >= refreshAt) return 'refresh';
  if (isFirst || stale) return 'status';
  return Math.min(refreshAt ?? Infinity, now + heartbeat);
}

// Whether more has passed since a time than `most`, or the clock was moved back.
const isOver = (time, now, most) => now < time || now > time + most;
// Whether the machine has slept, or its clock was moved, since it was last looked at.
export const hasJumped = (seenAt, now) => isOver(seenAt, now, 2 * heartbeat);
export const isOld = (checkedAt, now) => isOver(checkedAt, now, staleAfter);

// How long to wait, in milliseconds: as long as Retry-After says (seconds, or null), else twice as long after each
// failure. `random` in [0, 1) makes it longer by a quarter, and by a second at most of short ones, never shorter.
export function pauseAfter(failures, retryAfter, random) {
  const seconds = retryAfter ?? Math.min(300, 2 ** Math.min(failures, 9));
  return 1000 * (seconds + random * Math.max(1, seconds / 4));
}

// Retry-After in seconds (RFC 9110 section 10.2.3), or null.
export function retryAfterOf({ headers }, now) {
  const text = headers.get('Retry-After') ?? '';
  if (/^\d{1,9}$/.test(text)) return +text;
  const at = Date.parse(text);
  return at ? Math.max(0, Math.ceil((at - now) / 1000)) : null;
}

// The reason in an answer that is ironjar's own; anything else has none.
const ours = {
  401: ['superseded', 'session_expired', 'login_required'],
  429: ['too_many_requests'],
  503: ['temporarily_unavailable'],
};
export const reasonIn = (status, body) => ours[status]?.find((reason) => reason === body?.reason);

// What becomes of a request after an answer: 'return' it, 'repeat' the request at once, 'check' whether there is a
// session after all and repeat it then, 'signIn', or 'wait' for pauseAfter() and repeat it.
//
//   401, ours: superseded     repeat, once; then as below
//   401, ours: any other      check; after a repetition: signIn
//   429, 503, ours            wait, three times and a minute each at most
//   503, another's            the same, for methods that may be repeated (RFC 9110 section 9.2.2)
export function afterAnswer({ status, reason, retryAfter, method, repeated, waits }) {
  if (status === 401 && reason) {
    if (repeated) return 'signIn';
    return reason === 'superseded' ? 'repeat' : 'check';
  }
  const mayWait = reason || (status === 503 && idempotent.test(method));
  return mayWait && waits < mostWaits && (retryAfter ?? 0) <= longestWait ? 'wait' : 'return';
}

// Whether a path is one of `paths` or below it.
export const isBelow = (path, paths) => paths.some((each) => path === each || path.startsWith(each + '/'));

// Whether the page has gone elsewhere by itself so lately, at a time or never (null), that it has come back in vain.
export const isTooSoon = (goneAt, now) => Math.abs(now - goneAt) < 60_000;
