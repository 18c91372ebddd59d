// A user's own worker ends while its predicts run, on 64 MB inputs and on small ones.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { fileURLToPath } from 'node:url';
import { dist, versionDir } from './common.mjs';

if (isMainThread) {
  for (let round = 0; round < 4; round += 1) {
    const worker = new Worker(fileURLToPath(import.meta.url));
    await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    await worker.terminate();
    globalThis.gc();
  }
  process.stdout.write('survived');
} else {
  const { SavedModel } = await dist('library/saved-model.js');
  const { tensor } = await dist('tensor.js');
  const model = await SavedModel.load(versionDir('echo', 1), {
    runtime: process.env.SERVABLE_TENSORFLOW_LIBRARY,
  });
  for (const size of [16e6, 1000, 16e6, 1000]) {
    model
      .predict({ x: tensor(new Float32Array(size)) }, { signature: 'any_rank' })
      .catch(() => undefined);
  }
  parentPort.postMessage('started');
  setInterval(() => undefined, 1000);
}
