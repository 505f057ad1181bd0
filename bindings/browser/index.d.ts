/** What the page knows of its session: an object of its own after each change. */
export interface SessionState<Details = StatusAnswer> {
  readonly status: 'unknown' | 'signedIn' | 'signedOut';
  /** Why nobody is signed in: `login_required` or `session_expired`. */
  readonly reason: string | null;
  /** When the access token ends, in milliseconds since 1970, by this machine's clock. */
  readonly expiresAt: number | null;
  /** When this page will ask for a refresh, if it is visible then; null: only a refused request leads to one. */
  readonly refreshAt: number | null;
  /** Whether the server can be reached, as far as is known. */
  readonly online: boolean;
  /** The newest answer of the status route, with what your application has added to it. */
  readonly details: Details | null;
}

/** The status route's answer. */
export interface StatusAnswer {
  readonly authenticated?: boolean;
  readonly expiresIn?: number | null;
  readonly refreshAt?: number | null;
  readonly reason?: string;
  /** Where the page should go, a path of this site: AuthOptions::redirectTo. follow.js has it go there. */
  readonly redirectTo?: string;
  readonly [name: string]: unknown;
}

/**
 * `signedIn`: there is a session, also after a login in another tab. `refreshed`: it has new tokens. `expired`: it has
 * ended by itself. `signedOut`: somebody has signed out. `change`: the state is another. Each also when another tab has
 * found out or done it.
 */
export type SessionEvent = 'change' | 'signedIn' | 'refreshed' | 'expired' | 'signedOut';

export interface Session<Details = StatusAnswer> extends EventTarget {
  addEventListener(
    type: SessionEvent,
    listener: ((event: Event) => void) | EventListenerObject | null,
    options?: boolean | AddEventListenerOptions,
  ): void;
  getState(): SessionState<Details>;
  /** Calls `listener` after each change. Gives what ends that. */
  subscribe(listener: () => void): () => void;
  /**
   * As the page's own; README.md says what it repeats and when it goes to sign in. The page is left then, and the
   * refusal is returned all the same.
   */
  fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Leaves the page to sign in, and to come back: here, or to another path of the site. */
  signIn(returnTo?: string): void;
  /** Whether the server has ended the session. */
  signOut(): Promise<boolean>;
  /** Ends all that it does by itself. `fetch` goes on. */
  stop(): void;
}

export interface SessionOptions {
  /** Where the routes are: AuthOptions::prefix. `/api/auth`. */
  prefix?: string;
  /** Where a login begins; `returnTo` is added to its query. `/login`. */
  loginUrl?: string;
  /** Paths that `fetch` leaves alone with all below them, as pages and as what is asked for, beside the login's own. */
  publicPaths?: readonly string[];
  /** Other origins whose answers are ironjar's, too (RespondOptions::corsOrigins). */
  origins?: readonly string[];
}

/** Begins at once. One for a page. */
export function startSession<Details = StatusAnswer>(options?: SessionOptions): Session<Details>;
