// Programs of users in TypeScript. Compiled only.
import { startSession, type Session, type SessionState } from 'ironjar-browser';
import { followRedirects } from 'ironjar-browser/follow';
import { useSession } from 'ironjar-browser/react';

const session: Session = startSession();
startSession({ prefix: '/auth', loginUrl: '/signin', publicPaths: ['/new'], origins: ['https://api.example.com'] });

export const state: SessionState = session.getState();
export const end: number | null = state.expiresAt;
export const place: string | undefined = state.details?.redirectTo;
export const stay: () => void = followRedirects(session, { loginUrl: '/signin' });
export const leave: () => void = session.subscribe(() => {});
session.addEventListener('expired', (event) => console.log(event.type));
// @ts-expect-error no such event
session.addEventListener('expire', () => {});
// @ts-expect-error no such status
export const isSignedIn = state.status === 'signed in';
// @ts-expect-error the state is nobody's to write
state.online = false;
// @ts-expect-error no such option
startSession({ baseUrl: '/' });

export async function items(): Promise<string[]> {
  const response = await session.fetch('/api/items', { method: 'POST', signal: AbortSignal.timeout(1000) });
  if (!response.ok) session.signIn('/items');
  const isOver: boolean = await session.signOut();
  return isOver ? [] : ((await response.json()) as string[]);
}

interface Claims { readonly claims?: { readonly name: string } }
const withClaims = startSession<Claims>();
export const name: string | undefined = withClaims.getState().details?.claims?.name;

export function Who() {
  const { status, online, details } = useSession(withClaims);
  if (!online) return <p>You are offline.</p>;
  if (status === 'signedIn') return <p>{details?.claims?.name}</p>;
  return <button onClick={() => withClaims.signIn()}>Sign in</button>;
}
export const onServer: SessionState = useSession(undefined);
