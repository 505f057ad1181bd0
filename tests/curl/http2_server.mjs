// An HTTP/2 server for curl_http2_test.cpp, and HTTP/1.1 for who does not offer it.
//   node http2_server.mjs CERTIFICATE_AND_KEY MAX_STREAMS
// Prints its port. What it answers says over which of its connections, from 1, it came.
import { createSecureServer } from 'node:http2';
import { readFileSync } from 'node:fs';

const pem = readFileSync(process.argv[2]);
const settings = { maxConcurrentStreams: Number(process.argv[3]) };
const server = createSecureServer({ cert: pem, key: pem, allowHTTP1: true, settings });

let connections = 0;
const numbers = new Map();
const seen = {}; // how often each path was asked for
const waiting = [];

function connectionOf(request) {
  const socket = request.stream?.session ?? request.socket;
  if (!numbers.has(socket)) numbers.set(socket, ++connections);
  return numbers.get(socket);
}

const pages = {
  '/hello': (request, response) => {
    response.setHeader('x-two', ['1', '2']);
    response.end(JSON.stringify({ method: request.method, headers: request.headers }));
  },
  '/echo': (request, response) => request.pipe(response),
  '/wait': (request, response) => waiting.push(response),
  '/release': (request, response) => {
    for (const one of waiting.splice(0)) one.end('released');
    response.end(`${seen['/wait']}`);
  },
  '/refuse': (request, response) => response.stream.close(7), // REFUSED_STREAM
  '/seen': (request, response) => response.end(JSON.stringify(seen)),
  '/early': (request, response) => {
    response.writeHead(413);
    response.end('too much');
  },
  '/trailers': (request, response) => {
    response.stream.additionalHeaders({ ':status': 103, 'x-interim': '1' });
    response.setHeader('x-final', '1');
    response.addTrailers({ 'x-trailer': '1' });
    response.end('ok');
  },
  '/big': (request, response) => {
    const block = Buffer.alloc(1 << 16, 'x');
    let left = (64 << 20) / block.length;
    const more = () => {
      while (left-- > 0) if (!response.write(block)) return response.once('drain', more);
      response.end();
    };
    more();
  },
  '/cut': (request, response) => {
    response.write('cut');
    setTimeout(() => response.stream.close(2), 20); // INTERNAL_ERROR
  },
  '/goodbye': (request, response) => {
    response.end('goodbye');
    response.stream.session.close(); // GOAWAY
  },
};

server.on('request', (request, response) => {
  const path = request.url.split('?')[0];
  seen[path] = (seen[path] ?? 0) + 1;
  response.setHeader('x-version', request.httpVersion);
  response.setHeader('x-connection', connectionOf(request));
  response.setHeader('x-url', request.url);
  pages[path](request, response);
});
server.on('error', () => {});
server.on('sessionError', () => {});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
