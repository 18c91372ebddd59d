import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Client, credentials } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MessageName, messageType } from '../../ts/codec/messages.js';
import { decodePredictionLog } from '../../ts/record/prediction-log.js';
import type { PlayReport } from '../../ts/record/replay/player.js';
import { readRecords } from '../../ts/record/tfrecord.js';
import { floats, predictRequest } from '../record/support.js';
import { CLI, modelDir, ROOT } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

const folder = mkdtempSync(join(tmpdir(), 'servable-replay-'));
const MODELS = ['half_plus_two', 'echo', 'strings'] as const;
let server: RunningServer;
let jsonl: string;
let tfrecord: string;

/** What a command printed, and its exit status. */
async function servable(...args: string[]): Promise<{ out: string; err: string; status: number }> {
  try {
    const { stdout, stderr } = await promisify(execFile)(process.execPath, [CLI, ...args]);
    return { out: stdout, err: stderr, status: 0 };
  } catch (error) {
    const { stdout, stderr, code } = error as { stdout: string; stderr: string; code: number };
    return { out: stdout, err: stderr, status: code };
  }
}

async function replay(...args: string[]): Promise<PlayReport & { status: number }> {
  const { out, err, status } = await servable('replay', '--json', '--speed=max', ...args);
  if (out === '') throw new Error(err);
  return { ...(JSON.parse(out) as PlayReport), status };
}

