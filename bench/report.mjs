// Makes the table of what run.sh measured: medians over the rounds, and medians of the ratios within each round.
//   node report.mjs RESULTS_DIR ROUNDS table|json
import { existsSync, readFileSync } from 'node:fs';

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
    if (name.includes('threads:')) found.set(`${name} elapsed`, real_time);
  }
  for (const { peer, op, size, ns } of lines(`${folder}/peers.${i + 1}.jsonl`)) found.set(`${peer}/${op}/${size}`, ns);
  for (const { path, requests } of lines(`${folder}/http.${i + 1}.jsonl`)) found.set(`http/${path}`, requests);
  return found;
});

const medianOf = (name) => median(rounds.map((round) => round.get(name)));
const ratioOf = (name, to) => median(rounds.map((round) => round.get(name) / round.get(to)));

const sizes = [128, 1000, 1024, 3072];
const ops = ['seal', 'unseal'];
const formats = ['native', 'fe26'];
const peers = ['iron-session', '@hapi/iron', 'jose dir+A256GCM', 'sodium-native secretbox', 'gorilla/securecookie'];

const report = { rounds: rounds.length, medians: {}, ratios: {} };
for (const name of new Set(rounds.flatMap((round) => [...round.keys()]))) report.medians[name] = medianOf(name);
const ratio = (what, name, to) => {
  const value = ratioOf(name, to);
  if (Number.isFinite(value)) report.ratios[what] = value;
};
for (const f of formats) for (const op of ops) {
  for (const size of [128, 1024, 3072]) ratio(`${f}/${op}/${size} text : floor`, `text/${f}/${op}/${size}`, `floor/${f}/${op}/${size}`);
  for (const peer of peers) for (const size of sizes) ratio(`${peer} : ${f}/${op}/${size}`, `${peer}/${op}/${size}`, `json/${f}/${op}/${size}`);
  ratio(`${f}/${op}/1024 two threads : one`, `json/${f}/${op}/1024/real_time/threads:1 elapsed`,
    `json/${f}/${op}/1024/real_time/threads:2 elapsed`);
}
ratio('cookies 16k : 8k', 'cookies/manyPairs/16384', 'cookies/manyPairs/8192');
ratio('http read-only : bare', 'http/readOnly', 'http/bare');
ratio('http read-write : bare', 'http/readWrite', 'http/bare');
ratio('http performFetch : pooled client', 'http/performFetch', 'http/client');

if (format === 'json') {
  console.log(JSON.stringify(report, null, 2));
} else {
  const µs = (name) => (report.medians[name] / 1000).toFixed(report.medians[name] < 10_000 ? 2 : 0);
  const times = (value) => `${value.toFixed(value < 10 ? 1 : 0)} ×`;
  console.log(`1,024 bytes of JSON, ${rounds.length} rounds   seal µs   unseal µs   native is faster by (seal, unseal)`);
  const row = (label, seal, unseal, rest = '') => console.log(`${label.padEnd(36)}${seal.padStart(9)}${unseal.padStart(12)}   ${rest}`);
  for (const f of formats) row(`ironjar ${f}`, µs(`json/${f}/seal/1024`), µs(`json/${f}/unseal/1024`));
  for (const peer of peers) {
    const by = ops.map((op) => times(report.ratios[`${peer} : native/${op}/1024`])).join(', ');
    row(peer, µs(`${peer}/seal/1024`), µs(`${peer}/unseal/1024`), by);
  }
  console.log();
  for (const [what, value] of Object.entries(report.ratios)) console.log(`${what.padEnd(48)}${value.toFixed(2).padStart(8)}`);
}
