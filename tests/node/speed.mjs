// How long sealing and opening a session takes, beside iron-session 9, in one process and turn by turn.
//
//   bash tests/node/run.sh PACKAGE_DIR MODULES_DIR speed
//
// Times are medians of the rounds: processor time, all threads counted, which other programs disturb little, and
// wall-clock time. It fails below IRONJAR_LEAST times as fast by processor time, if that is set.
import { ironjar, ironSession, password } from './packages.mjs';

const rounds = 7;
const session = {
  user: { id: 4711, name: 'Ada Lovelace', roles: ['admin', 'editor'], locale: 'en-GB' },
  accessToken: `eyJhbGciOiJSUzI1NiJ9.${'x'.repeat(440)}`,
  refreshToken: 'r'.repeat(360),
  accessTokenExpiresAt: 1700000000000,
};
const size = Buffer.byteLength(JSON.stringify(session));

const ways = {
  'iron-session 9': [150, async () => ironSession.unsealData(await ironSession.sealData(session, { password }), { password })],
  'ironjar, fe26': [2500, () => ironjar.unsealDataSync(ironjar.sealDataSync(session, { password }), { password })],
  'ironjar, native': [2500, () => ironjar.unsealDataSync(ironjar.sealDataSync(session, { password, format: 'native' }), { password })],
};

// Processor time and wall-clock time of a call, in microseconds.
function stopwatch(times) {
  const processor = process.cpuUsage();
  const start = process.hrtime.bigint();
  return () => {
    const wall = Number(process.hrtime.bigint() - start) / 1000;
    const { user, system } = process.cpuUsage(processor);
    return [(user + system) / times, wall / times];
  };
}
async function timed(times, call) {
  const stop = stopwatch(times);
  for (let i = 0; i < times; i++) await call();
  return stop();
}
// Without the turn of the event loop that `await` costs.
function timedSync(times, call) {
  const stop = stopwatch(times);
  for (let i = 0; i < times; i++) call();
  return stop();
}
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

const measured = Object.fromEntries(Object.keys(ways).map((name) => [name, []]));
for (let round = -1; round < rounds; round++) {
  for (const [name, [times, call]] of Object.entries(ways)) {
    const time = await (name.startsWith('ironjar') ? timedSync : timed)(times, call);
    if (round >= 0) measured[name].push(time); // the first round warms up
  }
}

const medianOf = (name, i) => median(measured[name].map((time) => time[i]));
const ratio = (name, i) => medianOf('iron-session 9', i) / medianOf(name, i);
console.log(`sealing and opening a session of ${size} bytes of JSON: processor time, and wall-clock time`);
for (const name of Object.keys(ways)) {
  const columns = [0, 1].map((i) => `${medianOf(name, i).toFixed(1).padStart(8)} µs ${ratio(name, i).toFixed(1).padStart(6)} x`);
  console.log(`${name.padEnd(16)} ${columns.join('   ')}`);
}
const slowest = Math.min(ratio('ironjar, fe26', 0), ratio('ironjar, native', 0));
if (slowest < Number(process.env.IRONJAR_LEAST ?? 0)) process.exitCode = 1;
