// Leaves with promises of the package pending and rejected, in the main thread and in one that is terminated.
import { Worker } from 'node:worker_threads';

import { iron, ironjar, password } from './packages.mjs';

process.on('unhandledRejection', () => {});
const worker = new Worker(new URL('./worker.mjs', import.meta.url), { workerData: { password, forever: true } });
worker.once('message', () => {
  for (let i = 0; i < 100; i++) {
    iron.unseal('x', password, iron.defaults);
    ironjar.sealData(1n, { password });
    iron.seal({ n: 1 }, password, { ...iron.defaults, integrity: { ...iron.defaults.integrity, iterations: 20_000 } });
  }
  worker.terminate();
  process.exit(7);
});
