// Makes the table of what run.sh measured: medians over the rounds, and medians of the ratios within each round.
//   node report.mjs RESULTS_DIR ROUNDS table|json [yes, to fail when a bound is not kept, or its figure was not taken]
// Without the files of the HTTP side, its bounds are left out.
import { existsSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';

import { bounds } from './bounds.mjs';
import { median } from './median.mjs';

const [folder, roundCount, format, check] = process.argv.slice(2);
const lines = (file) => (existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n').map((line) => JSON.parse(line)) : []);

// One Map per round: name -> nanoseconds of processor time, which other programs disturb least; or requests per second
// for names that start with `http`.
const rounds = Array.from({ length: Number(roundCount) }, (_, i) => {
  const found = new Map();
  const { benchmarks } = JSON.parse(readFileSync(`${folder}/ours.${i + 1}.json`, 'utf8'));
  for (const { name, real_time, cpu_time, bytes_per_second, error_occurred, error_message } of benchmarks) {
    if (error_occurred) throw new Error(`${name}: ${error_message}`); // its times are zero
    found.set(name.replace('/real_time/threads:1', ''), cpu_time);
    found.set(`${name.replace('/real_time/threads:1', '')} elapsed`, real_time);
    if (name.startsWith('base64url/')) found.set(`${name} bytes per µs`, bytes_per_second / 1e6);
  }
  for (const { peer, op, size, ns, elapsed } of lines(`${folder}/peers.${i + 1}.jsonl`)) {
    found.set(`${peer}/${op}/${size}`, ns).set(`${peer}/${op}/${size} elapsed`, elapsed);
  }
  const http = lines(`${folder}/http.${i + 1}.jsonl`);
  for (const path of new Set(http.map((turn) => turn.path))) {
    found.set(`http/${path}`, median(http.filter((turn) => turn.path === path).map(({ requests }) => requests)));
  }
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
// The header that costs most, by round, and how any of them grows.
const worst = ['manyPairs', 'onlyEquals', 'onlySemicolons', 'onlySpaces', 'emptyNames', 'trimming'];
report.medians['cookies/worst/8192'] = Math.max(...worst.map((name) => medianOf(`cookies/${name}/8192`)));
report.ratios['cookies 16k : 8k'] = Math.max(...worst.map((name) => ratioOf(`cookies/${name}/16384`, `cookies/${name}/8192`)));
ratio('http read-only : bare', 'http/readOnly', 'http/bare');
ratio('http read-write : bare', 'http/readWrite', 'http/bare');
ratio('http performFetch : pooled client', 'http/performFetch', 'http/client');

// In the terms of bounds.mjs.
const withHttp = existsSync(`${folder}/http.1.jsonl`);
report.bounds = bounds.filter(({ what }) => withHttp || !what.startsWith('http ')).map((bound) => {
  const value = (report.ratios[bound.what] ?? report.medians[bound.what] ?? NaN) / (bound.unit ?? 1);
  return { ...bound, value, kept: bound.most === undefined ? value >= bound.least : value <= bound.most };
});

// With the version that was installed.
const versions = new Map(readFileSync(`${folder}/versions`, 'utf8').trim().split(' ').map((one) => [one.slice(0, one.lastIndexOf('@')), one]));
const named = (peer) => peer.split(' ').map((word) => versions.get(word) ?? word).join(' ');
const number = (value) => (Number.isFinite(value) ? value.toFixed(value < 10 ? 2 : 0) : 'none');
const µs = (name) => number(report.medians[name] / 1000);
const times = (value) => (Number.isFinite(value) ? `${value.toFixed(value < 10 ? 1 : 0)} ×` : 'none');
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
    ...peers.map((peer) => [named(peer), ...ops.map((op) => µs(`${peer}/${op}/1024`))])]));
  for (const f of formats) {
    console.log(`\n${table([`${f} is faster than`, 'seal', 'unseal', 'seal, 26 values', 'unseal, 26 values'], peers.map((peer) => [named(peer), ...bySize(peer, f)]))}`);
  }
  console.log(`\n${table(['bound', 'found', 'wanted', 'kept'], report.bounds.map(({ what, as = what, value, most, least, kept }) =>
    [as, number(value), most === undefined ? `>= ${least}` : `<= ${most}`, kept ? 'yes' : 'NO']))}`);
  const isTold = new Set(report.bounds.map(({ what }) => what));
  const single = Object.entries(report.ratios).filter(([what]) => !isTold.has(what) && !peers.some((peer) => what.startsWith(`${peer} :`)));
  console.log(`\n${table(['ratio', 'median'], single.map(([what, value]) => [what, number(value)]))}`);
}
if (check === 'yes' && report.bounds.some(({ kept }) => !kept)) process.exitCode = 1;
