// What run.sh's table and --check make of results: canned ones, without a measurement.
import { deepEqual, equal, match } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

const rounds = 3;
const peers = { 'iron-session': 460e3, '@hapi/iron': 71e3, 'jose dir+A256GCM': 129e3, 'sodium-native secretbox': 7900, 'gorilla/securecookie': 26e3 };
const headers = ['manyPairs', 'onlyEquals', 'onlySemicolons', 'onlySpaces', 'emptyNames', 'trimming'];

function results() {
  const benchmarks = [];
  const put = (name, time, more) => benchmarks.push({ name, real_time: time, cpu_time: time, ...more });
  for (const f of ['native', 'fe26']) for (const op of ['seal', 'unseal']) {
    for (const size of [128, 1024, 3072]) {
      put(`floor/${f}/${op}/${size}`, 2000);
      put(`text/${f}/${op}/${size}`, f === 'native' ? 2200 : 1500);
    }
    for (const size of [128, 1000, 1024, 3072]) {
      put(`json/${f}/${op}/${size}/real_time/threads:1`, 2400);
      put(`json/${f}/${op}/${size}/real_time/threads:2`, 1250);
    }
  }
  for (const name of headers) for (const size of [8192, 16384]) put(`cookies/${name}/${size}`, size * 5);
  for (const name of ['encode', 'decode', 'encodeByTable', 'decodeByTable']) put(`base64url/${name}/16384`, 5000, { bytes_per_second: 3.2e9 });
  const ofPeers = Object.entries(peers).flatMap(([peer, ns]) => ['seal', 'unseal'].flatMap((op) =>
    [128, 1000, 1024, 3072].map((size) => ({ peer, op, size, ns, elapsed: ns }))));
  const http = Object.entries({ bare: 10e3, readOnly: 9e3, readWrite: 8e3, client: 4e3, performFetch: 3900 })
    .map(([path, requests]) => ({ path, requests }));
  return { benchmarks, ofPeers, http };
}

// What report.mjs says with --check about results that `change` has changed.
function report(change = () => {}, format = 'json') {
  const folder = mkdtempSync(join(tmpdir(), 'ironjar-report-'));
  try {
    const found = results();
    change(found);
    const lines = (list) => list.map((one) => `${JSON.stringify(one)}\n`).join('');
    for (let round = 1; round <= rounds; ++round) {
      writeFileSync(`${folder}/ours.${round}.json`, JSON.stringify({ benchmarks: found.benchmarks }));
      writeFileSync(`${folder}/peers.${round}.jsonl`, lines(found.ofPeers));
      if (found.http) writeFileSync(`${folder}/http.${round}.jsonl`, lines(found.http));
    }
    writeFileSync(`${folder}/versions`, 'iron-session@8.0.4 @hapi/iron@7.0.1 sodium-native@5.1.0 jose@6.2.17\n');
    return spawnSync(process.execPath, [new URL('report.mjs', import.meta.url).pathname, folder, rounds, format, 'yes'], { encoding: 'utf8' });
  } finally {
    rmSync(folder, { recursive: true });
  }
}
const broken = ({ stdout }) => JSON.parse(stdout).bounds.filter(({ kept }) => !kept).map(({ what }) => what);

test('figures within their bounds pass', () => {
  const { status, stdout } = report();
  equal(status, 0);
  equal(JSON.parse(stdout).bounds.length, 25);
});

test('a figure beyond its bound fails', () => {
  const found = report(({ benchmarks }) => {
    for (const run of benchmarks) if (run.name === 'text/native/seal/1024') run.cpu_time = 2500;
  });
  equal(found.status, 1);
  deepEqual(broken(found), ['native/seal/1024 text : floor']);
});

test('a benchmark that failed is no fast one', () => {
  const found = report(({ benchmarks }) => {
    for (const run of benchmarks) {
      if (run.name.startsWith('text/')) Object.assign(run, { error_occurred: true, error_message: 'not sealed', real_time: 0, cpu_time: 0 });
    }
  });
  equal(found.status, 1);
  match(found.stderr, /not sealed/);
});

test('a figure that was not taken fails', () => {
  const found = report((all) => {
    all.benchmarks = all.benchmarks.filter(({ name }) => !name.startsWith('text/native/seal/') && name !== 'cookies/onlyEquals/8192');
    all.ofPeers = all.ofPeers.filter(({ peer }) => !peer.startsWith('gorilla'));
  });
  equal(found.status, 1);
  deepEqual(broken(found), ['native/seal/128 text : floor', 'native/seal/1024 text : floor', 'gorilla/securecookie : native/seal/1024',
    'gorilla/securecookie : native/unseal/1024', 'cookies/worst/8192', 'cookies 16k : 8k']);
});

test('without HTTP its bounds are left out; with it, each counts', () => {
  const without = report((all) => { all.http = undefined; });
  equal(without.status, 0);
  equal(JSON.parse(without.stdout).bounds.length, 22);
  const some = report((all) => { all.http = all.http.filter(({ path }) => path !== 'performFetch'); });
  deepEqual(broken(some), ['http performFetch : pooled client']);
});

test('a path that was asked several times in a round counts by the middle of them', () => {
  const turns = [4000, 100, 4100, 9000].map((requests) => ({ path: 'performFetch', requests }));
  const { stdout } = report((all) => { all.http = [...all.http.filter(({ path }) => path !== 'performFetch'), ...turns]; });
  equal(JSON.parse(stdout).ratios['http performFetch : pooled client'], 4050 / 4000);
});

test('the table names each peer with its version, once', () => {
  const { stdout } = report(undefined, 'table');
  for (const name of ['iron-session@8.0.4', '@hapi/iron@7.0.1', 'jose@6.2.17 dir+A256GCM', 'sodium-native@5.1.0 secretbox', 'gorilla/securecookie']) {
    equal(stdout.split('\n').filter((line) => line.startsWith(`| ${name} `) && !line.includes(' : ')).length, 3, name);
  }
});

test('a table with gaps is still a table', () => {
  const { status, stdout } = report((all) => { all.ofPeers = all.ofPeers.filter(({ peer }) => !peer.startsWith('gorilla')); }, 'table');
  equal(status, 1);
  match(stdout, /gorilla\/securecookie +\| +none/);
});
