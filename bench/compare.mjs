// The table of compare.sh: node compare.mjs RESULTS_DIR ROUNDS A B
import { readFileSync } from 'node:fs';

import { median } from './median.mjs';

const [folder, roundCount, a, b] = process.argv.slice(2);
const times = (side, round) => {
  const { benchmarks } = JSON.parse(readFileSync(`${folder}/${side}.${round}.json`, 'utf8'));
  return new Map(benchmarks.filter((run) => !run.error_occurred).map((run) => [run.name, run.cpu_time]));
};
const rounds = Array.from({ length: Number(roundCount) }, (_, i) => [times(0, i + 1), times(1, i + 1)]);

const names = [...rounds[0][0].keys()].filter((name) => rounds[0][1].has(name));
const width = Math.max(...names.map((name) => name.length));
console.log(`${''.padEnd(width)}${'A'.padStart(10)}${'B'.padStart(10)}     B/A   A: ${a}, B: ${b}`);
for (const name of names) {
  const [ofA, ofB] = [0, 1].map((side) => median(rounds.map((round) => round[side].get(name))));
  const ratio = median(rounds.map(([first, second]) => second.get(name) / first.get(name)));
  console.log(`${name.padEnd(width)}${ofA.toFixed(0).padStart(10)}${ofB.toFixed(0).padStart(10)}${ratio.toFixed(2).padStart(8)}`);
}
