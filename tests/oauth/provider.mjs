// A real OAuth server, npm's oidc-provider, with strict rotation (a refresh token that comes twice ends the login), an API
// behind it, and one user who signs in through its pages. Prints one line of JSON when it is ready.
//
//   node provider.mjs MODULES_DIR METHOD
//
// METHOD is how the client authenticates: client_secret_basic, client_secret_jwt, or private_key_jwt with a key of P-256;
// or resource, where an access token is for one of two APIs (RFC 8707), each of which takes its own; or dpop, a public
// client whose tokens are bound to a key of its own (RFC 9449): both servers then demand nonces, which change all the
// time, and the line has a code in place of tokens.
import { createHash, generateKeyPairSync, randomBytes } from 'node:crypto';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

const [modules, method] = process.argv.slice(2);
const isBound = method === 'dpop';
const resources = method === 'resource' ? ['https://items.example', 'https://reports.example'] : [];
const authentication = { dpop: 'none', resource: 'client_secret_basic' }[method] ?? method;
console.warn = console.info = () => {}; // it advises on production use, and on Node's version
const entry = path.join(modules, 'node_modules/oidc-provider/lib/index.js');
const { default: Provider } = await import(pathToFileURL(entry));
const jose = await import(pathToFileURL(path.join(modules, 'node_modules/jose/dist/webapi/index.js')));

const client = {
  client_id: 'web',
  redirect_uris: ['https://app.example/back'],
  token_endpoint_auth_method: authentication,
};
let key;
if (method === 'private_key_jwt') {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  key = pair.privateKey.export({ type: 'pkcs8', format: 'pem' });
  client.jwks = { keys: [{ ...pair.publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'ES256' }] };
} else if (!isBound) {
  client.client_secret = 'a-secret-of-the-test-that-is-long-enough';
}
const counts = { refreshes: 0, refused: 0, nonces: 0, loginsEnded: 0 };
const issued = new Set(); // access tokens that the API takes

const listen = async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  return [server, `http://127.0.0.1:${server.address().port}`];
};
const [identity, issuer] = await listen();
const [api, apiOrigin] = await listen();

const provider = new Provider(issuer, {
  clients: [{ ...client, grant_types: ['authorization_code', 'refresh_token'] }],
  clientAuthMethods: ['client_secret_basic', 'client_secret_jwt', 'private_key_jwt', 'none'],
  features: {
    ...(isBound && { dPoP: { enabled: true, nonceSecret: randomBytes(32), requireNonce: () => true } }),
    ...(resources.length > 0 && {
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (ctx, resource) => ({ scope: 'read', audience: resource, accessTokenFormat: 'opaque' }),
        useGrantedResource: () => true,
      },
    }),
  },
  scopes: ['openid', 'offline_access'],
  pkce: { methods: ['S256'], required: () => false },
  rotateRefreshToken: true,
  ttl: { AccessToken: 3600, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600 },
});
provider.on('grant.success', (ctx) => {
  if (ctx.oidc.params.grant_type === 'refresh_token') counts.refreshes += 1;
  issued.add(ctx.body.access_token);
});
provider.on('grant.error', (ctx, error) => (counts[error.error === 'use_dpop_nonce' ? 'nonces' : 'refused'] += 1));
provider.on('grant.revoked', () => (counts.loginsEnded += 1));
identity.on('request', provider.callback());

// What an API makes of a token and its proof (RFC 9449 sections 4.3, 7.1 and 9).
const proofs = new Set();
const nonces = ['n-0'];
async function refusalOf(request) {
  const token = (request.headers.authorization ?? '').replace(/^DPoP /, '');
  if (!issued.has(token)) return 'invalid_token';
  const known = await provider.AccessToken.find(token);
  const { payload, protectedHeader } = await jose.jwtVerify(request.headers.dpop, jose.EmbeddedJWK, {
    typ: 'dpop+jwt',
    algorithms: ['ES256'],
    maxTokenAge: '60s',
  });
  const isFor =
    payload.htm === request.method &&
    payload.htu === `${apiOrigin}${request.url.replace(/\?.*/, '')}` &&
    payload.ath === createHash('sha256').update(token).digest('base64url') &&
    known.jkt === (await jose.calculateJwkThumbprint(protectedHeader.jwk)) &&
    !proofs.has(payload.jti);
  proofs.add(payload.jti);
  if (!isFor) return 'invalid_dpop_proof';
  return nonces.slice(-2).includes(payload.nonce) ? undefined : 'use_dpop_nonce';
}

