// ID tokens of another program's: the npm package jose, which signs with keys of its own making.
//
//   node id_token.mjs MODULES    write id_token.json next to this file; keys and signatures are new ones each time
//
// MODULES is a folder into whose node_modules `npm ci --ignore-scripts` has installed ../packages/oauth.

import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const modules = resolve(process.argv[2], 'node_modules');
const require = createRequire(resolve(modules, 'x.js'));
const { CompactSign, exportJWK, generateKeyPair } = await import(
  pathToFileURL(resolve(modules, 'jose/dist/webapi/index.js'))
);
const { version } = require(resolve(modules, 'jose/package.json'));

const now = 1_700_000_000;
const claims = {
  iss: 'https://id.example.com',
  sub: 'ada',
  aud: 'web',
  iat: now,
  exp: now + 300,
  auth_time: now - 30,
  nonce: 'n-0S6_WzA2Mj',
};

async function keyPair(alg, kid) {
  const pair = await generateKeyPair(alg, { extractable: true });
  return { ...pair, jwk: { ...(await exportJWK(pair.publicKey)), kid, alg, use: 'sig' }, alg, kid };
}

// Changes that must each be refused, and why; in the words of ironjar's Errc.
const altered = [
  ['another issuer', { iss: 'https://id.example.org' }, 'notAllowed'],
  ['the issuer with a slash at its end', { iss: 'https://id.example.com/' }, 'notAllowed'],
  ['the issuer in capitals', { iss: 'https://ID.example.com' }, 'notAllowed'],
  ['no issuer', { iss: undefined }, 'notAllowed'],
  ['an issuer that is no text', { iss: ['https://id.example.com'] }, 'notAllowed'],
  ['no subject', { sub: undefined }, 'malformed'],
  ['an empty subject', { sub: '' }, 'malformed'],
  ['a subject that is a number', { sub: 7 }, 'malformed'],
  ['a subject of 256 characters', { sub: 'a'.repeat(256) }, 'malformed'],
  ['another audience', { aud: 'mobile' }, 'notAllowed'],
  ['no audience', { aud: undefined }, 'notAllowed'],
  ['an empty list of audiences', { aud: [] }, 'notAllowed'],
  ['an audience that is no text', { aud: ['web', 7], azp: 'web' }, 'notAllowed'],
  ['an audience besides', { aud: ['web', 'mobile'], azp: 'web' }, 'notAllowed'],
  ['a trusted audience besides, without azp', { aud: ['web', 'api'] }, 'notAllowed'],
  ['another authorized party', { azp: 'mobile' }, 'notAllowed'],
  ['an authorized party that is no text', { azp: ['web'] }, 'notAllowed'],
  ['no end', { exp: undefined }, 'malformed'],
  ['an end that is a text', { exp: `${now + 300}` }, 'malformed'],
  ['a negative end', { exp: -1 }, 'malformed'],
  ['an end beyond all calendars', { exp: 1e300 }, 'malformed'],
  ['an end that is over', { exp: now - 60 }, 'expired'],
  ['no time of issue', { iat: undefined }, 'malformed'],
  ['issued in the future', { iat: now + 61 }, 'notYetValid'],
  ['not before later', { nbf: now + 61 }, 'notYetValid'],
  ['not before that is a text', { nbf: 'now' }, 'malformed'],
  ['another nonce', { nonce: 'n-0S6_WzA2Mk' }, 'notAllowed'],
  ['no nonce', { nonce: undefined }, 'notAllowed'],
  ['a nonce that is no text', { nonce: ['n-0S6_WzA2Mj'] }, 'notAllowed'],
  ['signed in too long ago', { auth_time: now - 661 }, 'loginRequired'],
  ['no time of signing in', { auth_time: undefined }, 'malformed'],
  ['a time of signing in that is a text', { auth_time: 'now' }, 'malformed'],
  ['a hash that is no text', { at_hash: 7 }, 'notAllowed'],
];
const accepted = [
  ['as it is', {}],
  ['several audiences, one of them trusted', { aud: ['web', 'api'], azp: 'web' }],
  ['a list of one audience', { aud: ['web'] }],
  ['an authorized party', { azp: 'web' }],
  ['over, but within the skew', { exp: now - 59 }],
  ['issued ahead, within the skew', { iat: now + 60, nbf: now + 60 }],
  ['times in fractions', { iat: now + 0.5, exp: now + 300.25 }],
];
const headers = [
  ['a critical extension', { crit: ['exp'], exp: 1 }, 'unsupported'],
  ['of a key that is not there', { kid: 'other' }, 'unknownKey'],
  ['an access token (RFC 9068)', { typ: 'at+jwt' }, 'notAllowed'],
  ['a logout token', { typ: 'logout+jwt' }, 'notAllowed'],
];

// OpenID Connect Core 1.0 section 3.1.3.6: half of the hash that the algorithm itself takes; Ed25519's is SHA-512.
function hashOf(accessToken, alg) {
  const hash = createHash(alg === 'EdDSA' ? 'sha512' : 'sha256').update(accessToken).digest();
  return hash.subarray(0, hash.length / 2).toString('base64url');
}

const payload = (change) => new TextEncoder().encode(JSON.stringify({ ...claims, ...change }));
const sign = (key, change = {}, header = {}) =>
  new CompactSign(payload(change))
    .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
    .sign(key.privateKey, { crit: { exp: true } });

const keys = [
  await keyPair('RS256', 'rs'),
  await keyPair('PS256', 'ps'),
  await keyPair('ES256', 'es'),
  await keyPair('EdDSA', 'ed'),
];
const others = [await keyPair('RS384', 'rs384'), await keyPair('ES384', 'es384')];
const es = keys[2];
const secret = new TextEncoder().encode(JSON.stringify(keys[0].jwk));  // the public key as an HMAC's secret

const cases = [];
for (const key of keys) {
  for (const [name, change] of accepted) cases.push({ name, alg: key.alg, token: await sign(key, change) });
  cases.push({ name: 'the hash of the access token', alg: key.alg,
               token: await sign(key, { at_hash: hashOf('at-1', key.alg) }) });
  cases.push({ name: 'the hash of another access token', alg: key.alg, error: 'notAllowed',
               token: await sign(key, { at_hash: hashOf('at-2', key.alg) }) });
  cases.push({ name: 'another key of that name', alg: key.alg, error: 'tampered',
               token: await sign({ ...(await keyPair(key.alg, key.kid)) }) });
}
for (const [name, change, error] of altered) cases.push({ name, alg: 'ES256', error, token: await sign(es, change) });
for (const [name, header, error] of headers) {
  cases.push({ name, alg: 'ES256', error, token: await sign(es, {}, header) });
}
for (const key of others) {
  cases.push({ name: 'another algorithm', alg: key.alg, error: 'unsupported', token: await sign(key) });
}
cases.push({
  name: 'the public key as a secret', alg: 'HS256', error: 'unsupported',
  token: await new CompactSign(payload({})).setProtectedHeader({ alg: 'HS256', kid: 'rs' }).sign(secret),
});
cases.push({
  name: 'an algorithm for another type of key', alg: 'RS256', error: 'unknownKey',
  token: await sign(keys[0], {}, { kid: 'es' }),
});

const file = {
  from: `jose ${version}, Node ${process.versions.node}`,
  now,
  jwks: { keys: [...keys, ...others].map((key) => key.jwk) },
  cases,
};
writeFileSync(new URL('id_token.json', import.meta.url), `${JSON.stringify(file, null, 1)}\n`);
console.log(`${cases.length} tokens`);
