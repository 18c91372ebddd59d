import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Contender } from '../load/compare.js';
import { freePort } from '../load/contenders.js';
import { runHttpLoad } from '../load/http-client.js';
import { benchModel, CACHE, CLI } from '../load/paths.js';
import { benchPython, makeModels } from '../load/prepare.js';
import { start } from '../load/process.js';

/** One row of 784 numbers as clients send them, about 7 kB. */
export const ONE_ROW = Buffer.from(
  JSON.stringify({
    instances: [
      Array.from({ length: 784 }, (_, i) => Number(((i * 37) % 255) / 255).toPrecision(6)).map(
        Number,
      ),
    ],
  }),
);

/** One 28×28 image for the small MLP: the same numbers. */
export const ONE_IMAGE = Buffer.from(
  JSON.stringify({
    instances: [
      Array.from({ length: 28 }, (_, y) =>
        Array.from({ length: 28 }, (_, x) => [
          Number(((((y * 28 + x) * 37) % 255) / 255).toPrecision(6)),
        ]),
      ),
    ],
  }),
);

/** What batches are measured on: `mlp2048` gains from them, `mnist` costs less than the way to another thread. */
export type BatchModel = 'mlp2048' | 'mnist';

/**
 * Makes the models where they are missing; returns why not, where that would first have to install TensorFlow for Python.
 */
export async function batchModels(): Promise<string | null> {
  const names: readonly BatchModel[] = ['mlp2048', 'mnist'];
  const isMade = names.every((name) => existsSync(join(benchModel(name), '1')));
  if (isMade) return null;
  const named = process.env.SERVABLE_BENCH_PYTHON ?? '';
  if (named === '' && !existsSync(join(CACHE, 'venv'))) {
    return 'the models need TensorFlow for Python: set SERVABLE_BENCH_PYTHON or run npm run bench:load once';
  }
  await makeModels(await benchPython(), names);
  return null;
}

/** A server of one model with options of its own, and `connections` clients that send one row at a time. */
export function rowServer(
  name: string,
  model: BatchModel,
  { args, connections }: { args: readonly string[]; connections: number },
): Contender {
  const body = model === 'mnist' ? ONE_IMAGE : ONE_ROW;
  return {
    name,
    start: async () => {
      const port = await freePort();
      const subject = await start(
        process.execPath,
        [
          CLI,
          'serve',
          `--model_name=${model}`,
          `--model_base_path=${benchModel(model)}`,
          '--host=127.0.0.1',
          '--port=0',
          `--rest_api_port=${port}`,
          '--workers=1',
          ...args,
        ],
        /Exporting HTTP\/REST API at:/,
      );
      return { ...subject, port };
    },
    load: (port, seconds) =>
      runHttpLoad({ port, path: `/v1/models/${model}:predict`, body, connections, seconds }),
  };
}

/** No batching and mode `auto`, on one model. */
export function batchingPair(model: BatchModel, connections: number): Contender[] {
  return [
    rowServer('no batching', model, { args: [], connections }),
    rowServer('auto', model, { args: ['--enable_batching'], connections }),
  ];
}
