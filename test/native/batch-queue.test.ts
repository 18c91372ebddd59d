import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { BatchingParameters } from '../../ts/batching.js';
import { batchingCounters, drainBatches } from '../../ts/native/batching.js';
import { catalog } from '../../ts/native/catalog.js';
import { modelCounters } from '../../ts/native/counters.js';
import { InferQueue, type Method } from '../../ts/native/infer-queue.js';
import { loadModel } from '../../ts/native/model.js';
import { batchingParameters } from '../../ts/options/batching-config.js';
import { type Answer, ask, open, versionDir } from './support.js';

/** So long that only what a test does can end the wait. */
const LONG_MICROS = 600e6;

let queue: InferQueue;
const published: [string, bigint][] = [];

beforeAll(() => {
  open();
  queue = new InferQueue();
});

afterEach(async () => {
  for (const [name, version] of published.splice(0)) await catalog.withdraw(name, version);
});

afterAll(() => queue.close());

async function publish(
  name: string,
  version: number,
  given: Partial<BatchingParameters>,
): Promise<Awaited<ReturnType<typeof loadModel>>> {
  const model = await loadModel({
    exportDir: versionDir(name, version),
    tags: ['serve'],
    configProto: null,
    inputShapeCheck: 'auto',
    batching: batchingParameters({ mode: 'fixed', autoShare: 0.2, ...given }),
  });
  catalog.publish(name, BigInt(version), model);
  published.push([name, BigInt(version)]);
  return model;
}

function send(
  name: string,
  body: object,
  deadlineMs = 0,
  method: Method = 'rest.predict',
): Promise<Answer> {
  const target = queue.target({ method, name, version: null, label: null });
  return ask(queue, target, JSON.stringify(body), deadlineMs);
}

const reply = ({ failure, reply: bytes }: Answer): unknown =>
  failure === null ? JSON.parse(String(bytes)) : failure;

const refusal = ({ failure }: Answer): [string | undefined, string | undefined] => [
  failure?.code,
  failure?.message,
];

/** Waits for requests to be in the model's queues, turn by turn of the event loop. */
async function waiting(name: string, count: number): Promise<void> {
  const now = (): number => modelCounters().find((it) => it.name === name)?.batchWaiting ?? 0;
  while (now() !== count) await new Promise((resolve) => setTimeout(resolve, 1));
}

