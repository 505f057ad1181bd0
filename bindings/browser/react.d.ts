import type { Session, SessionState, StatusAnswer } from './index.js';

/** The session's state; the component renders again after each change. Without a session, as on a server: `unknown`. */
export function useSession<Details = StatusAnswer>(session: Session<Details> | undefined): SessionState<Details>;
