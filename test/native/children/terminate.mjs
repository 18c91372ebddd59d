// Ends worker threads while the pool reads their bodies: argument 1 is how many floats a body holds.
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { bigRequest, dist, open, publish } from './common.mjs';

if (isMainThread) {
  await open();
  await publish('echo', 1);
  const count = Number(process.argv[2]);
  for (let round = 0; round < 6; round += 1) {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { count } });
    await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    await worker.terminate();
    // Whatever reads freed memory now meets other content.
    Buffer.alloc(count * 4, 7);
    globalThis.gc();
  }
  process.stdout.write('survived');
} else {
  const { InferQueue } = await dist('native/infer-queue.js');
  const queue = new InferQueue({ turnBudgetUs: 0 });
  const target = queue.target({ method: 'grpc.predict', name: '', version: null, label: null });
  const requests = Math.max(4, Math.min(200, Math.floor(4e6 / workerData.count)));
  for (let i = 0; i < requests; i += 1) {
    queue.infer(target, bigRequest(workerData.count), 0, () => undefined);
  }
  // Bodies are with the pool once this turn's requests have been started.
  setImmediate(() => setImmediate(() => parentPort.postMessage('started')));
}
