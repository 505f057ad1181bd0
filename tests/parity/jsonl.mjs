// Answers the requests of `ironjar jsonl` through the Node package that IRONJAR_NODE_PACKAGE names.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const ours = (file) => import(pathToFileURL(resolve(process.env.IRONJAR_NODE_PACKAGE, file)));
const { SessionJar } = await ours('index.js');
const { default: native } = await ours('native.js');

function sealerOf({ format, formats, passwords, ttl, clockSkew, purpose, context }) {
  return native.newSealer(JSON.stringify({ formats: format ? [format] : formats, passwords, ttl, clockSkew, purpose, context }));
}

function visit({ op, options, header, data, nowMs }) {
  const jar = new SessionJar(options);
  const session = jar.open(header, nowMs);
  const answer = { ok: true };
  if (op === 'open') {
    answer.data = session.data;
    answer.rejection = session.info.rejection ?? undefined;
  } else if (data === null) {
    session.destroy();
  } else {
    session.data = data;
  }
  answer.setCookie = jar.commit(session, nowMs);
  return answer;
}

const operations = {
  seal: (request) => ({ ok: true, seal: native.seal(sealerOf(request), JSON.stringify(request.data), request.nowMs) }),
  unseal: (request) => ({ ok: true, data: JSON.parse(native.unseal(sealerOf(request), request.seal, request.nowMs)) }),
  cookies: ({ header }) => ({ ok: true, cookies: native.parseCookies(header) }),
  open: visit,
  commit: visit,
};

function answerTo(request) {
  try {
    return operations[request.op](request);
  } catch (error) {
    return { ok: false, error: error.code, detail: error.detail };
  }
}

for (const line of readFileSync(0, 'utf8').split('\n')) {
  if (line !== '') console.log(JSON.stringify(answerTo(JSON.parse(line))));
}