async function post(path: string, body: unknown): Promise<void> {
  const response = await fetch(`${server.rest}/v1/models/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(200);
}

async function rpc(method: string, name: MessageName, message: object): Promise<void> {
  const client = new Client(server.grpc, credentials.createInsecure());
  const identity = (bytes: Buffer): Buffer => bytes;
  const request = messageType(name).encode(message as never);
  await new Promise<void>((resolve, reject) => {
    const path = `/tensorflow.serving.PredictionService/${method}`;
    client.makeUnaryRequest(path, identity, identity, request, (error) =>
      error === null ? resolve() : reject(error),
    );
  });
  client.close();
}

function config(logged: boolean): string {
  const entries = MODELS.map((name) => {
    const type = name === 'half_plus_two' ? 'jsonl' : 'tfrecord';
    const prefix = join(folder, type);
    const logging = `logging_config { log_collector_config { type: '${type}' filename_prefix: '${prefix}' } sampling_config { sampling_rate: 1 } }`;
    return `config { name: '${name}' base_path: '${modelDir(name)}' model_platform: 'tensorflow' ${logged ? logging : ''} }`;
  });
  entries.push(
    `config { name: 'half_plus_three' base_path: '${modelDir('half_plus_three')}' model_platform: 'tensorflow' }`,
  );
  const path = join(folder, `${logged}.config`);
  writeFileSync(path, `model_config_list { ${entries.join('\n')} }`);
  return path;
}

const start = (logged: boolean): Promise<RunningServer> =>
  startServer({
    args: [`--model_config_file=${config(logged)}`, '--auto_warmup=false', '--log_format=json'],
    models: [...MODELS, 'half_plus_three'],
  });

beforeAll(async () => {
  server = await start(true);
  for (const x of [1, 2.5, -7]) await post('half_plus_two:predict', { instances: [x] });
  await post('half_plus_two:predict', {
    signature_name: 'predict_two',
    inputs: { x: [[1.5]], x2: [[2]] },
  });
  await post('half_plus_two:classify', {
    signature_name: 'classify_labels',
    context: { x2: 4.5 },
    examples: [{ x: 2.25 }, { x: 2.5 }],
  });
  await post('half_plus_two:regress', { signature_name: 'regress_x_to_y', examples: [{ x: 0.5 }] });
  const task = (method: string, signatureName: string) => ({
    methodName: `tensorflow/serving/${method}`,
    modelSpec: { name: 'half_plus_two', signatureName },
  });
  await rpc('MultiInference', 'tensorflow.serving.MultiInferenceRequest', {
    tasks: [task('regress', 'regress_x_to_y'), task('classify', 'classify_labels')],
    input: {
      exampleList: { examples: [{ features: { feature: { x: { floatList: { value: [2] } } } } }] },
    },
  });
  await post('echo:predict', { signature_name: 'echo_int64', instances: [[4, 2]] });
  await post('echo:predict', { instances: [[0.1, 1e-7]] });
  await post('echo:predict', { signature_name: 'any_rank', inputs: [[[1]]] });
  await post('strings:predict', {
    signature_name: 'bytes_echo',
    instances: [{ b64: '/wA=' }, 'NaN'],
  });
  const { inputs } = messageType('tensorflow.serving.PredictRequest').decode(
    predictRequest({ x: floats([Number.NaN, 1]) }),
  );
  await rpc('Predict', 'tensorflow.serving.PredictRequest', {
    modelSpec: { name: 'echo', signatureName: 'flat_float32' },
    inputs,
  });
  // Stopping writes everything; the server that is asked again does not log.
  expect(await server.stop()).toBe(0);
  const [name = ''] = readdirSync(folder).filter((it) => it.endsWith('.jsonl'));
  jsonl = join(folder, name);
  tfrecord = join(folder, readdirSync(folder).find((it) => it.endsWith('.tfrecord')) ?? '');
  server = await start(false);
}, 120_000);

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('servable replay', () => {
  it('plays a log of messages over gRPC and gets the recorded answers', async () => {
    const report = await replay(tfrecord, `--grpc=${server.grpc}`, '--compare');
    expect(report).toMatchObject({
      sent: 5,
      codes: { OK: 5 },
      unsent: {},
      compared: { equal: 5, different: 0 },
      differences: [],
      status: 0,
    });
  });

  it('plays a log of messages over REST and gets the recorded answers', async () => {
    const report = await replay(tfrecord, `--url=${server.rest}`, '--compare');
    expect(report).toMatchObject({ sent: 5, compared: { equal: 5, different: 0 }, status: 0 });
  });

  it('plays a log of JSON lines over gRPC and gets the recorded answers', async () => {
    const report = await replay(jsonl, `--grpc=${server.grpc}`, '--compare');
    expect(report).toMatchObject({
      sent: 7,
      codes: { OK: 7 },
      compared: { equal: 7, different: 0 },
    });
  });

  it('plays a log of JSON lines over REST, but for what REST has no form for', async () => {
    const report = await replay(jsonl, `--url=${server.rest}`, '--compare');
    expect(report).toMatchObject({ sent: 6, compared: { equal: 6, different: 0 }, status: 1 });
    expect(report.unsent).toEqual({ 'multiInference has no REST form: use --grpc': 1 });
  });

  it('tells where another model answers otherwise, and ends with 1', async () => {
    const report = await replay(
      jsonl,
      `--grpc=${server.grpc}`,
      '--compare',
      '--model=half_plus_three',
      '--limit=1',
    );
    expect(report).toMatchObject({ sent: 1, compared: { equal: 0, different: 1 }, status: 1 });
    expect(report.differences).toEqual(['half_plus_two outputs[0]: expected 2.5, got 3.5']);
    const near = await replay(
      jsonl,
      `--url=${server.rest}`,
      '--compare',
      '--model=half_plus_three',
      '--limit=1',
      '--tolerance=0.4',
    );
    expect(near).toMatchObject({ compared: { equal: 1, different: 0 }, status: 0 });
  });

  it('counts codes of answers that fail, in a loop as long as asked for', async () => {
    const report = await replay(tfrecord, `--grpc=${server.grpc}`, '--model=nobody', '--loop=3');
    expect(report).toMatchObject({ sent: 15, codes: { NOT_FOUND: 15 }, status: 1 });
    const rest = await replay(tfrecord, `--url=${server.rest}`, '--model=nobody');
    expect(rest.codes).toEqual({ 'HTTP 404': 5 });
  });

  it('keeps to the recorded times, faster as asked for', async () => {
    const lines = readFileSync(jsonl, 'utf8').trim().split('\n').slice(0, 2);
    const times = ['2026-01-01T00:00:00.000Z', '2026-01-01T00:00:08.000Z'];
    const file = join(folder, 'timed');
    const timed = lines.map((line, at) => line.replace(/"time":"[^"]+"/, `"time":"${times[at]}"`));
    writeFileSync(file, timed.join('\n'));
    const { out } = await servable('replay', file, `--url=${server.rest}`, '--json', '--speed=20');
    const { seconds, sent, late } = JSON.parse(out) as PlayReport;
    expect(sent).toBe(2);
    expect(late).toBeLessThanOrEqual(1);
    expect(seconds).toBeGreaterThanOrEqual(0.4);
  });

  it('prints a report for people', async () => {
    const { out, status } = await servable(
      'replay',
      tfrecord,
      `--grpc=${server.grpc}`,
      '--speed=max',
      '--compare',
    );
    expect(status).toBe(0);
    expect(out).toMatch(
      /^5 requests in [\d.]+ s, [\d.]+ a second\n {9}5 {2}OK\nlatency in ms: p50 /,
    );
    expect(out).toContain('5 answers as recorded, 0 different');
  });

  it.each([
    [['nowhere', '--url=http://x'], /nowhere: ENOENT/],
    [[CLI, '--grpc=localhost:1'], /cli\.js: record 1: corrupted record at 0/],
    [['x'], /one of --url and --grpc must say where to send/],
    [['x', '--grpc=y', '--speed=-1'], /--speed: got "-1", wanted a number above 0, or max/],
  ])('%j is refused', async (args, message) => {
    const { err, status } = await servable('replay', ...args);
    expect(status).not.toBe(0);
    expect(err).toMatch(message);
  });
});

describe('servable warmup', () => {
  const written = async (file: string) => {
    const kinds: string[] = [];
    for await (const bytes of readRecords(file)) kinds.push(decodePredictionLog(bytes)?.kind ?? '');
    return kinds;
  };

  it('records what a log holds for a model, which a server then warms up with', async () => {
    const out = join(folder, 'from-log');
    const args = ['warmup', 'record', modelDir('half_plus_two'), `--from=${jsonl}`, `--out=${out}`];
    expect((await servable(...args)).out).toBe(`${out}: 7 records\n`);
    const seven = [
      'predict',
      'predict',
      'predict',
      'predict',
      'classify',
      'regress',
      'multiInference',
    ];
    expect(await written(out)).toEqual(seven);
    const { out: three } = await servable(...args, '--count=3');
    expect(three).toBe(`${out}: 3 records\n`);
  });

  it('asks a running server for its signatures and makes requests of ones', async () => {
    const out = join(folder, 'made-up');
    const url = `${server.rest}/v1/models/half_plus_two`;
    const { err } = await servable('warmup', 'record', url, `--out=${out}`, '--batch_sizes=1,4');
    expect(err).toContain('left out: classify_labels: takes examples');
    expect(await written(out)).toEqual(['predict', 'predict', 'predict', 'predict']);
    const { out: shown } = await servable('warmup', 'show', out, '--count=2');
    const lines = shown
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { request: object });
    expect(lines).toHaveLength(2);
    expect(lines[0]?.request).toMatchObject({ signature_name: 'predict_two' });
    const played = await replay(out, `--grpc=${server.grpc}`);
    expect(played).toMatchObject({ sent: 4, codes: { OK: 4 } });
  });

  it('takes JSON bodies, and tells which do not fit', async () => {
    const bodies = join(folder, 'bodies');
    const out = join(folder, 'from-bodies');
    writeFileSync(
      bodies,
      '{"instances":[1,2]}\n{"signature_name":"none","instances":[1]}\n{"signature_name":"regress_x_to_y","examples":[{"x":1.5}]}\n',
    );
    const { err } = await servable(
      'warmup',
      'record',
      modelDir('half_plus_two'),
      `--request=${bodies}`,
      `--out=${out}`,
    );
    expect(err).toMatch(/request 2: no signature "none" \(there are classify_labels,/);
    expect(await written(out)).toEqual(['predict', 'regress']);
  });

  it('writes into the version of a model by default', async () => {
    const copy = join(folder, 'model');
    await promisify(execFile)('cp', ['-r', join(modelDir('half_plus_two'), '1'), copy]);
    const { out } = await servable('warmup', 'record', copy);
    const file = join(copy, 'assets.extra', 'tf_serving_warmup_requests');
    expect(out).toBe(`${file}: 2 records\n`);
    expect(existsSync(file)).toBe(true);
  });

  it('shows a file that TensorFlow wrote', async () => {
    const file = join(ROOT, 'test', 'fixtures', 'warmup', 'every_kind');
    const { out } = await servable('warmup', 'show', file);
    const methods = out
      .trim()
      .split('\n')
      .map((line) => (JSON.parse(line) as { method: string }).method);
    expect(methods).toEqual(['predict', 'classify', 'regress', 'multiInference']);
  });
});
