// What hostile.test.mjs runs in threads: seals and opens, once or until it is terminated.
import { parentPort, workerData } from 'node:worker_threads';

import { ironjar } from './packages.mjs';

const { password, forever } = workerData;
const jar = new ironjar.SessionJar({ cookieName: 's', passwords: password });
const once = (format) => ironjar.unsealDataSync(ironjar.sealDataSync({ n: 1 }, { password, format }), { password });

parentPort.postMessage(once('native'));
while (forever) {
  once('fe26');
  jar.commit(jar.open('a=b'));
}
