import type { IncomingMessage, ServerResponse } from 'node:http';

type PasswordsMap = Record<string, string>;
type Password = PasswordsMap | string;

/** What seals: `fe26` is iron-session's and the default; `native` is shorter and faster. */
export type SealFormat = 'fe26' | 'native';

interface CookieAttributes {
  domain?: string;
  path?: string;
  /** In the years 1601 to 9999; what is after 2262 is written as 2262. */
  expires?: Date;
  httpOnly?: boolean;
  secure?: boolean;
  partitioned?: boolean;
  priority?: 'low' | 'medium' | 'high';
  sameSite?: boolean | 'lax' | 'strict' | 'none';
}

export interface CookieOptions extends CookieAttributes {
  /** Seconds. `undefined`, when given, makes a cookie that lasts until the browser closes. */
  maxAge?: number | undefined;
}

interface ResponseCookie extends Omit<CookieAttributes, 'expires' | 'partitioned'> {
  name: string;
  value: string;
  expires?: Date | number | undefined;
  maxAge?: number | undefined;
}

/** What `await cookies()` of next/headers is. */
export interface CookieStore {
  get: (name: string) => { name: string; value: string } | undefined;
  getAll?: () => { name: string; value: string }[];
  set: (name: string, value: string, cookie: Partial<ResponseCookie>) => unknown;
}

/** Where cookies are read and written. */
export interface CookieJar {
  read: (name: string) => string | undefined;
  write: (name: string, value: string, options: CookieOptions) => void;
  names?: () => string[];
  /** Throws when it is too late to set a cookie. */
  assertWritable?: () => void;
}

export type UnsealErrorReason = 'expired' | 'invalid' | 'unknown-password';
type OnUnsealError = (reason: UnsealErrorReason, error: unknown) => void;

export interface SessionOptions {
  cookieName: string;
  /** At least 32 characters; or several by id, which all open. */
  password: Password;
  /** The id of the password that seals; the highest by default. */
  sealUnder?: number;
  /** Seconds that a seal opens for; 0: for ever. 14 days by default. */
  ttl?: number;
  cookieOptions?: CookieOptions;
  /** Told why a cookie was not accepted; the session is empty then. */
  onUnsealError?: OnUnsealError;
  /** Split what does not fit one cookie into `name.0`, `name.1`, …, four at most. */
  chunk?: boolean;
  format?: SealFormat;
  /** What opens. Both by default, and with `format: 'native'` that alone. */
  formats?: SealFormat[];
}

export type IronSession<T> = Partial<T> & {
  readonly save: () => Promise<void>;
  readonly destroy: () => void;
  readonly updateConfig: (newSessionOptions: SessionOptions) => void;
};

interface SealDataOptions {
  password: Password;
  sealUnder?: number;
  ttl?: number;
  format?: SealFormat;
  /** For `format: 'native'`: bound into the seal, which opens for the same only. 'session' by default. */
  purpose?: string;
  /** Likewise; a session's is its cookie's name. */
  context?: string;
}
interface UnsealDataOptions {
  password: Password;
  ttl?: number;
  onUnsealError?: OnUnsealError;
  /**
   * What opens. Both by default; native alone when `purpose`, `context` or `format: 'native'` is given, which Fe26.2 does
   * not carry: any session's cookie would open.
   */
  formats?: SealFormat[];
  format?: SealFormat;
  purpose?: string;
  context?: string;
}

export function sealData(data: unknown, options: SealDataOptions): Promise<string>;
export function sealDataSync(data: unknown, options: SealDataOptions): string;
export function unsealData<T>(seal: string, options: UnsealDataOptions): Promise<T>;
export function unsealDataSync<T>(seal: string, options: UnsealDataOptions): T;

export function nodeCookies(req: IncomingMessage, res: ServerResponse): CookieJar;
export function webCookies(request: Request, response: Response | Headers): CookieJar;
export function nextProxyCookies(
  request: {
    cookies: {
      get: (name: string) => { name: string; value: string } | undefined;
      getAll?: () => { name: string; value: string }[];
      set: (name: string, value: string) => unknown;
    };
  },
  response: { cookies: { set: (name: string, value: string, options: Partial<ResponseCookie>) => unknown } },
): CookieJar;

export function getIronSession<T extends object>(
  cookies: CookieStore | CookieJar,
  sessionOptions: SessionOptions,
): Promise<IronSession<T>>;
export function getIronSession<T extends object>(
  req: IncomingMessage | Request,
  res: ServerResponse | Response,
  sessionOptions: SessionOptions,
): Promise<IronSession<T>>;

/** The options of the C++ SessionOptions; `cookie.expires` is in unix milliseconds. */
export interface JarOptions {
  cookieName: string;
  passwords: Password;
  sealUnder?: number;
  seal?: {
    formats?: SealFormat[];
    ttl?: number;
    clockSkew?: number;
    purpose?: string;
    context?: string;
    fe26Iterations?: number[];
  };
  cookie?: {
    maxAge?: number;
    domain?: string;
    path?: string;
    expires?: number;
    httpOnly?: boolean;
    secure?: boolean;
    partitioned?: boolean;
    priority?: 'low' | 'medium' | 'high';
    sameSite?: 'lax' | 'strict' | 'none' | 'unset';
  };
  /** Shapes that the cookie had before: deleted at a login, at a logout, and when two of its name came. */
  former?: { domain?: string; path?: string; partitioned?: boolean }[];
  untilBrowserCloses?: boolean;
  chunk?: boolean;
  maxCookieHeader?: number;
  rolling?: boolean;
  absoluteTtl?: number;
  tokenNames?: {
    accessToken?: string;
    refreshToken?: string;
    expiresAt?: string;
    scope?: string;
    lifetime?: string;
    subject?: string;
    cookies?: string;
    extra?: string;
    dpopKey?: string;
    resources?: string;
  };
}

export interface JarSessionInfo {
  id: string;
  startedAt: number;
  expiresAt: number | null;
  changed: boolean;
  /** commit would seal it anew though nobody changed it: a slow response may leave that out. */
  resealOnly: boolean;
  destroyed: boolean;
  rejection: { error: string; detail: string } | null;
}

export class JarSession {
  private constructor();
  /** A copy: assign to it to change the session. */
  data: Record<string, unknown>;
  readonly info: JarSessionInfo;
  /** A new and empty session in this one's place: for logins. */
  replace(now?: number): void;
  destroy(): void;
}

/**
 * Sessions as the C++ SessionJar keeps them. Whatever a Cookie header of up to a megabyte holds, it opens as a session;
 * `now` is in unix milliseconds.
 */
export class SessionJar {
  constructor(options: JarOptions);
  open(cookieHeader: string | undefined, now?: number): JarSession;
  /** The Set-Cookie values due. */
  commit(session: JarSession, now?: number): string[];
}
