import { performance } from 'node:perf_hooks';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalog } from '../../ts/native/catalog.js';
import { modelCounters } from '../../ts/native/counters.js';
import { InferQueue } from '../../ts/native/infer-queue.js';
import { loadModel } from '../../ts/native/model.js';
import { ask, open, publish, versionDir } from './support.js';

const SMALL = '{"instances": [1.0, 2.0, 5.0]}';
const THREE = { predictions: [2.5, 3, 4.5] };

let queue: InferQueue;
let half: number;

beforeAll(async () => {
  open();
  await publish('half_plus_two', 1);
  await publish('echo', 1);
  await publish('image', 1);
  queue = new InferQueue();
  half = queue.target({
    method: 'rest.predict',
    name: 'half_plus_two',
    version: null,
    label: null,
  });
});

afterAll(() => queue.close());

const parsed = (reply: Buffer | null): unknown => JSON.parse(String(reply));

test('a target is one small number, however often it is asked for', () => {
  const target = {
    method: 'rest.predict',
    name: 'half_plus_two',
    version: null,
    label: null,
  } as const;
  expect(queue.target(target)).toBe(half);
  expect(queue.target({ ...target, version: 1n })).not.toBe(half);
});

test('a tiny model moves from the pool to the event loop, with the same answers', async () => {
  const runs = (): number =>
    modelCounters().find(({ name }) => name === 'half_plus_two')?.inlineRuns ?? 0;
  for (let i = 0; i < 500 && runs() === 0; i += 1) {
    const { reply, version } = await ask(queue, half, SMALL);
    expect([parsed(reply), version]).toEqual([THREE, 1]);
  }
  expect(runs()).toBeGreaterThan(0);
  const many = await Promise.all(Array.from({ length: 100 }, () => ask(queue, half, SMALL)));
  expect(many.every(({ reply }) => JSON.stringify(parsed(reply)) === JSON.stringify(THREE))).toBe(
    true,
  );
});

test('replies stay as they are while later ones are written', async () => {
  const bodies = Array.from({ length: 3000 }, (_, i) => `{"instances": [${i}.0]}`);
  const answers = await Promise.all(bodies.map((body) => ask(queue, half, body)));
  for (const [i, { reply }] of answers.entries()) {
    expect(parsed(reply)).toEqual({ predictions: [i / 2 + 2] });
  }
});

test('a reply larger than the arena, and a body too large for the event loop, are whole', async () => {
  const echo = queue.target({ method: 'rest.predict', name: 'echo', version: null, label: null });
  const rows = Array.from({ length: 60_000 }, (_, i) => [i, i + 0.5]);
  const { reply, failure } = await ask(queue, echo, JSON.stringify({ instances: rows }));
  expect(failure).toBeNull();
  expect(parsed(reply)).toEqual({ predictions: rows });
});

test('done is never called from within infer', async () => {
  let inside = true;
  const answered = new Promise<boolean>((resolve) => {
    queue.infer(half, Buffer.from(SMALL), 0, () => resolve(inside));
  });
  inside = false;
  expect(await answered).toBe(false);
});

test('a deadline that has passed is answered without a run', async () => {
  const { failure } = await ask(queue, half, SMALL, performance.now() - 1);
  expect(failure).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    message: 'Timed out waiting for notification',
  });
});

test('at its deadline a pooled request is answered although it goes on', async () => {
  const pooled = new InferQueue({ turnBudgetUs: 0 });
  const image = pooled.target({
    method: 'rest.predict',
    name: 'image',
    version: null,
    label: null,
  });
  const picture = Array.from({ length: 28 }, () => Array.from({ length: 28 }, () => [0.5]));
  const body = JSON.stringify({ instances: Array.from({ length: 500 }, () => picture) });
  const { failure } = await ask(pooled, image, body, performance.now() + 2);
  expect(failure?.code).toBe('DEADLINE_EXCEEDED');
  await pooled.close();
});

test('a cancelled request is not answered', async () => {
  let answers = 0;
  const ticket = queue.infer(half, Buffer.from(SMALL), 0, () => {
    answers += 1;
  });
  queue.cancel(ticket);
  await ask(queue, half, SMALL);
  expect([answers, queue.inFlight()]).toEqual([0, 0]);
});

test('close() answers what is under way and refuses what comes later', async () => {
  const closing = new InferQueue({ turnBudgetUs: 0 });
  const target = closing.target({
    method: 'rest.predict',
    name: 'half_plus_two',
    version: null,
    label: null,
  });
  const before = Array.from({ length: 20 }, () => ask(closing, target, SMALL));
  await new Promise((resolve) => setImmediate(resolve));
  const closed = closing.close();
  expect((await Promise.all(before)).every(({ failure }) => failure === null)).toBe(true);
  await closed;
  expect((await ask(closing, target, SMALL)).failure?.code).toBe('UNAVAILABLE');
});

test('the rank-2 body on the Conv2D model is refused, and the process lives', async () => {
  const image = queue.target({ method: 'rest.predict', name: 'image', version: null, label: null });
  const body = JSON.stringify({ instances: [new Array(784).fill(1)] });
  const { failure } = await ask(queue, image, body);
  expect(failure).toMatchObject({
    code: 'INVALID_ARGUMENT',
    message: 'inputs.keras_tensor: expected shape [-1,28,28,1], got [1,784]',
  });
});

test('a switch of versions fails no request, and a withdrawn version is gone at once', async () => {
  const stop = new AbortController();
  let failures = 0;
  const traffic = (async () => {
    while (!stop.signal.aborted) if ((await ask(queue, half, SMALL)).failure) failures += 1;
  })();
  await publish('half_plus_two', 2);
  await catalog.withdraw('half_plus_two', 1n);
  expect((await ask(queue, half, SMALL)).version).toBe(2);
  stop.abort();
  await traffic;
  expect(failures).toBe(0);
  const old = queue.target({
    method: 'rest.predict',
    name: 'half_plus_two',
    version: 1n,
    label: null,
  });
  expect((await ask(queue, old, SMALL)).failure?.message).toBe(
    'Servable not found for request: Specific(half_plus_two, 1)',
  );
});

test('versions beyond a double are exact', async () => {
  const version = 2n ** 62n + 1n;
  const model = await loadModel({
    exportDir: versionDir('half_plus_three', 123),
    tags: ['serve'],
    configProto: null,
    inputShapeCheck: 'auto',
  });
  catalog.publish('big', version, model);
  const target = queue.target({ method: 'rest.predict', name: 'big', version, label: null });
  expect((await ask(queue, target, SMALL)).version).toBe(version);
  await catalog.withdraw('big', version);
});

test("a failing load tells TensorFlow's code", async () => {
  const options = {
    exportDir: '/nonexistent',
    tags: ['serve'],
    configProto: null,
    inputShapeCheck: 'auto',
  } as const;
  await expect(loadModel(options)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
