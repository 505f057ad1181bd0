// Runs histories, and says which of them break a rule.
//
//   node run.mjs [--histories N] [--seed FIRST] [--mix MIX] [--fault FAULT] [--trace] -- SITE [ARGUMENT…]
//
// The last is the program of the sites. The seed and the mix make a history, so one that failed is seen again with
// `--mix MIX --seed SEED --trace`. With a fault the sites have it, and a violation has to be found.
import { parseArgs } from 'node:util';
import { History, Violation } from './history.mjs';
import { startNginx } from './nginx.mjs';
import { SiteClient } from './site_client.mjs';

const together = 16;
const shown = 20;

const { values, positionals } = parseArgs({
  options: {
    histories: { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    mix: { type: 'string', default: 'plain' },
    fault: { type: 'string', default: '' },
    trace: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
const { mix, fault, trace } = values;
const first = Number(values.seed);
const count = Number(values.histories);

const site = await SiteClient.start(positionals);
const proxy = mix === 'front' ? await startNginx(site.port) : null;
site.port = proxy?.port ?? site.port;

const excuses = {};
let requests = 0;
let violations = 0;
let next = first;

async function runOne(seed) {
  const history = new History({ seed, site, mix, fault, say: trace ? console.log : () => {} });
  try {
    await history.run();
  } catch (error) {
    if (!(error instanceof Violation)) throw error;
    violations += 1;
    if (fault === '' && violations <= shown) console.log(`FAILED: --mix ${mix} --seed ${seed}: ${error.message}`);
  }
  requests += history.requests;
  for (const [name, times] of Object.entries(history.excuses)) excuses[name] = (excuses[name] ?? 0) + times;
}
const isFound = () => fault !== '' && violations > 0;
async function work() {
  while (next < first + count && !isFound()) await runOne(next++);
}

const begin = Date.now();
try {
  await Promise.all(Array.from({ length: Math.min(count, together) }, work));
} finally {
  await proxy?.stop();
  site.stop();
}
const took = `${((Date.now() - begin) / 1000).toFixed(0)} s`;
if (fault !== '') {
  console.log(violations > 0 ? `control: "${fault}" is found in ${next - first} histories`
    : `FAILED: control: "${fault}" is not found in ${count} histories`);
} else {
  console.log(`${mix}: ${count} histories from seed ${first}, ${requests} requests, ${violations} violations, ${took}`);
  for (const [name, times] of Object.entries(excuses).sort()) console.log(`  excused ${times} times: ${name}`);
}
process.exitCode = (violations > 0) === (fault !== '') ? 0 : 1;
