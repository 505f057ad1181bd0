// A reporter for node:test: a line for each test, `ok` or `not ok` and its name with those of what it is in, below it what
// went wrong, and at the end `# end`. What did not run is not ok; a suite is told of only when it fails by itself.
export default async function* names(events) {
  const path = [];
  for await (const { type, data } of events) {
    if (type === 'test:start') path.splice(data.nesting, Infinity, data.name);
    if (type !== 'test:pass' && type !== 'test:fail') continue;
    const { details: { type: kind, error }, skip, todo } = data;
    const ran = skip === undefined && todo === undefined;
    if (kind === 'suite' && ran && (!error || error.failureType === 'subtestsFailed')) continue;
    yield `${ran && !error ? 'ok' : 'not ok'} ${[...path.slice(0, data.nesting), data.name].join(' ')}\n`;
    if (!ran) yield '    did not run\n';
    if (error) yield `    ${error.cause?.message ?? error.message}\n`.replace(/\n(?=.)/g, '\n    ');
  }
  yield '# end\n';
}
