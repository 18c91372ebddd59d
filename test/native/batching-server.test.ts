import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials } from '@grpc/grpc-js';
import { afterEach, describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { modelDir } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

const cleanUp: (() => unknown)[] = [];
afterEach(async () => {
  for (const work of cleanUp.splice(0).reverse()) await work();
});

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'servable-batching-'));
  cleanUp.push(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** A file with these lines. */
function file(...lines: string[]): string {
  const path = join(folder(), 'batching.txt');
  writeFileSync(path, lines.join('\n'));
  return path;
}

const HALF = ['--model_name=half_plus_two', `--model_base_path=${modelDir('half_plus_two')}`];

async function serve(...args: string[]): Promise<RunningServer> {
  const server = await startServer({ args: [...HALF, '--enable_batching', ...args] });
  cleanUp.push(() => server.stop());
  return server;
}

interface Answer {
  readonly status: number;
  readonly body: { readonly predictions?: unknown; readonly error?: string };
}

async function predict(
  server: RunningServer,
  body: object,
  model = 'half_plus_two',
): Promise<Answer> {
  const path = `${server.rest}/v1/models/${model}:predict`;
  const answer = await fetch(path, { method: 'POST', body: JSON.stringify(body) });
  return { status: answer.status, body: (await answer.json()) as Answer['body'] };
}

async function page(server: RunningServer): Promise<string> {
  return (await fetch(`${server.rest}/monitoring/prometheus/metrics`)).text();
}

/** Reads the metrics page until a sample has this value. */
async function sample(server: RunningServer, line: string): Promise<void> {
  while (!(await page(server)).includes(`${line}\n`)) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe('a server that batches', () => {
  it('puts requests together as its file says, and answers 400, 429 and 503 with TensorFlow Serving’s texts', async () => {
    const parameters = file(
      'max_batch_size { value: 4 }',
      'batch_timeout_micros { value: 600000000 }',
      'max_enqueued_batches { value: 1 }',
      'num_batch_threads { value: 2 }',
      "thread_pool_name { value: 'mine' }",
    );
    const server = await serve(
      `--batching_parameters_file=${parameters}`,
      '--rest_api_timeout_in_ms=3000',
    );
    expect(await predict(server, { instances: [1, 2, 3, 4, 5] })).toEqual({
      status: 400,
      body: { error: 'Task size 5 is larger than maximum input batch size 4' },
    });
    const waits = predict(server, { instances: [1, 2, 3] });
    await sample(server, 'servable_batch_queued_requests{model="half_plus_two"} 1');
    expect(await predict(server, { instances: [1, 2] })).toEqual({
      status: 503,
      body: {
        error:
          'The batch scheduling queue to which this task was submitted is full; currently 1 batches enqueued and max_enqueued_batches is 1',
      },
    });
    const [three, one] = await Promise.all([waits, predict(server, { instances: [8] })]);
    expect([three.body.predictions, one.body.predictions]).toEqual([[2.5, 3, 3.5], [6]]);
    expect(await predict(server, { instances: [1] })).toEqual({
      status: 429,
      body: { error: 'Run() timeout exceeded while waiting in batching queue' },
    });
    const metrics = await page(server);
    expect(metrics).toContain(':tensorflow:serving:batching_session:wrapped_run_count{} 1\n');
    expect(metrics).toContain(
      ':tensorflow:serving:batching_session:processed_batch_size_sum{} 4\n',
    );
    expect(metrics).toMatch(
      /queuing_latency_bucket\{thread_pool_name="mine",le="100"\} \d+\n.*le="120"\} \d+\n/,
    );
  });

  it('answers a gRPC deadline that ends in the queue, and finishes what is queued when it stops', async () => {
    const parameters = file('batch_timeout_micros { value: 600000000 }');
    const server = await serve(`--batching_parameters_file=${parameters}`);
    const queued = predict(server, { instances: [5] });
    await sample(server, 'servable_batch_queued_requests{model="half_plus_two"} 1');
    const client = new Client(server.grpc, credentials.createInsecure());
    cleanUp.push(() => client.close());
    const type = messageType('tensorflow.serving.PredictRequest');
    const request = type.encode({
      modelSpec: { name: 'half_plus_two' },
      inputs: { x: { dtype: 1, tensorShape: { dim: [{ size: 1n }] }, floatVal: [3] } },
    });
    const failure = await new Promise<{ code: number } | null>((resolve) => {
      const same = (bytes: Buffer): Buffer => bytes;
      const path = '/tensorflow.serving.PredictionService/Predict';
      const deadline = Date.now() + 300;
      client.makeUnaryRequest(path, same, same, request, { deadline }, (error) => resolve(error));
    });
    // The client's own clock may be the first to say so.
    expect([4, 8]).toContain(failure?.code);
    const stopped = server.stop();
    expect(await queued).toEqual({ status: 200, body: { predictions: [4.5] } });
    expect(await stopped).toBe(0);
  });

  it('batches only versions with a file of their own where it is told to', async () => {
    const base = folder();
    for (const name of ['with', 'without', 'wrong']) {
      mkdirSync(join(base, name));
      cpSync(join(modelDir('half_plus_two'), '1'), join(base, name, '1'), { recursive: true });
    }
    const own = (name: string): string => join(base, name, '1', 'batching_params.pbtxt');
    writeFileSync(own('with'), 'max_batch_size { value: 1 }');
    writeFileSync(own('wrong'), 'max_batch_size { value: 1 }\nmax_batches: 3');
    const config = join(base, 'models.config');
    const entries = ['with', 'without', 'wrong'].map(
      (name) =>
        `config { name: "${name}" base_path: "${join(base, name)}" model_platform: "tensorflow" }`,
    );
    writeFileSync(config, `model_config_list { ${entries.join(' ')} }`);
    const server = await startServer({
      args: [
        `--model_config_file=${config}`,
        '--enable_batching',
        '--enable_per_model_batching_parameters',
        '--max_num_load_retries=0',
      ],
    });
    cleanUp.push(() => server.stop());
    const two = { instances: [1, 2] };
    expect((await predict(server, two, 'with')).body.error).toBe(
      'Task size 2 is larger than maximum input batch size 1',
    );
    expect((await predict(server, two, 'without')).body.predictions).toEqual([2.5, 3]);
    expect((await predict(server, { instances: [1] }, 'with')).body.predictions).toEqual([2.5]);
    const status = await (await fetch(`${server.rest}/v1/models/wrong`)).text();
    expect(status).toMatch(/batching_params\.pbtxt': line 2, column \d+: .*max_batches/);
  });

  it('does not start with wrong parameters', async () => {
    const start = async (...lines: string[]): Promise<string> => {
      const parameters = file(...lines);
      return serve(`--batching_parameters_file=${parameters}`).then(
        () => 'started',
        (error: Error) => error.message,
      );
    };
    const texts = await Promise.all([
      start('max_batch_size { value: 8 }', 'allowed_batch_sizes: 4'),
      start('num_batch_threads { value: 0 }'),
      start('max_batch_size { value: 8 }', 'batch_size: 3'),
    ]);
    expect(texts[0]).toContain(
      'Last entry in allowed_batch_sizes must match max_batch_size; last entry was 4; expected 8',
    );
    expect(texts[1]).toContain('num_batch_threads must be positive; was 0');
    expect(texts[2]).toMatch(/batching\.txt': line 2, column \d+: .*unknown field 'batch_size'/);
  });
});
