// Carries sessions between the lines of tests/interop and requests of `ironjar jsonl`.
//
//   node exchange.mjs unseal < lines              requests that open the lines' seals
//   node exchange.mjs compare LINES < answers     whether each holds the line's data
//   node exchange.mjs seal < lines                requests that seal the lines' data as iron-session would
//   node exchange.mjs lines LINES < answers       the lines with the answers' seals
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';

const linesOf = (file) => readFileSync(file, 'utf8').split('\n').filter(Boolean).map((line) => JSON.parse(line));
const print = (values) => process.stdout.write(values.map((value) => `${JSON.stringify(value)}\n`).join(''));

function answersTo(lines) {
  const answers = linesOf(0);
  if (answers.length !== lines.length) throw new Error(`${answers.length} answers to ${lines.length} requests`);
  const refused = answers.findIndex(({ ok }) => !ok);
  if (refused !== -1) throw new Error(`request ${refused + 1} is refused: ${answers[refused].error}`);
  return answers;
}

const [command, file] = process.argv.slice(2);
if (command === 'unseal') {
  print(linesOf(0).map(({ passwords, purpose, context, now, seal }) => ({ op: 'unseal', formats: ['fe26'], passwords, purpose, context, nowMs: now * 1000, seal })));
} else if (command === 'seal') {
  print(linesOf(0).map(({ passwords, now, data }) => ({ op: 'seal', format: 'fe26', passwords, data, nowMs: now * 1000 })));
} else if (command === 'compare') {
  const lines = linesOf(file);
  answersTo(lines).forEach(({ data }, i) => {
    // -0 is 0 to a number that has been an integer in between.
    if (!isDeepStrictEqual(JSON.parse(JSON.stringify(data)), JSON.parse(JSON.stringify(lines[i].data)))) throw new Error(`line ${i + 1} holds other data`);
  });
  console.log(`${lines.length} sessions opened`);
} else if (command === 'lines') {
  const lines = linesOf(file);
  print(answersTo(lines).map(({ seal }, i) => ({ ...lines[i], seal })));
} else {
  throw new Error('usage: see above');
}
