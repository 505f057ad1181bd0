// nginx before a site, with its default buffers: 8 KiB for a line of a request's head, 4 KiB for an answer's.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';

const freePort = () => new Promise((resolve) => {
  const server = createServer().listen(0, '127.0.0.1', () => {
    const { port } = server.address();
    server.close(() => resolve(port));
  });
});
const listens = (port) => new Promise((resolve) => {
  const socket = connect(port, '127.0.0.1', () => resolve(true)).on('error', () => resolve(false));
  socket.on('connect', () => socket.destroy());
});

// Its port, and a function that stops it. It ends with this process, however that ends.
export async function startNginx(upstream) {
  const folder = mkdtempSync(join(tmpdir(), 'browsers-'));
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
    .map((kind) => `${kind}_temp_path ${folder}/${kind};`);
  writeFileSync(join(folder, 'conf'), `daemon off; master_process off; pid ${folder}/pid; error_log ${folder}/error.log;
events { worker_connections 1024; }
http {
  access_log off; ${temporary.join(' ')} keepalive_requests 1000000;
  server { listen 127.0.0.1:${port}; location / { proxy_pass http://127.0.0.1:${upstream}; proxy_read_timeout 600s; } }
}
`);
  const run = 'nginx -p "$0" -e "$0/error.log" -c "$0/conf" & cat >/dev/null; kill $!; wait';
  const nginx = spawn('bash', ['-c', run, folder], { stdio: ['pipe', 'inherit', 'inherit'] });
  const ended = new Promise((resolve) => nginx.once('exit', resolve));
  for (let tries = 0; !(await listens(port)); ++tries) {
    if (tries === 400) throw new Error('nginx did not start');
    await wait(50);
  }
  const stop = async () => {
    nginx.stdin.end();
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  return { port, stop };
}
