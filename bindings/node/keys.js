// Sealers by what they are made of. Deriving keys costs more than sealing, so the last ones made are kept.
import native from './native.js';

const capacity = 128;
const sealers = new Map();

// A sealer with these options; null when the library does not accept them and `refused` does.
export function sealerFor(options, refused) {
  const key = JSON.stringify(options);
  let sealer = sealers.get(key);
  if (sealer === undefined) {
    sealer = make(key, refused);
    if (sealers.size >= capacity) sealers.delete(sealers.keys().next().value);
    sealers.set(key, sealer);
  }
  return sealer;
}

function make(options, refused) {
  try {
    return native.newSealer(options);
  } catch (error) {
    if (error.code !== 'invalidArgument' || !refused) throw error;
    refused(error);
    return null;
  }
}

const isId = (id) => /^(0|[1-9]\d{0,9})$/.test(id) && Number(id) <= 0xffffffff;

// A sealer of Fe26.2 under one password, or null when the library cannot do what the original does: an id that is no
// number, a password that it finds too easy to guess. Its seals open for a second, or for ever: see `fe26Time`.
const fe26 = new Map();
export function fe26Sealer(id, secret, forever) {
  const byId = fe26.get(secret) ?? remember(secret);
  const key = forever ? id : `${id}s`;
  let sealer = byId.get(key);
  if (sealer === undefined) {
    sealer = isId(id) ? sealerFor({ passwords: { [id]: secret }, formats: ['fe26'], ttl: forever ? 0 : 1 }, warn) : null;
    if (byId.size >= capacity) byId.clear(); // ids come from outside
    byId.set(key, sealer);
  }
  return sealer;
}

function remember(secret) {
  if (fe26.size >= capacity) fe26.delete(fe26.keys().next().value);
  const byId = new Map();
  fe26.set(secret, byId);
  return byId;
}

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
