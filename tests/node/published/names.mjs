// A reporter for node:test: a line for each test, `ok` or `not ok` and its name with those of what it is in, below it what
// went wrong, and at the end `# end`.
export default async function* names(events) {
  const path = [];
  for await (const { type, data } of events) {
    if (type === 'test:start') path.splice(data.nesting, Infinity, data.name);
    if ((type !== 'test:pass' && type !== 'test:fail') || data.details.type === 'suite') continue;
    yield `${type === 'test:pass' ? 'ok' : 'not ok'} ${[...path.slice(0, data.nesting), data.name].join(' ')}\n`;
    if (type === 'test:fail') yield `    ${data.details.error.cause?.message ?? data.details.error.message}\n`.replace(/\n(?=.)/g, '\n    ');
  }
  yield '# end\n';
}
