import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { decodeTensorProto } from '../../ts/codec/predict.js';
import { decodePredictionLog, type PredictionRecord } from '../../ts/record/prediction-log.js';
import { readRecords } from '../../ts/record/tfrecord.js';
import { floats, predictRequest } from '../record/support.js';
import { modelDir } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { ModelService } from './manager-support.js';

const folder = mkdtempSync(join(tmpdir(), 'servable-request-log-'));
const logs = join(folder, 'logs');
let server: RunningServer;
let service: ModelService;
let client: Client;

function config(rates: Readonly<Record<string, number>>): string {
  const entries = Object.entries(rates).map(([name, rate]) => {
    const model = name === 'broken' ? 'half_plus_three' : name;
    const type = name === 'half_plus_two' ? 'jsonl' : 'tfrecord';
    // The folder of this one is a file.
    const prefix = name === 'broken' ? 'file/broken' : '';
    return `config { name: '${name}' base_path: '${modelDir(model)}' model_platform: 'tensorflow'
      logging_config {
        log_collector_config { type: '${type}' filename_prefix: '${prefix}' }
        sampling_config { sampling_rate: ${rate} }
      } }`;
  });
  return `model_config_list { ${entries.join('\n')} }`;
}

const ALL = { half_plus_two: 1, echo: 1, strings: 1, broken: 1 };

beforeAll(async () => {
  const file = join(folder, 'models.config');
  writeFileSync(file, config(ALL));
  server = await startServer({
    args: [
      `--model_config_file=${file}`,
      `--request_log_dir=${logs}`,
      '--request_log_redact=strings:text',
      '--workers=2',
      '--log_format=json',
    ],
    models: Object.keys(ALL),
  });
  mkdirSync(logs);
  writeFileSync(join(logs, 'file'), '');
  service = new ModelService(server);
  client = new Client(server.grpc, credentials.createInsecure());
});

afterAll(async () => {
  service?.close();
  client?.close();
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function predict(model: string, body: unknown, type = 'application/json'): Promise<string> {
  const sent = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body);
  const response = await fetch(`${server.rest}/v1/models/${model}:predict`, {
    method: 'POST',
    headers: { 'content-type': type },
    body: sent as string,
  });
  expect(response.status).toBe(200);
  return response.text();
}

function grpcPredict(request: Buffer): Promise<Buffer> {
  const identity = (bytes: Buffer): Buffer => bytes;
  const path = '/tensorflow.serving.PredictionService/Predict';
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(path, identity, identity, request, (error, reply) =>
      error === null ? resolve(reply ?? Buffer.alloc(0)) : reject(error),
    );
  });
}

function filesOf(model: string): string[] {
  if (!existsSync(logs)) return [];
  const names = readdirSync(logs).filter((name) => name.startsWith(`${model}.`));
  return names.sort().map((name) => join(logs, name));
}

const linesOf = (model: string): string[] =>
  filesOf(model).flatMap((file) => readFileSync(file, 'utf8').split('\n').slice(0, -1));

async function recordsOf(model: string): Promise<PredictionRecord[]> {
  const records: PredictionRecord[] = [];
  for (const file of filesOf(model)) {
    for await (const bytes of readRecords(file)) {
      const record = decodePredictionLog(bytes);
      if (record !== null) records.push(record);
    }
  }
  return records;
}

/** Looks until there is what is waited for: the writer works at its own pace. */
async function until<T>(look: () => T | Promise<T>, holds: (seen: T) => boolean): Promise<T> {
  const deadline = Date.now() + 20_000;
  for (;;) {
    const seen = await look();
    if (holds(seen)) return seen;
    if (Date.now() > deadline) throw new Error(`in vain: ${JSON.stringify(seen)}`);
    await delay(50);
  }
}

const longerThan =
  (count: number) =>
  (seen: readonly unknown[]): boolean =>
    seen.length > count;

