// npm's oidc-provider for many users, with strict rotation, and an API behind it, on one port. Signs users in without
// its pages: what it grants then is what its pages would have led to.
import { createServer } from 'node:http';
import { once } from 'node:events';
import { pathToFileURL } from 'node:url';
import path from 'node:path';

// What oidc-provider stores, all of it: its own adapter for memory forgets what is over 1,000.
const stored = new Map();
class Memory {
  constructor(model) {
    this.model = model;
  }
  #key(id) {
    return `${this.model} ${id}`;
  }
  async upsert(id, payload) {
    stored.set(this.#key(id), payload);
  }
  async find(id) {
    return stored.get(this.#key(id));
  }
  async destroy(id) {
    stored.delete(this.#key(id));
  }
  async consume(id) {
    stored.get(this.#key(id)).consumed = Math.floor(Date.now() / 1000);
  }
  async revokeByGrantId(grant) {
    for (const [key, { grantId }] of stored) {
      if (key.startsWith(`${this.model} `) && grantId === grant) stored.delete(key);
    }
  }
}

// `lifetime` is an access token's, in seconds, asked for each.
export async function startStrictProvider(modules, { secret, lifetime }) {
  console.warn = console.info = () => {}; // it advises on production use, and on Node's version
  const entry = path.join(modules, 'node_modules/oidc-provider/lib/index.js');
  const { default: Provider } = await import(pathToFileURL(entry));
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${server.address().port}`;
  const scope = 'openid offline_access';
  const provider = new Provider(origin, {
    adapter: Memory,
    clients: [
      {
        client_id: 'web',
        client_secret: secret,
        redirect_uris: ['https://app.example/back'],
        grant_types: ['authorization_code', 'refresh_token'],
      },
    ],
    scopes: scope.split(' '),
    rotateRefreshToken: true,
    ttl: { AccessToken: lifetime, RefreshToken: 3600, Grant: 3600, IdToken: 3600 },
  });
  const counts = { refreshes: 0, reuses: 0, refused: 0 };
  provider.on('grant.success', () => (counts.refreshes += 1));
  provider.on('grant.error', (ctx, error) => {
    counts[error.error_detail === 'refresh token already used' ? 'reuses' : 'refused'] += 1;
  });

  const answerOfTheApi = async (request, response) => {
    const token = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const known = await provider.AccessToken.find(token);
    response.writeHead(known ? 200 : 401).end(known?.accountId);
  };
  const identity = provider.callback();
  server.on('request', (request, response) =>
    request.url === '/api' ? answerOfTheApi(request, response) : identity(request, response),
  );

  return {
    origin,
    counts,
    // Tokens of a new login.
    async signIn(accountId) {
      const client = await provider.Client.find('web');
      const grant = new provider.Grant({ accountId, clientId: 'web' });
      grant.addOIDCScope(scope);
      const grantId = await grant.save();
      const granted = { accountId, client, grantId, scope, gty: 'authorization_code' };
      const access = new provider.AccessToken(granted);
      const refresh = new provider.RefreshToken({ ...granted, claims: {}, expiresWithSession: false });
      return {
        access_token: await access.save(),
        refresh_token: await refresh.save(),
        expires_in: access.expiration,
        grantId,
      };
    },
    // Ends the access tokens of a login before their time.
    async expire({ grantId }) {
      await new Memory('AccessToken').revokeByGrantId(grantId);
    },
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
