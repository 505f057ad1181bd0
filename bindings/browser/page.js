// What of the page is used; a test brings its own. `storage` throws where the browser blocks it.
export function pageEnvironment() {
  const types = ['visibilitychange', 'focus', 'online', 'offline', 'pageshow'];
  return {
    now: () => Date.now(),
    random: Math.random,
    setTimer: (callback, delay) => setTimeout(callback, delay),
    clearTimer: (timer) => clearTimeout(timer),
    fetch: (...request) => fetch(...request),
    locks: navigator.locks, // not on pages over http, except on this machine
    openChannel: (name) => new BroadcastChannel(name),
    isVisible: () => document.visibilityState === 'visible',
    isOnline: () => navigator.onLine,
    location,
    storage: () => sessionStorage,
    listen(callback) {
      const heard = ({ type, persisted }) => callback(persisted ? 'restored' : type);
      types.forEach((type) => addEventListener(type, heard));
      return () => types.forEach((type) => removeEventListener(type, heard));
    },
  };
}
