import { join } from 'node:path';
import { SavedModel } from '../../ts/library/saved-model.js';
import { catalog } from '../../ts/native/catalog.js';
import { InferQueue, type Method } from '../../ts/native/infer-queue.js';
import { loadModel } from '../../ts/native/model.js';
import { openRuntime } from '../../ts/native/runtime.js';
import { findRuntime } from '../../ts/runtime/find.js';
import { tensor } from '../../ts/tensor.js';
import { MODELS } from '../load/contenders.js';
import { THREE_FLOATS } from './bodies.js';
import { goldenPredict } from './kernels.js';

/** half_plus_two in this process: published for the queue, and as the library has it. */
export interface Models {
  readonly queue: InferQueue;
  readonly model: SavedModel;
  close(): Promise<void>;
}

/** Opens TensorFlow and loads half_plus_two, the model of TensorFlow Serving's own example. */
export async function loadModels(): Promise<Models> {
  openRuntime((await findRuntime()).path);
  const exportDir = join(MODELS, 'half_plus_two', '1');
  const loaded = await loadModel({
    exportDir,
    tags: ['serve'],
    configProto: null,
    inputShapeCheck: 'auto',
  });
  catalog.publish('half_plus_two', 1n, loaded);
  const queue = new InferQueue();
  const model = await SavedModel.load(exportDir);
  return {
    queue,
    model,
    async close() {
      await queue.close();
      await catalog.withdraw('half_plus_two', 1n);
      await model.close();
    },
  };
}

/** The bare run and whole predicts, each a promise. */
export function predicts(models: Models): { name: string; run: () => Promise<unknown> }[] {
  const x = tensor(new Float32Array([1, 2, 5]), [3]);
  return [
    { name: 'SavedModel.predict, 3 floats', run: () => models.model.predict({ x }) },
    {
      name: 'REST predict, bytes to bytes',
      run: asker(models.queue, 'rest.predict', THREE_FLOATS),
    },
    {
      name: 'gRPC Predict, bytes to bytes',
      run: asker(models.queue, 'grpc.predict', goldenPredict()),
    },
  ];
}

/** Sends one body through a queue and waits for its reply. */
export function asker(queue: InferQueue, method: Method, body: Buffer): () => Promise<Buffer> {
  const name = method.startsWith('rest') ? 'half_plus_two' : '';
  const target = queue.target({ method, name, version: null, label: null });
  return () =>
    new Promise((resolve, reject) => {
      queue.infer(target, body, 0, (failure, reply) => {
        if (failure === null && reply !== null) resolve(reply);
        else reject(failure ?? new Error('no reply'));
      });
    });
}
