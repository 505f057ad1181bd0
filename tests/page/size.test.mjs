// The module is small, and stands alone.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const { buildSync } = createRequire(join(process.env.IRONJAR_PAGE_MODULES, 'x.js'))('esbuild');
const source = fileURLToPath(new URL('../../bindings/browser/', import.meta.url));
const minified = (entry) => buildSync({
  entryPoints: [join(source, entry)], bundle: true, minify: true, format: 'esm', target: 'es2022', write: false,
  external: ['react'], metafile: true,
});

test('at most 6 KiB minified, without dependencies', (t) => {
  const { outputFiles, metafile } = minified('index.js');
  const size = outputFiles[0].contents.length;
  t.diagnostic(`index.js: ${size} bytes minified`);
  assert.ok(size <= 6144, `${size} bytes`);
  const [{ imports }] = Object.values(metafile.outputs);
  assert.deepEqual(imports, []);
});

test('the hook imports React, and nothing else', () => {
  const [{ imports }] = Object.values(minified('react.js').metafile.outputs);
  assert.deepEqual(imports.map(({ path }) => path), ['react']);
});

test('the package has no dependencies, and lists what it consists of', () => {
  const { dependencies, files } = JSON.parse(readFileSync(join(source, 'package.json'), 'utf8'));
  assert.equal(dependencies, undefined);
  assert.deepEqual(files, ['*.js', '*.d.ts']);
});
