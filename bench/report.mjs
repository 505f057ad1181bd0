// Makes the table of what run.sh measured: medians over the rounds, and medians of the ratios within each round.
//   node report.mjs RESULTS_DIR ROUNDS table|json
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

import { median } from './median.mjs';

const [folder, roundCount, format] = process.argv.slice(2);
const lines = (file) => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line)) : []);

// One Map per round: name -> nanoseconds of processor time, which other programs disturb least; or requests per second
// for names that start with `http`.
const rounds = Array.from({ length: Number(roundCount) }, (_, i) => {
  const found = new Map();
  const { benchmarks } = JSON.parse(readFileSync(`${folder}/ours.${i + 1}.json`, 'utf8'));
  for (const { name, real_time, cpu_time } of benchmarks) {
    found.set(name.replace('/real_time/threads:1', ''), cpu_time);
    found.set(`${name.replace('/real_time/threads:1', '')} elapsed`, real_time);
  }
  for (const { peer, op, size, ns, elapsed } of lines(`${folder}/peers.${i + 1}.jsonl`)) {
    found.set(`${peer}/${op}/${size}`, ns).set(`${peer}/${op}/${size} elapsed`, elapsed);
  }
  for (const { path, requests } of lines(`${folder}/http.${i + 1}.jsonl`)) found.set(`http/${path}`, requests);
  return found;
});

const medianOf = (name) => median(rounds.map((round) => round.get(name)));
const ratioOf = (name, to) => median(rounds.map((round) => round.get(name) / round.get(to)));

const sizes = [128, 1000, 1024, 3072];
const ops = ['seal', 'unseal'];
const formats = ['native', 'fe26'];
const peers = ['iron-session', '@hapi/iron', 'jose dir+A256GCM', 'sodium-native secretbox', 'gorilla/securecookie'];

const machine = `${cpus().length} x ${cpus()[0].model}, Node ${process.versions.node}`;
const report = { machine, rounds: rounds.length, medians: {}, ratios: {} };
for (const name of new Set(rounds.flatMap((round) => [...round.keys()]))) report.medians[name] = medianOf(name);
const ratio = (what, name, to) => {
  const value = ratioOf(name, to);
  if (Number.isFinite(value)) report.ratios[what] = value;
};
for (const f of formats) for (const op of ops) {
  for (const size of [128, 1024, 3072]) ratio(`${f}/${op}/${size} text : floor`, `text/${f}/${op}/${size}`, `floor/${f}/${op}/${size}`);
  for (const peer of peers) for (const size of sizes) ratio(`${peer} : ${f}/${op}/${size}`, `${peer}/${op}/${size}`, `json/${f}/${op}/${size}`);
  ratio(`${f}/${op}/1024 two threads : one`, `json/${f}/${op}/1024 elapsed`,
    `json/${f}/${op}/1024/real_time/threads:2 elapsed`);
}
ratio('cookies 16k : 8k', 'cookies/manyPairs/16384', 'cookies/manyPairs/8192');
ratio('http read-only : bare', 'http/readOnly', 'http/bare');
ratio('http read-write : bare', 'http/readWrite', 'http/bare');
ratio('http performFetch : pooled client', 'http/performFetch', 'http/client');

const number = (value) => value.toFixed(value < 10 ? 2 : 0);
const µs = (name) => number(report.medians[name] / 1000);
const times = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ×`;
const table = (head, rows) => {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  const line = (row) => `| ${row.map((cell, i) => (i ? cell.padStart(widths[i]) : cell.padEnd(widths[i]))).join(' | ')} |`;
  return [line(head), line(widths.map((width, i) => '-'.repeat(width - (i ? 1 : 0)) + (i ? ':' : ''))), ...rows.map(line)].join('\n');
};

if (format === 'json') {
  console.log(JSON.stringify(report, null, 2));
} else {
  const bySize = (peer, f) => [1024, 1000].flatMap((size) => ops.map((op) => times(report.ratios[`${peer} : ${f}/${op}/${size}`])));
  console.log(`${machine}; processor time, medians of ${rounds.length} rounds\n`);
  console.log(table(['1,024 bytes of JSON', 'seal, µs', 'unseal, µs'], [
    ...formats.map((f) => [`ironjar, ${f}`, ...ops.map((op) => µs(`json/${f}/${op}/1024`))]),
    ...peers.map((peer) => [peer, ...ops.map((op) => µs(`${peer}/${op}/1024`))])]));
  for (const f of formats) {
    console.log(`\n${table([`${f} is faster than`, 'seal', 'unseal', 'seal, 26 values', 'unseal, 26 values'], peers.map((peer) => [peer, ...bySize(peer, f)]))}`);
  }
  const single = Object.entries(report.ratios).filter(([what]) => !peers.some((peer) => what.startsWith(`${peer} :`)));
  console.log(`\n${table(['ratio', 'median'], single.map(([what, value]) => [what, number(value)]))}`);
}