describe('batching', () => {
  it('runs the rows of several requests once and answers each with its own', async () => {
    await publish('half_plus_two', 1, { maxBatchSize: 4, batchTimeoutMicros: LONG_MICROS });
    const before = batchingCounters();
    const answers = await Promise.all([
      send('half_plus_two', { instances: [1] }),
      send('half_plus_two', { instances: [2, 3] }),
      send('half_plus_two', { inputs: [5] }),
    ]);
    expect(answers.map(reply)).toEqual([
      { predictions: [2.5] },
      { predictions: [3, 3.5] },
      { outputs: [4.5] },
    ]);
    expect(answers.map((it) => it.version)).toEqual([1, 1, 1]);
    const after = batchingCounters();
    expect(after.wrappedRunCount - before.wrappedRunCount).toBe(1);
    expect(after.processedBatchSize.sum - before.processedBatchSize.sum).toBe(4);
    const model = modelCounters().find((it) => it.name === 'half_plus_two');
    expect(model).toMatchObject({ batchRuns: 1, batchRows: 4, batchRoom: 4, batchWaiting: 0 });
  });

  it('classifies, regresses and predicts over several inputs and outputs', async () => {
    await publish('half_plus_two', 1, { maxBatchSize: 2, batchTimeoutMicros: LONG_MICROS });
    await publish('multi', 1, { maxBatchSize: 2, batchTimeoutMicros: LONG_MICROS });
    await publish('strings', 1, { maxBatchSize: 3, batchTimeoutMicros: LONG_MICROS });
    const examples = (x: number) => ({
      signature_name: 'classify_labels',
      examples: [{ x }],
    });
    const classified = await Promise.all(
      [1.5, 2.5].map((x) => send('half_plus_two', examples(x), 0, 'rest.classify')),
    );
    expect(classified.map(reply)).toEqual([
      { results: [[['1.5', 2.75]]] },
      { results: [[['2.5', 3.25]]] },
    ]);
    const both = [{ instances: [{ a: [1, 2], b: 3 }] }, { instances: [{ a: [4, 5], b: 6 }] }].map(
      (body) => send('multi', body),
    );
    expect((await Promise.all(both)).map(reply)).toEqual([
      { predictions: [{ b: 3, sum: [4, 5] }] },
      { predictions: [{ b: 6, sum: [10, 11] }] },
    ]);
    const texts = [{ instances: ['a'] }, { instances: ['bc', ''] }].map((it) =>
      send('strings', it),
    );
    expect((await Promise.all(texts)).map(reply)).toEqual([
      { predictions: [{ upper: 'A', length: 1, raw_bytes: { b64: 'YWE=' } }] },
      {
        predictions: [
          { upper: 'BC', length: 2, raw_bytes: { b64: 'YmNiYw==' } },
          { upper: '', length: 0, raw_bytes: { b64: '' } },
        ],
      },
    ]);
  });

  it('refuses only the request whose shape does not fit', async () => {
    await publish('half_plus_two', 1, { maxBatchSize: 3, batchTimeoutMicros: LONG_MICROS });
    const answers = await Promise.all([
      send('half_plus_two', { instances: [[1, 2]] }),
      send('half_plus_two', { instances: [1] }),
      send('half_plus_two', { instances: [2] }),
    ]);
    expect(refusal(answers[0] as Answer)).toEqual([
      'FAILED_PRECONDITION',
      expect.stringMatching(
        /^Tensors with name 'x:0' from different tasks have different shapes and padding is turned off\. Set/,
      ),
    ]);
    expect(answers.slice(1).map(reply)).toEqual([{ predictions: [2.5] }, { predictions: [3] }]);
  });

  it('refuses only the request that TensorFlow does not take', async () => {
    await publish('fails', 1, { maxBatchSize: 4, batchTimeoutMicros: LONG_MICROS });
    const answers = await Promise.all([4, -1, 9, 16].map((x) => send('fails', { instances: [x] })));
    expect(answers.filter((it) => it.failure !== null)).toHaveLength(1);
    expect(refusal(answers[1] as Answer)[0]).toBe('INVALID_ARGUMENT');
    expect(reply(answers[3] as Answer)).toEqual({ predictions: [4] });
  });

  it('pads to the next allowed size, and variable lengths', async () => {
    const before = batchingCounters().processedBatchSize.sum;
    await publish('half_plus_two', 1, { maxBatchSize: 8, allowedBatchSizes: [4, 8] });
    expect(reply(await send('half_plus_two', { instances: [1, 2] }))).toEqual({
      predictions: [2.5, 3],
    });
    expect(batchingCounters().processedBatchSize.sum - before).toBe(4);
    const four = batchingCounters().paddingSize.find((it) => it.executionBatchSize === 4);
    expect(four?.padding.sum).toBe(2);
    await publish('half_plus_two', 2, {
      maxBatchSize: 2,
      batchTimeoutMicros: LONG_MICROS,
      padVariableLengthInputs: true,
    });
    const ragged = await Promise.all([
      send('half_plus_two', { instances: [[2, 4, 6]] }),
      send('half_plus_two', { instances: [[8]] }),
    ]);
    expect(ragged.map(reply)).toEqual([{ predictions: [[3, 4, 5]] }, { predictions: [[6, 6, 6]] }]);
  });

  it('splits large requests', async () => {
    await publish('half_plus_two', 1, {
      maxBatchSize: 10,
      enableLargeBatchSplitting: true,
      maxExecutionBatchSize: 4,
    });
    const before = batchingCounters().wrappedRunCount;
    const instances = Array.from({ length: 10 }, (_, i) => i);
    const answer = await send('half_plus_two', { instances });
    expect(reply(answer)).toEqual({ predictions: instances.map((x) => x / 2 + 2) });
    expect(batchingCounters().wrappedRunCount - before).toBe(3);
  });

  it('refuses what is too large, and what finds the queue full, at once', async () => {
    await publish('half_plus_two', 1, {
      maxBatchSize: 2,
      maxEnqueuedBatches: 1,
      batchTimeoutMicros: LONG_MICROS,
    });
    expect(refusal(await send('half_plus_two', { instances: [1, 2, 3] }))).toEqual([
      'INVALID_ARGUMENT',
      'Task size 3 is larger than maximum input batch size 2',
    ]);
    const first = send('half_plus_two', { instances: [1] });
    await waiting('half_plus_two', 1);
    expect(refusal(await send('half_plus_two', { instances: [1, 2] }))).toEqual([
      'UNAVAILABLE',
      'The batch scheduling queue to which this task was submitted is full; currently 1 batches enqueued and max_enqueued_batches is 1',
    ]);
    const second = send('half_plus_two', { instances: [2] });
    expect((await Promise.all([first, second])).map(reply)).toEqual([
      { predictions: [2.5] },
      { predictions: [3] },
    ]);
  });

  it('answers RESOURCE_EXHAUSTED at the deadline of a queued request, and forgets a cancelled one', async () => {
    await publish('half_plus_two', 1, { maxBatchSize: 3, batchTimeoutMicros: LONG_MICROS });
    const late = await send('half_plus_two', { instances: [1] }, performance.now() + 50);
    expect(refusal(late)).toEqual([
      'RESOURCE_EXHAUSTED',
      'Run() timeout exceeded while waiting in batching queue',
    ]);
    const target = queue.target({
      method: 'rest.predict',
      name: 'half_plus_two',
      version: null,
      label: null,
    });
    const ticket = queue.infer(target, Buffer.from('{"instances": [7]}'), 0, () => {
      throw new Error('answered although it was cancelled');
    });
    await waiting('half_plus_two', 1);
    queue.cancel(ticket);
    // Both have left their places: three rows are needed to fill the batch.
    await waiting('half_plus_two', 0);
    const others = [{ instances: [4] }, { instances: [6, 8] }].map((it) =>
      send('half_plus_two', it),
    );
    expect((await Promise.all(others)).map(reply)).toEqual([
      { predictions: [4] },
      { predictions: [5, 6] },
    ]);
  });

  it('answers what is queued when its version is withdrawn', async () => {
    await publish('half_plus_two', 1, { maxBatchSize: 100, batchTimeoutMicros: LONG_MICROS });
    const queued = send('half_plus_two', { instances: [1] });
    await waiting('half_plus_two', 1);
    published.length = 0;
    await catalog.withdraw('half_plus_two', 1n);
    expect(reply(await queued)).toEqual({ predictions: [2.5] });
  });

  it('waits for no company while the server stops', async () => {
    await publish('half_plus_two', 1, { maxBatchSize: 100, batchTimeoutMicros: LONG_MICROS });
    const queued = send('half_plus_two', { instances: [1] });
    await waiting('half_plus_two', 1);
    drainBatches(true);
    try {
      expect(reply(await queued)).toEqual({ predictions: [2.5] });
    } finally {
      drainBatches(false);
    }
  });

  it('names the signatures that it leaves alone, which still answer', async () => {
    const model = await publish('multi', 1, { maxBatchSize: 2, batchTimeoutMicros: LONG_MICROS });
    expect(model.unbatched).toEqual([
      { signature: 'with_scalar', reason: 'output "count" has no free first dimension: []' },
    ]);
    const body = { signature_name: 'with_scalar', inputs: { a: [[1, 2]], b: [3] } };
    expect(reply(await send('multi', body))).toEqual({
      outputs: { count: 1, product: [[3, 6]], sum: [[4, 5]] },
    });
  });

  it('auto lets a lone request through at once and, once it is cheap, on the event loop', async () => {
    await publish('strings', 1, { mode: 'auto' });
    const counts = () => modelCounters().find((it) => it.name === 'strings')?.inlineRuns ?? 0;
    const before = counts();
    for (let i = 0; i < 500 && counts() === before; i += 1) {
      expect((await send('strings', { instances: ['a'] })).failure).toBeNull();
    }
    expect(counts()).toBeGreaterThan(before);
  });
});
