import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import {
  ModelService,
  Models,
  PLUS_THREE,
  PLUS_TWO,
  predictOne,
} from '../native/manager-support.js';
import { http } from '../support/http.js';
import { modelDir, ROOT } from '../support/paths.js';
import { frame, http2Session, PREDICT, RpcClient, rawRpc } from '../support/rpc.js';
import { type RunningServer, startServer } from '../support/server.js';
import { wireModel } from '../support/wire-models.js';
import { report, stillAnswers, WITNESS } from './support/chaos.js';
import { SteadyLoad } from './support/load.js';

// What ends TensorFlow Serving, or leaves it unable to go on, as reported by its users. Each case is named after the report; the
// server of this file goes through all of them and answers after each.

const MIB = 1024 * 1024;
const CONV_OF_UNKNOWN_RANK = join(ROOT, 'test', 'chaos', 'models', 'conv_any_rank');
const models = new Models();
let server: RunningServer;
let service: ModelService;

const entry = (name: string, path: string): string =>
  `config { name: '${name}' base_path: '${path}' model_platform: 'tensorflow' }`;
const ALL = [
  entry(WITNESS, modelDir(WITNESS)),
  entry('conv', modelDir('image')),
  entry('conv_any_rank', CONV_OF_UNKNOWN_RANK),
  entry('slow', wireModel('slow')),
];
const list = (...entries: readonly string[]): string =>
  `model_config_list { ${entries.join('\n')} }`;

beforeAll(async () => {
  models.add('later', 1, PLUS_THREE);
  server = await startServer({
    args: [
      // One base path does not exist: TensorFlow Serving waits for it and serves none of the others.
      `--model_config_file=${models.write('models.config', list(entry('gone', join(models.path, 'gone')), ...ALL))}`,
      '--load_retry_interval_micros=0',
      '--drain_timeout_seconds=2',
    ],
    models: [WITNESS, 'conv', 'conv_any_rank', 'slow'],
  });
  service = new ModelService(server);
});
afterAll(async () => {
  service?.close();
  expect(await server?.stop()).toBe(0);
  models.remove();
});

const post = (model: string, body: string | Buffer, headers: Record<string, string> = {}) =>
  http({ port: server.restPort, path: `/v1/models/${model}:predict`, body, headers });

it('a base path that does not exist does not keep the other models from being served', async () => {
  expect(await predictOne(server, 'gone')).toMatch(/^404 Servable not found/);
  await stillAnswers(server);
  mkdirSync(join(models.path, 'gone'));
  models.add('gone', 1, PLUS_TWO);
  await expect.poll(() => predictOne(server, 'gone'), { timeout: 15_000 }).toBe(2.5);
  report('missing base path', { faults: 1, lost: 0 });
});

it('JSON nested a million deep is an error, as array, object and in a string of brackets', async () => {
  const depth = 1_000_000;
  const bodies = [
    `{"instances": ${'['.repeat(depth)}`,
    `{"instances": ${'['.repeat(depth)}1${']'.repeat(depth)}}`,
    `${'{"instances":'.repeat(depth)}1${'}'.repeat(depth)}`,
    `{"instances": ${'[{"b64":'.repeat(depth)}`,
  ];
  for (const body of bodies) expect((await post(WITNESS, body)).status).toBe(400);
  await stillAnswers(server);
  report('deep JSON', { inputs: bodies.length, lost: 0 });
});

it('a wrong rank for a Conv2D is an error, whether or not the signature knows the rank', async () => {
  const shapes = [[784], [28, 28], [1, 784], [1, 28, 28], [1, 1, 1, 28, 28, 1]];
  for (const shape of shapes) {
    const nested = shape.reduceRight<unknown>((inner, size) => new Array(size).fill(inner), 0);
    // Over REST in columns, so that no dimension is added, and as a tensor over gRPC.
    for (const [model, alias] of [
      ['conv', 'keras_tensor'],
      ['conv_any_rank', 'x'],
    ] as const) {
      const answer = await post(model, JSON.stringify({ inputs: nested }));
      expect(answer.status, `${model} ${shape} ${answer.text}`).toBe(400);
      const request = messageType('tensorflow.serving.PredictRequest').encode({
        modelSpec: { name: model },
        inputs: {
          [alias]: {
            dtype: 1,
            tensorShape: { dim: shape.map((size) => ({ size: BigInt(size) })) },
            tensorContent: Buffer.alloc(4 * shape.reduce((a, b) => a * b, 1)),
          },
        },
      });
      const client = new RpcClient(server.grpc);
      expect((await client.failure(PREDICT, request))[0], `${model} ${shape}`).toBe(3);
      client.close();
    }
  }
  const right = JSON.stringify({
    inputs: [
      [
        [[1], [1]],
        [[1], [1]],
      ],
    ],
  });
  const answer = await post('conv_any_rank', right);
  expect(answer.status, answer.text).toBe(200);
  await stillAnswers(server);
  report('wrong rank for Conv2D', { inputs: shapes.length * 4, lost: 0 });
});

