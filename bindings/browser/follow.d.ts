import type { Session } from './index.js';

/**
 * Has the page go to the status' `redirectTo`, when it is visible and not there yet or below; if that is the login's
 * path, to come back to where the user was. Gives what ends that.
 */
export function followRedirects<Details>(session: Session<Details>, options?: { loginUrl?: string }): () => void;
