// Vectors of the native seal format (`ij1.`), and seals for checking another implementation.
//
//   node native.mjs generate     write native.json next to this file (same bytes every time)
//   node native.mjs check FILE   open the seals of a JSON lines file and compare their data
//   node native.mjs seal COUNT   print COUNT random sessions as JSON lines
//
// The format is in native_format.mjs, which also says what must be installed.

import { randomBytes, randomInt } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';

import { complete, day } from './native_cases.mjs';
import {
  nonceSize, openSeal, sameJson, SealError, sealSession, sodiumVersion,
} from './native_format.mjs';
import { invalidCases } from './native_invalid.mjs';
import {
  pick, randomPasswords, randomSession, randomText, randomValue,
} from './native_sessions.mjs';
import { validCases } from './native_valid.mjs';

// ---- generate ----

function validVector(given) {
  const session = complete(given);
  const { name, passwords, purpose, context, now, iat, exp, start, id, json } = session;
  return {
    name,
    passwords,
    purpose,
    context,
    now,
    seal: sealSession(session),
    data: JSON.parse(json),
    iat,
    exp,
    start,
    id_hex: id.toString('hex'),
  };
}

function repeatOf({ repeat, repeatTo }, seal) {
  if (repeatTo) return { repeat: { text: 'A', times: repeatTo - seal.length } };
  return repeat ? { repeat } : {};
}

function invalidVector(given) {
  const session = complete(given);
  const { name, passwords, purpose, context, now, error, edit = (seal) => seal } = session;
  const seal = edit(sealSession(session));
  const vector = { name, passwords, purpose, context, now, ...given.opened, seal };
  return { ...vector, ...repeatOf(given, seal), error };
}

function wholeSeal({ seal, repeat }) {
  return repeat ? seal + repeat.text.repeat(repeat.times) : seal;
}

function outcome(vector) {
  try {
    return openSeal(wholeSeal(vector), vector);
  } catch (error) {
    if (error instanceof SealError) return { error: error.message };
    throw error;
  }
}

function opensAsStated(vector) {
  const got = outcome(vector);
  return !got.error && sameJson(got.data, vector.data) && got.iat === vector.iat
    && got.exp === vector.exp && got.start === vector.start
    && got.id.toString('hex') === vector.id_hex;
}

function verify({ valid, invalid }) {
  const wrong = [
    ...valid.filter((each) => !opensAsStated(each)),
    ...invalid.filter((each) => outcome(each).error !== each.error),
  ].map((each) => `${each.name}: got ${outcome(each).error ?? 'other contents'}`);
  const names = [...valid, ...invalid].map((each) => each.name);
  if (new Set(names).size !== names.length) wrong.push('a name is used twice');
  if (wrong.length) throw new Error(`vectors do not hold:\n${wrong.join('\n')}`);
}

function formatCases(cases) {
  return `[\n${cases.map((each) => JSON.stringify(each)).join(',\n')}\n]`;
}

function formatDocument(document) {
  const { about, made_with: madeWith, valid, invalid } = document;
  return `{"about":${JSON.stringify(about)},\n"made_with":${JSON.stringify(madeWith)},\n`
    + `"valid":${formatCases(valid)},\n"invalid":${formatCases(invalid)}}\n`;
}

function generate() {
  const text = formatDocument({
    about: 'Seals of the native format, made by native.mjs (generate) from the published text of'
      + ' the format. "now" is when to open; "repeat" appends its text to the seal that often.',
    made_with: { 'node': process.versions.node, 'sodium-native': sodiumVersion },
    valid: validCases.map(validVector),
    invalid: invalidCases.map(invalidVector),
  });
  verify(JSON.parse(text));
  writeFileSync(new URL('native.json', import.meta.url), text);
  console.log(`${validCases.length} valid and ${invalidCases.length} invalid vectors written`);
}

// ---- check ----

function difference(line) {
  const got = outcome(line);
  if (got.error) return `does not open: ${got.error}`;
  return sameJson(got.data, line.data) ? null : 'holds other data';
}

function check(file) {
  const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line.trim() !== '');
  for (const [index, line] of lines.entries()) {
    const found = difference(JSON.parse(line));
    if (found) throw new Error(`seal ${index + 1} of ${lines.length} ${found}`);
  }
  console.log(`${lines.length} sessions opened`);
}

// ---- seal ----

function randomTimes(now) {
  const iat = now - randomInt(3600);
  const exp = randomInt(4) ? now + 1 + randomInt(30 * day) : 0;
  return { iat, exp, start: iat - randomInt(30 * day) };
}

function randomLine() {
  const passwords = randomPasswords();
  const purpose = randomInt(2) ? 'session' : `p${randomText(randomInt(30))}`;
  const context = randomInt(2) ? '' : randomText(randomInt(60));
  const now = Math.floor(Date.now() / 1000);
  const data = randomInt(10) ? randomSession() : randomValue();
  const seal = sealSession({
    password: pick(Object.values(passwords)),
    purpose,
    context,
    ...randomTimes(now),
    id: randomBytes(16),
    nonce: randomBytes(nonceSize),
    json: JSON.stringify(data),
  });
  return { passwords, purpose, context, now, seal, data };
}

function printSeals(count) {
  if (!/^[0-9]+$/.test(count)) throw new Error('seal needs a count');
  for (let i = 0; i < Number(count); i++) console.log(JSON.stringify(randomLine()));
}

// ---- command line ----

function main([command, argument]) {
  const commands = { generate, check, seal: printSeals };
  if (!Object.hasOwn(commands, command ?? '')) {
    throw new Error('usage: node native.mjs generate | check FILE | seal COUNT');
  }
  commands[command](argument);
}

try {
  main(process.argv.slice(2));
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