describe('a request log', () => {
  it('holds REST and gRPC requests alike, whichever worker answered', async () => {
    await Promise.all(
      Array.from({ length: 20 }, (_, index) => predict('half_plus_two', { instances: [index] })),
    );
    const spec = { name: 'half_plus_two', signatureName: 'serving_default' };
    const type = messageType('tensorflow.serving.PredictRequest');
    const { inputs } = type.decode(predictRequest({ x: floats([100]) }));
    await grpcPredict(type.encode({ modelSpec: spec, inputs }));
    const lines = await until(() => linesOf('half_plus_two'), longerThan(20));
    const answers = lines.map((line) => {
      const { request, response, protocol } = JSON.parse(line) as {
        request: { inputs: { x: number[] } };
        response: { outputs: { y: number[] } };
        protocol: string;
      };
      return [protocol, request.inputs.x[0], response.outputs.y[0]] as const;
    });
    expect(answers).toHaveLength(21);
    for (const [, x = 0, y] of answers) expect(y).toBe(x / 2 + 2);
    expect(answers.filter(([protocol]) => protocol === 'grpc')).toEqual([['grpc', 100, 52]]);
  });

  it('holds JSON, npy, CSV and large bodies as tensors', async () => {
    const row = Array.from({ length: 20_000 }, (_, index) => [index, -index]);
    await predict('echo', { instances: [[1, 2]] });
    await predict('echo', '5,6\n', 'text/csv');
    await predict('echo', { inputs: row });
    const records = await until(() => recordsOf('echo'), longerThan(2));
    const shapes = records.map(({ kind, metadata, request, response }) => {
      expect([kind, metadata.modelSpec?.name]).toEqual(['predict', 'echo']);
      const { inputs } = messageType('tensorflow.serving.PredictRequest').decode(request);
      const type = messageType('tensorflow.serving.PredictResponse');
      const { outputs } = type.decode(response as Buffer);
      const tensorType = messageType('tensorflow.TensorProto');
      const [x, y] = [inputs.x, outputs.y].map((it) =>
        decodeTensorProto(tensorType.encode(it ?? {})),
      );
      expect(y?.data).toEqual(x?.data);
      return x?.shape;
    });
    // Each worker answers at its own pace.
    expect(shapes.sort((a, b) => (a?.[0] ?? 0) - (b?.[0] ?? 0))).toEqual([
      [1, 2],
      [1, 2],
      [20_000, 2],
    ]);
  });

  it('holds no byte of what is redacted', async () => {
    const secret = 'nobody-must-read-this';
    await predict('strings', { instances: [secret] });
    const records = await until(() => recordsOf('strings'), longerThan(0));
    // The outputs are not redacted, and one of them repeats the input in capitals and twice.
    const { request } = records[0] as PredictionRecord;
    expect(request.includes(secret)).toBe(false);
    expect(records[0]?.response?.includes(secret.toUpperCase())).toBe(true);
  });

  it('that cannot be written is counted and told, and requests are answered', async () => {
    expect(await predict('broken', { instances: [2] })).toContain('4.0');
    await server.printed(/request log cannot be written; serving goes on/);
    const page = await (await fetch(`${server.rest}/monitoring/prometheus/metrics`)).text();
    const count = (model: string) =>
      new RegExp(`request_log_count\\{model_name="${model}",status_code="(\\w+)"\\} \\d`).exec(
        page,
      )?.[1];
    expect([count('broken'), count('half_plus_two')]).toEqual(['NOT_FOUND', 'OK']);
  });

  it('follows a reload: a model that is no longer sampled is no longer logged', async () => {
    const before = linesOf('half_plus_two').length;
    expect(await service.reload(config({ ...ALL, half_plus_two: 0 }))).toBe('OK');
    await predict('half_plus_two', { instances: [1] });
    expect(await service.reload(config(ALL))).toBe('OK');
    await until(async () => {
      await predict('half_plus_two', { instances: [3] });
      return linesOf('half_plus_two').slice(before);
    }, longerThan(0));
    const values = linesOf('half_plus_two').slice(before);
    expect(values.every((line) => line.includes('"x":[3.0]'))).toBe(true);
  });

  it('a config with a wrong logging_config is refused and the one in force stays', async () => {
    const wrong = config(ALL).replace('sampling_rate: 1', 'sampling_rate: 7');
    expect(await service.reload(wrong)).toMatch(/^INVALID_ARGUMENT: .*sampling_rate: got 7/);
  });

  it('what was answered before the server stops is on the disk', async () => {
    const before = linesOf('half_plus_two').length;
    await Promise.all([7, 8, 9].map((x) => predict('half_plus_two', { instances: [x] })));
    expect(await server.stop()).toBe(0);
    const last = linesOf('half_plus_two')
      .slice(before)
      .map((line) => /"x":\[(\d+)/.exec(line)?.[1]);
    expect(last).toEqual(expect.arrayContaining(['7', '8', '9']));
  });
});
