// The session's state in a React component, from React 18 on.
import { useSyncExternalStore } from 'react';
import { unknown } from './plan.js';

const nothing = () => () => {};
const atFirst = () => unknown; // what a server renders, and the browser at first

export const useSession = (session) =>
  useSyncExternalStore(session?.subscribe ?? nothing, session?.getState ?? atFirst, atFirst);
