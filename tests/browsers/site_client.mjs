// A site's process, and the requests to it: over kept connections, straight or through a proxy.
import { Agent, request as httpRequest } from 'node:http';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

export class SiteClient {
  #agent = new Agent({ keepAlive: true, maxSockets: 200 });
  #held = new Map();
  #process;

  // Resolves when the program listens. It ends with this process, however that ends.
  static async start([program, ...words]) {
    const client = new SiteClient();
    client.#process = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: client.#process.stdout });
    await new Promise((resolve, reject) => {
      client.#process.once('exit', (code) => reject(new Error(`${program} ended with ${code}`)));
      lines.on('line', (line) => {
        const [word, what] = line.split(' ');
        if (word === 'opened') client.#held.get(what)();
        if (word !== 'listening') return;
        client.port = client.direct = Number(what);
        resolve();
      });
    });
    return client;
  }
  stop() {
    this.#agent.destroy();
    this.#process.removeAllListeners('exit');
    this.#process.stdin.end();
  }

  #ask(method, path, site, now, { cookie, body = '', port = this.port } = {}) {
    const headers = { 'Host': 'app.example.test', 'X-Site': site, 'X-Now': String(now) };
    if (cookie) headers.Cookie = cookie;
    if (method === 'POST') headers['Content-Length'] = Buffer.byteLength(body);
    return new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port, method, path, headers, agent: this.#agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (piece) => (text += piece)).on('end', () =>
          resolve(answerOf(response, text)));
      });
      request.on('error', reject).end(body);
    });
  }
  async #operate(what, site, now, body) {
    const { status, text } = await this.#ask('POST', `/operator/${what}`, site, now, { body, port: this.direct });
    if (status !== 200 && status !== 422) throw new Error(`the operator is answered ${status}`);
    return status === 200 ? null : text;
  }

  // Why the site does not start so; nothing when it does.
  start(site, options, now) {
    return this.#operate('start', site, now, JSON.stringify(options));
  }
  send(site, request, now) {
    const { kind, header, sid = '', bytes = 0, number, isHeld } = request;
    const query = new URLSearchParams({ sid, bytes, write: number });
    const held = `${site}-${number}`;
    if (isHeld) {
      query.set('hold', held);
      request.opening = new Promise((resolve) => this.#held.set(held, resolve)).then(() => this.#held.delete(held));
    }
    return this.#ask(kind === 'read' ? 'GET' : 'POST', `/app/me/${kind}?${query}`, site, now, { cookie: header });
  }
  // When a request that is held has opened its session, or is answered without.
  opened({ opening, answering }) {
    return Promise.race([opening, answering]);
  }
  release(site, { number }, now) {
    return this.#operate(`release?request=${site}-${number}`, site, now);
  }
  deny(site, sid, now) {
    return this.#operate(`deny?sid=${sid}`, site, now);
  }
  end(site, now) {
    return this.#operate('end', site, now);
  }
}

function answerOf({ statusCode: status, headers }, text) {
  const opened = headers['x-opened'] ?? `unknown (${text.slice(0, 60)})`;
  return { status, opened, write: Number(headers['x-write']), cookies: headers['set-cookie'] ?? [], text };
}