api.on('request', async (request, response) => {
  const answer = (status, body) => response.writeHead(status).end(JSON.stringify(body));
  if (request.url === '/stats') return answer(200, counts);
  if (request.url === '/expire') {
    issued.clear();
    nonces.push(`n-${nonces.length}`, `n-${nonces.length + 1}`);
    return answer(200, {});
  }
  if (isBound) {
    const error = await refusalOf(request).catch(() => 'invalid_dpop_proof');
    if (error === 'invalid_dpop_proof') counts.refused += 1;
    if (error !== 'invalid_token') response.setHeader('DPoP-Nonce', nonces.at(-1));
    if (error) response.setHeader('WWW-Authenticate', `DPoP error="${error}", algs="ES256"`);
    return answer(error ? 401 : 200, error ? {} : ['a jar']);
  }
  const bearer = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const wanted = resources[Number(request.url.slice(1))];
  const isForUs = !wanted || (await provider.AccessToken.find(bearer))?.aud === wanted;
  return issued.has(bearer) && isForUs ? answer(200, ['a jar']) : answer(401, {});
});

// The client's own request, as another library makes it.
async function credentials() {
  if (authentication === 'client_secret_basic') {
    return { headers: { authorization: `Basic ${btoa(`${client.client_id}:${client.client_secret}`)}` }, fields: {} };
  }
  const assertion = new jose.SignJWT({})
    .setProtectedHeader({ alg: key ? 'ES256' : 'HS256' })
    .setIssuer(client.client_id)
    .setSubject(client.client_id)
    .setAudience(issuer)
    .setJti(crypto.randomUUID())
    .setIssuedAt()
    .setExpirationTime('1m');
  return {
    headers: {},
    fields: {
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertion.sign(
        key ? await jose.importPKCS8(key, 'ES256') : new TextEncoder().encode(client.client_secret),
      ),
    },
  };
}

// As a browser would: follows redirects, keeps cookies, fills in the two forms.
const signIn = async () => {
  const cookies = new Map();
  const visit = async (url, form) => {
    const response = await fetch(new URL(url, issuer), {
      method: form ? 'POST' : 'GET',
      redirect: 'manual',
      headers: { cookie: [...cookies].map(([name, value]) => `${name}=${value}`).join('; ') },
      body: form && new URLSearchParams(form),
    });
    for (const line of response.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(line);
      cookies.set(name, value);
    }
    const next = response.headers.get('location');
    if (!next) return response.text();
    return next.startsWith('https://app.example/') ? new URL(next).searchParams.get('code') : visit(next);
  };
  const query = new URLSearchParams({
    client_id: client.client_id,
    redirect_uri: client.redirect_uris[0],
    response_type: 'code',
    scope: resources.length > 0 ? 'openid offline_access read' : 'openid offline_access',
    prompt: 'consent',
  });
  for (const resource of resources) query.append('resource', resource);
  const formIn = (page) => /action="([^"]+)"/.exec(page)[1];
  const loginPage = await visit(`/auth?${query}`);
  const consentPage = await visit(formIn(loginPage), { prompt: 'login', login: 'ada', password: 'x' });
  const code = await visit(formIn(consentPage), { prompt: 'consent' });
  if (isBound) return { code };
  const { headers, fields } = await credentials();
  const answer = await fetch(`${issuer}/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams({
      grant_type: 'authorization_code',
      code,
      redirect_uri: client.redirect_uris[0],
      ...(resources.length > 0 && { resource: resources[0] }),
      ...fields,
    }),
  });
  return answer.json();
};

const tokens = await signIn();
if (!tokens.refresh_token && !tokens.code) throw new Error(`no refresh token: ${JSON.stringify(tokens)}`);
const tokenEndpoint = `${issuer}/token`;
console.log(JSON.stringify({ issuer, tokenEndpoint, api: apiOrigin, method, client, key, resources, tokens }));
process.stdin.resume().on('end', () => process.exit(0)); // until whoever started it is gone
