// A page that goes where the status says (AuthOptions::redirectTo).
import { goOnce } from './fetch.js';
import { pageEnvironment } from './page.js';

export function followRedirects(session, { loginUrl = '/login' } = {}, env = pageEnvironment()) {
  const { location } = env;
  const login = new URL(loginUrl, location.href).pathname;
  function follow() {
    const place = session.getState().details?.redirectTo;
    if (!/^\/(?![/\\])/.test(place)) return; // nowhere, or no path of this site
    const { pathname } = new URL(place, location.href);
    const go = () => (pathname === login ? session.signIn() : location.assign(place));
    goOnce(env, 'ironjar:redirect', [pathname], go);
  }
  const leave = session.subscribe(follow);
  const unlisten = env.listen(follow);
  follow();
  return () => {
    leave();
    unlisten();
  };
}
