// How long sealing and opening a session takes, beside iron-session 9, in one process and turn by turn.
//
//   bash tests/node/run.sh PACKAGE_DIR MODULES_DIR speed
//
// Times are wall-clock and the median of the rounds; with IRONJAR_LEAST=25 it fails below 25 times as fast.
import { ironjar, ironSession, password } from './packages.mjs';

const rounds = 9;
const session = {
  user: { id: 4711, name: 'Ada Lovelace', roles: ['admin', 'editor'], locale: 'en-GB' },
  accessToken: `eyJhbGciOiJSUzI1NiJ9.${'x'.repeat(440)}`,
  refreshToken: 'r'.repeat(360),
  accessTokenExpiresAt: 1700000000000,
};
const size = Buffer.byteLength(JSON.stringify(session));

const ways = {
  'iron-session 9': [400, async () => ironSession.unsealData(await ironSession.sealData(session, { password }), { password })],
  'ironjar, fe26': [8000, () => ironjar.unsealDataSync(ironjar.sealDataSync(session, { password }), { password })],
  'ironjar, native': [8000, () => ironjar.unsealDataSync(ironjar.sealDataSync(session, { password, format: 'native' }), { password })],
};

async function microseconds(times, call) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < times; i++) await call();
  return Number(process.hrtime.bigint() - start) / times / 1000;
}
// Without the turn of the event loop that `await` costs.
function microsecondsSync(times, call) {
  const start = process.hrtime.bigint();
  for (let i = 0; i < times; i++) call();
  return Number(process.hrtime.bigint() - start) / times / 1000;
}
const median = (list) => list.toSorted?.((a, b) => a - b)[list.length >> 1] ?? [...list].sort((a, b) => a - b)[list.length >> 1];

const measured = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
for (let round = -1; round < rounds; round++) {
  for (const [name, [times, call]] of Object.entries(ways)) {
    const time = await (name.startsWith('ironjar') ? microsecondsSync : microseconds)(times, call);
    if (round >= 0) measured[name].push(time); // the first round warms up
  }
}

const theirs = median(measured['iron-session 9']);
console.log(`sealing and opening a session of ${size} bytes of JSON`);
let slowest = Infinity;
for (const [name, times] of Object.entries(measured)) {
  const ratio = theirs / median(times);
  if (name.startsWith('ironjar')) slowest = Math.min(slowest, ratio);
  console.log(`${name.padEnd(16)} ${median(times).toFixed(1).padStart(8)} µs ${ratio.toFixed(1).padStart(6)} x`);
}
if (slowest < Number(process.env.IRONJAR_LEAST ?? 0)) process.exitCode = 1;
