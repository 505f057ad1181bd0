// Sealers by what they are made of: deriving keys costs more than sealing.
import native from './native.js';
import { remembering } from './remember.js';

const sealers = remembering((options, refused) => {
  try {
    return native.newSealer(options);
  } catch (error) {
    if (error.code !== 'invalidArgument' || !refused) throw error;
    refused(error);
    return null;
  }
});

// A sealer with these options; null when the library does not accept them and `refused` does.
export const sealerFor = (options, refused) => sealers(JSON.stringify(options), refused);

const isId = (id) => /^(0|[1-9]\d{0,9})$/.test(id) && Number(id) <= 0xffffffff;

// By the password, then by the id; ids come from outside.
const byPassword = remembering((secret) =>
  remembering((key, id, ttl) => {
    return isId(id) ? sealerFor({ passwords: { [id]: secret }, formats: ['fe26'], ttl }, warn) : null;
  }),
);

// A sealer of Fe26.2 under one password, or null when the library cannot do what the original does: an id that is no
// number, a password that it finds too easy to guess. Its seals open for a second, or for ever: see `fe26Time`.
export const fe26Sealer = (id, secret, forever) => byPassword(secret)(forever ? id : `${id}s`, id, forever ? 0 : 1);

// The library seals for whole seconds and iron for milliseconds, so the time of sealing is moved to where the end is
// right. NaN when there is no such time.
export function fe26Time(end) {
  return Number.isSafeInteger(end) && end > 1000 && end < 9e12 ? end - 1000 : NaN;
}

const warned = new Set();
function warn(error) {
  if (warned.has(error.message)) return;
  warned.add(error.message);
  process.emitWarning(`${error.message}. Sealing goes on as iron-session would.`, { code: 'IRONJAR_WEAK_PASSWORD' });
}