it('a gzip bomb is stopped before it fills the memory', async () => {
  // Sixteen members of 64 MiB, which unpack as one.
  const member = gzipSync(Buffer.alloc(64 * MIB), { level: 9 });
  const bomb = Buffer.concat(new Array<Buffer>(16).fill(member));
  expect(bomb.length).toBeLessThan(2 * MIB);
  const answer = await post(WITNESS, bomb, { 'content-encoding': 'gzip' });
  expect([400, 413]).toContain(answer.status);
  await stillAnswers(server);
  report('gzip bomb of 1 GiB', { inputs: 1, lost: 0 });
});

it('a refused reload leaves the old config in force, and the next good one is taken', async () => {
  const refused = [
    list(...ALL, entry(WITNESS, modelDir(WITNESS))),
    list(...ALL, `config { name: 'x' base_path: '' model_platform: 'tensorflow' }`),
    list(...ALL, `config { name: 'x' base_path: '/x' model_platform: 'caffe' }`),
    list(...ALL, entry('empty', join(models.path, 'nothing-here'))),
  ];
  let failures = 0;
  for (const config of refused) {
    if ((await service.reload(config)) !== 'OK') failures += 1;
    await stillAnswers(server);
  }
  expect(failures).toBeGreaterThanOrEqual(3);
  expect(await service.reload(list(...ALL, entry('later', join(models.path, 'later'))))).toBe('OK');
  expect(await predictOne(server, 'later')).toBe(3.5);
  await stillAnswers(server);
  report('refused reloads', { faults: failures, lost: 0 });
});

it('slow gRPC calls, more than any thread count, keep no call waiting that needs no run', async () => {
  const slow = messageType('tensorflow.serving.PredictRequest').encode({
    modelSpec: { name: 'slow' },
    inputs: { n: { dtype: 3, tensorShape: { dim: [{ size: 1n }] }, intVal: [20_000] } },
  });
  const calls = 500;
  const session = await http2Session(server.grpcPort);
  let ended = 0;
  const slowCalls = Array.from({ length: calls }, async () => {
    const answer = await rawRpc(session, PREDICT, frame(slow));
    ended += 1;
    return answer;
  });
  const client = new RpcClient(server.grpc);
  const status = messageType('tensorflow.serving.GetModelStatusRequest').encode({
    modelSpec: { name: WITNESS },
  });
  const load = new SteadyLoad(server, { clients: 1 });
  const others = 50;
  for (let round = 0; round < others; round += 1) {
    await client.call('/tensorflow.serving.ModelService/GetModelStatus', status);
    await client.call('/grpc.health.v1.Health/Check', Buffer.alloc(0));
    expect((await http({ port: server.restPort, path: '/healthz/ready' })).status).toBe(200);
  }
  const meanwhile = ended;
  client.close();
  // What runs goes on; what waits is forgotten with its client.
  session.destroy();
  const answers = await Promise.all(slowCalls);
  const codes = new Set(answers.map(({ grpcStatus }) => grpcStatus));
  expect([...codes].filter((code) => ![null, 0, 8, 14].includes(code))).toEqual([]);
  // Other models share the pool: their clients get their answer, or UNAVAILABLE at once.
  const seen = await load.stop();
  expect(seen.lost).toEqual([]);
  await expect.poll(() => predictOne(server, WITNESS), { timeout: 15_000 }).toBe(2.5);
  await stillAnswers(server);
  report('slow gRPC calls', {
    inputs: calls,
    answered: seen.answered + others * 3,
    lost: 0,
    note: `${meanwhile} of ${calls} slow calls had ended while ${others * 3} others were answered; another model's clients got ${seen.answered} answers and ${seen.refused} refusals`,
  });
});
