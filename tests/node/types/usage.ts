// Programs of iron-session's and iron-webcrypto's users, after the import was replaced, and what is new. Compiled only.
import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  getIronSession,
  nextProxyCookies,
  nodeCookies,
  sealData,
  sealDataSync,
  SessionJar,
  unsealData,
  unsealDataSync,
  webCookies,
  type CookieJar,
  type CookieStore,
  type IronSession,
  type SessionOptions,
  type UnsealErrorReason,
} from 'ironjar';
import * as Iron from 'ironjar/iron';

interface Profile {
  user: { id: number; name: string };
  lastSeen: number;
}

export const sessionOptions: SessionOptions = {
  cookieName: 'session',
  password: { 1: 'first', 2: 'second' },
  ttl: 3600,
  chunk: true,
  cookieOptions: { secure: true, sameSite: 'strict', maxAge: undefined, expires: new Date(), priority: 'high' },
  onUnsealError: (reason: UnsealErrorReason, error: unknown) => {
    if (reason !== 'expired') console.warn(reason, error);
  },
};

export async function get(req: IncomingMessage, res: ServerResponse): Promise<number | undefined> {
  const session = await getIronSession<Profile>(req, res, sessionOptions);
  // @ts-expect-error: a session that does not exist yet is empty
  session.user.id;
  session.lastSeen = Date.now();
  // @ts-expect-error: of another type
  session.lastSeen = 'now';
  // @ts-expect-error: not writable
  session.save = async () => {};
  await session.save();
  session.updateConfig({ ...sessionOptions, ttl: 0, format: 'native', formats: ['native', 'fe26'] });
  session.destroy();
  return session.user?.id;
}

export async function web(request: Request): Promise<Response> {
  const response = new Response('ok');
  const session: IronSession<Profile> = await getIronSession<Profile>(request, response, sessionOptions);
  await session.save();
  const headers = new Headers();
  await getIronSession<Profile>(webCookies(request, headers), sessionOptions);
  return response;
}

export const fromNode = (req: IncomingMessage, res: ServerResponse): CookieJar => nodeCookies(req, res);

// As next/headers and next/server declare theirs.
interface NextCookie {
  name: string;
  value: string;
  path?: string;
  domain?: string;
  expires?: number | Date | undefined;
  maxAge?: number | undefined;
  httpOnly?: boolean;
  secure?: boolean;
  sameSite?: 'strict' | 'lax' | 'none' | boolean;
  partitioned?: boolean;
  priority?: 'low' | 'medium' | 'high';
}
declare class NextCookies {
  get(...args: [name: string] | [NextCookie]): NextCookie | undefined;
  getAll(...args: [name: string] | [NextCookie] | []): NextCookie[];
  set(...args: [key: string, value: string, cookie?: Partial<NextCookie>] | [options: NextCookie]): this;
}
declare class NextRequestCookies {
  get(name: string): { name: string; value: string } | undefined;
  getAll(): { name: string; value: string }[];
  set(...args: [key: string, value: string] | [options: { name: string; value: string }]): this;
}
export async function next(store: NextCookies): Promise<void> {
  const session = await getIronSession<Profile>(store, sessionOptions);
  await session.save();
}
export const proxy = (request: { cookies: NextRequestCookies }, response: { cookies: NextCookies }): CookieJar =>
  nextProxyCookies(request, response);

// What a framework's function wants to be given.
declare function setCookie(name: string, value: string, options: { path?: string; domain?: string; secure?: boolean }): void;
export const own = (all: Map<string, string>): Promise<IronSession<Profile>> =>
  getIronSession({ read: (name) => all.get(name), write: (name, value, options) => setCookie(name, value, options) }, sessionOptions);
export const store: CookieStore = { get: (name) => ({ name, value: '' }), set: (_name, _value, { path }) => path };

// @ts-expect-error: no such option
export const misspelt: SessionOptions = { ...sessionOptions, cookiename: 'x' };
// @ts-expect-error: no such format
export const unknown: SessionOptions = { ...sessionOptions, format: 'fe27' };

export async function link(): Promise<string> {
  const seal: string = await sealData({ email: 'ada@example.com' }, { password: 'p', ttl: 900 });
  const { email } = await unsealData<{ email: string }>(seal, { password: 'p', onUnsealError: () => {} });
  const now: string = sealDataSync({ email }, { password: 'p', format: 'native', purpose: 'link', context: 'ada' });
  return unsealDataSync<{ email: string }>(now, { password: 'p', purpose: 'link', context: 'ada' }).email;
}

export function jar(header: string | undefined): string[] {
  const kept = new SessionJar({ cookieName: 'sid', passwords: 'p', seal: { ttl: 60, formats: ['native', 'fe26'] } });
  const session = kept.open(header);
  session.data = { ...session.data, visits: 1 };
  const error: string | undefined = session.info.rejection?.error;
  if (error === undefined) session.replace();
  // @ts-expect-error: made by open
  new (session.constructor as typeof import('ironjar').JarSession)();
  return kept.commit(session, 0);
}

export async function iron(): Promise<unknown> {
  const password: Iron.password.Hash = { 1: 'p', 2: { id: '2', secret: new Uint8Array(32) } };
  const options: Iron.SealOptions = { ...Iron.clone(Iron.defaults), ttl: 1000, encode: JSON.stringify, decode: JSON.parse };
  const sealed: string = await Iron.seal({ a: 1 }, { id: '1', secret: 'p' }, options);
  const algorithms: Iron.Algorithms = Iron.algorithms;
  const bits: number = algorithms['aes-256-cbc'].ivBits;
  const made: Iron.Key<Iron.EncryptionAlgorithm> = await Iron.generateKey('p', { ...Iron.defaults.encryption, iv: Iron.randomBits(bits) });
  // WebCrypto takes what comes out.
  await crypto.subtle.encrypt({ name: 'AES-CBC', iv: made.iv }, made.key, Iron.randomBits(128));
  const { encrypted } = await Iron.encrypt('p', Iron.defaults.encryption, 'text');
  const text: string = await Iron.decrypt('p', { ...Iron.defaults.encryption, iv: made.iv }, encrypted);
  const mac: Iron.HmacResult = await Iron.hmacWithPassword('p', Iron.defaults.integrity, text + Iron.macPrefix + Iron.macFormatVersion);
  return [mac.digest, Iron.unsealSync(Iron.sealSync(1, 'p', options), 'p', options), await Iron.unseal(sealed, password, options)];
}
