// What published.sh hears of the suites that it runs: a test that did not run must not look like one that passed.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const reporter = fileURLToPath(new URL('published/names.mjs', import.meta.url));

// The lines for tests of a suite.
function reported(suite) {
  const folder = mkdtempSync(join(tmpdir(), 'published-'));
  try {
    const file = join(folder, 'suite.mjs');
    writeFileSync(file, `import { describe, it } from 'node:test';\n${suite}`);
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const options = ['--test-reporter', reporter, '--test-reporter-destination', 'stdout', file];
    return spawnSync(process.execPath, options, { env, encoding: 'utf8' }).stdout.split('\n').filter((line) => /^\S/.test(line));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('tests are told by name, with what they are in', () => {
  const suite = "describe('a', () => { it('b', () => {}); describe('c', () => it('d', () => { throw new Error('x'); })); });";
  assert.deepEqual(reported(suite), ['ok a b', 'not ok a c d', '# end']);
});

test('a suite that throws while it says what its tests are has failed', () => {
  assert.deepEqual(reported("describe('a', () => { it('b', () => {}); throw new Error('x'); });").slice(-2), ['not ok a', '# end']);
});

test('a test that is skipped has not passed', () => {
  assert.deepEqual(reported("it.skip('a', () => {}); it('b', (t) => t.skip()); it('c', () => {});"), ['not ok a', 'not ok b', 'ok c', '# end']);
});

test('nor have those of a suite that is skipped', () => {
  assert.deepEqual(reported("describe.skip('a', () => { it('b', () => {}); }); it('c', () => {});").filter((line) => /^ok/.test(line)), ['ok c']);
  assert.ok(reported("describe.skip('a', () => { it('b', () => {}); });").some((line) => /^not ok a/.test(line)));
});
