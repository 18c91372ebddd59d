import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { catalog } from '../../ts/native/catalog.js';
import { InferQueue } from '../../ts/native/infer-queue.js';
import { loadModel, nativeModel } from '../../ts/native/model.js';
import { ROOT } from '../support/paths.js';
import { ask, open, versionDir } from './support.js';

// The remapper is only left off where it fuses with oneDNN, which is TensorFlow's to decide elsewhere.
const HERE = process.platform === 'linux' && process.arch === 'x64';
const DENSE = join(ROOT, 'test', 'fixtures', 'dense');
const SETTINGS = ['auto', 'always'] as const;

let queue: InferQueue;
/** By model and setting: whether the remapper is left off. */
const unfused: Record<string, boolean> = {};

beforeAll(async () => {
  process.env.TF_ENABLE_ONEDNN_OPTS = '1';
  open();
  queue = new InferQueue();
  const folders = {
    mlp: join(DENSE, 'mlp', '1'),
    counting: join(DENSE, 'counting', '1'),
    image: versionDir('image', 1),
    counter: versionDir('counter', 1),
  };
  for (const [name, exportDir] of Object.entries(folders)) {
    for (const graphRemapping of SETTINGS) {
      const model = await loadModel({
        exportDir,
        tags: ['serve'],
        configProto: null,
        graphRemapping,
        inputShapeCheck: 'auto',
      });
      unfused[`${name} ${graphRemapping}`] = nativeModel(model).describe().isUnfused;
      catalog.publish(`${name}-${graphRemapping}`, 1n, model);
    }
  }
});

/** What both settings answer to a JSON body: the reply, or the error's text. */
async function both(model: string, body: string): Promise<string[]> {
  const answers = SETTINGS.map(async (setting) => {
    const name = `${model}-${setting}`;
    const target = queue.target({ method: 'rest.predict', name, version: null, label: null });
    const { failure, reply } = await ask(queue, target, body);
    return failure?.message ?? String(reply);
  });
  return Promise.all(answers);
}

/** Rows of six numbers as JSON, the same in every run. */
function instances(rows: number, seed: number): string[][] {
  const value = (i: number) => (Math.sin(i * 12.9898 + seed * 78.233) * 3).toFixed(6);
  return Array.from({ length: rows }, (_, row) =>
    Array.from({ length: 6 }, (_, column) => value(row * 6 + column)),
  );
}

function bodyOf(rows: string[][]): string {
  return `{"instances": [${rows.map((row) => `[${row.join(',')}]`).join(',')}]}`;
}

test('only models of dense layers that assign nothing do without the remapper, unless it is asked for', () => {
  expect(unfused).toEqual({
    'mlp auto': HERE,
    'mlp always': false,
    'counting auto': false,
    'counting always': false,
    'image auto': false,
    'image always': false,
    'counter auto': false,
    'counter always': false,
  });
});

test.each([1, 2, 7, 32])(
  '%i rows have the same answer with and without the remapper',
  async (rows) => {
    for (let seed = 0; seed < 10; seed += 1) {
      const [auto, always] = await both('mlp', bodyOf(instances(rows, seed)));
      expect(auto).toContain('"predictions"');
      expect(auto).toBe(always);
    }
  },
);

test('gRPC answers have the same bytes', async () => {
  const x = new Float32Array(
    instances(5, 3)
      .flat()
      .map((text) => Number(text)),
  );
  const replies = SETTINGS.map(async (setting) => {
    const body = messageType('tensorflow.serving.PredictRequest').encode({
      modelSpec: { name: `mlp-${setting}` },
      inputs: {
        x: {
          dtype: 1,
          tensorShape: { dim: [{ size: 5n }, { size: 6n }] },
          tensorContent: new Uint8Array(x.buffer),
        },
      },
    });
    const target = queue.target({ method: 'grpc.predict', name: '', version: null, label: null });
    const { failure, reply } = await ask(queue, target, Buffer.from(body));
    expect(failure).toBeNull();
    return messageType('tensorflow.serving.PredictResponse').decode(reply ?? Buffer.alloc(0))
      .outputs;
  });
  const [auto, always] = await Promise.all(replies);
  expect(Object.keys(auto ?? {}).sort()).toEqual(['h', 'p']);
  expect(auto).toEqual(always);
});

test.each(['NaN', 'Infinity', '-Infinity', '3e38'])(
  '%s comes out as with the remapper',
  async (text) => {
    const rows = instances(3, 1);
    rows[1]?.splice(2, 1, text);
    const [auto, always] = await both('mlp', bodyOf(rows));
    expect(auto).toContain('"predictions"');
    expect(auto).toBe(always);
  },
);

test('errors have the text they have with the remapper', async () => {
  const [auto, always] = await both('mlp', '{"instances": [[1, 2, 3]]}');
  expect(auto).toMatch(/node .*Relu|size-incompatible/i);
  expect(auto).toBe(always);
});

test('a model that assigns counts each run once', async () => {
  for (let run = 1; run <= 3; run += 1) {
    const rows = instances(1, run);
    if (run === 2) rows[0]?.splice(0, 1, 'NaN');
    const body = `{"inputs": [[${rows[0]?.join(',')}]]}`;
    const [auto] = await both('counting', body);
    expect(auto).toMatch(new RegExp(`"calls": ${run}\\.0`));
  }
});
