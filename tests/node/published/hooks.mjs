// For `node --import`: the modules of a published suite, those in PUBLISHED_SUITE, import what PUBLISHED_IMPORTS names,
// a line `specifier=file` each, and every other package out of PUBLISHED_MODULES; nothing else of their repository, as
// that, or an original, would be tested in our place. TypeScript loses its types.
import { webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import Module, { createRequire, register } from 'node:module';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { isMainThread } from 'node:worker_threads';

const { PUBLISHED_SUITE: suite, PUBLISHED_IMPORTS: lines, PUBLISHED_MODULES: modules } = process.env;
const imports = new Map(lines.split('\n').map((line) => line.split(/=(.*)/)));
const suiteUrl = pathToFileURL(join(suite, '/')).href;
const modulesUrl = pathToFileURL(join(modules, '/')).href;
const require = createRequire(modulesUrl);

const isBare = (specifier) => !/^(\.|\/|file:)/.test(specifier);

function packageOf(specifier) {
  if (isBare(specifier) && !/^(iron-|@hapi\/iron$)/.test(specifier)) return specifier;
  throw new Error(`PUBLISHED_IMPORTS does not say what ${specifier} is`);
}

function urlOf(file) {
  if (file.startsWith('node:')) return file;
  const [path, query] = file.split('?');
  return pathToFileURL(path).href + (query ? `?${query}` : '');
}

export async function resolve(specifier, context, next) {
  const { parentURL } = context;
  const isSuites = parentURL?.startsWith(suiteUrl) && !parentURL.endsWith('/'); // the working folder imports what options name
  if (!isSuites) return next(specifier, context);
  if (imports.has(specifier)) return { url: urlOf(imports.get(specifier)), shortCircuit: true };
  return next(packageOf(specifier), { ...context, parentURL: modulesUrl });
}

export async function load(url, context, next) {
  if (url.endsWith('.ts')) {
    const source = readFileSync(fileURLToPath(url), 'utf8');
    return { format: 'module', source: require('esbuild').transformSync(source, { loader: 'ts' }).code, shortCircuit: true };
  }
  if (url.endsWith('?internals')) { // iron-webcrypto, with what its tests import from inside
    const source = readFileSync(fileURLToPath(url), 'utf8');
    return { format: 'module', source: `${source}\nexport { isJson, losslessJsonStringify };`, shortCircuit: true };
  }
  return next(url, context);
}

if (isMainThread) {
  globalThis.crypto ??= webcrypto; // Node 18 has no global one
  register(import.meta.url);
  const resolveFilename = Module._resolveFilename;
  Module._resolveFilename = (request, parent, ...rest) => {
    if (!parent?.filename?.startsWith(join(suite, '/'))) return resolveFilename(request, parent, ...rest);
    return imports.get(request) ?? require.resolve(packageOf(request));
  };
}
