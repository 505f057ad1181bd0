// What hostile.test.mjs runs in threads: seals and opens, once or until it is terminated.
import { parentPort, workerData } from 'node:worker_threads';

import { ironjar } from './packages.mjs';

const { password, forever } = workerData;
const jar = new ironjar.SessionJar({ cookieName: 's', passwords: password });
const once = (format) => ironjar.unsealDataSync(ironjar.sealDataSync({ n: 1 }, { password, format }), { password });

// Not while the module is evaluated: to be terminated there aborts V8 in Node 22 and 24, whatever the module does.
setImmediate(() => {
  parentPort.postMessage(once('native'));
  while (forever) {
    once('fe26');
    jar.commit(jar.open('a=b'));
  }
});
