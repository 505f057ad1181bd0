// Opens seals and sessions through the Node package that IRONJAR_NODE_PACKAGE names: a JSON request per line, and
// whether it opened as the answer.
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';

const { getIronSession, SessionJar, unsealData, unsealDataSync } = await import(
  pathToFileURL(resolve(process.env.IRONJAR_NODE_PACKAGE, 'index.js'))
);

const isOpened = (data) => Object.keys(data).length > 0;

const ways = {
  unsealDataSync: ({ password, seal, options }) => unsealDataSync(seal, { password, ...options }),
  unsealData: ({ password, seal, options }) => unsealData(seal, { password, ...options }),
  getIronSession: ({ password, seal, options }) =>
    getIronSession({ headers: { cookie: `sid=${seal}` } }, { getHeader() {}, setHeader() {} }, { cookieName: 'sid', password, ...options }),
  SessionJar: ({ password, seal, options: { format, ...options } }) =>
    new SessionJar({ cookieName: 'sid', passwords: password, seal: format ? { formats: [format], ...options } : options }).open(`sid=${seal}`).data,
};

for (const line of readFileSync(0, 'utf8').split('\n').filter(Boolean)) {
  const request = JSON.parse(line);
  console.log(isOpened({ ...(await ways[request.way](request)) }));
}
