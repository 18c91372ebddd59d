import { afterAll, beforeAll, expect, test } from 'vitest';
import { InferQueue } from '../../ts/native/infer-queue.js';
import type { LargeBody } from '../../ts/native/large-body.js';
import { open, publish } from './support.js';

let queue: InferQueue;
let half: number;

beforeAll(async () => {
  open();
  await publish('half_plus_two', 1);
  queue = new InferQueue();
  half = queue.target({
    method: 'rest.predict',
    name: 'half_plus_two',
    version: null,
    label: null,
  });
});

afterAll(() => queue.close());

/** A body of `count` numbers, written in parts of 50 kB. */
function written(count: number, expectedBytes = 0): { body: LargeBody; predictions: number[] } {
  const instances = Array.from({ length: count }, (_, i) => i);
  const bytes = Buffer.from(JSON.stringify({ instances }));
  const body = queue.openBody(expectedBytes);
  for (let at = 0; at < bytes.length; at += 50_000) body.write(bytes.subarray(at, at + 50_000));
  return { body, predictions: instances.map((x) => x / 2 + 2) };
}

function answer(body: LargeBody): Promise<unknown> {
  return new Promise((resolve, reject) => {
    queue.infer(half, body, 0, (failure, reply) => {
      if (failure === null) resolve(JSON.parse(String(reply)));
      else reject(failure);
    });
  });
}

test('a body that came in parts is answered whole, however much was expected', async () => {
  for (const expected of [0, 1000, 1e12]) {
    const { body, predictions } = written(60_000, expected);
    expect(await answer(body)).toEqual({ predictions });
    body.close();
  }
});

test('a body can be run twice, and takes no parts after the first run', async () => {
  const { body, predictions } = written(20_000);
  expect(await answer(body)).toEqual({ predictions });
  body.write(Buffer.from('garbage'));
  expect(await answer(body)).toEqual({ predictions });
  body.close();
});

test('a part with memory of its own gives it back as it is written, others keep theirs', async () => {
  const text = Buffer.from(JSON.stringify({ instances: new Array(30_000).fill(2) }));
  const middle = text.length >> 1;
  const own = Buffer.allocUnsafeSlow(middle);
  text.copy(own);
  const shared = text.subarray(middle);
  const body = queue.openBody(0);
  body.write(own);
  body.write(shared);
  expect([own.length, shared.length]).toEqual([0, text.length - middle]);
  expect(body.bytes).toBe(text.length);
  expect(await answer(body)).toEqual({ predictions: new Array(30_000).fill(3) });
  expect(String(body.read())).toBe(String(text));
  body.close();
});

test('the memory of parts is free again before any garbage collection', () => {
  const partBytes = 1 << 16;
  const body = queue.openBody(64 * partBytes);
  const before = process.memoryUsage().arrayBuffers;
  for (let part = 0; part < 64; part += 1) body.write(Buffer.allocUnsafeSlow(partBytes));
  const grown = process.memoryUsage().arrayBuffers - before;
  body.close();
  expect(grown).toBeLessThan(partBytes);
});

test('a body closed while it runs is read to its end', async () => {
  const { body, predictions } = written(60_000);
  const reply = answer(body);
  // Past the turn that hands it to the pool.
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
  body.close();
  body.close();
  body.write(Buffer.from('nobody reads this'));
  expect(await reply).toEqual({ predictions });
});

test('a body given up before its turn is an error, not a crash', async () => {
  const { body } = written(1000);
  body.close();
  await expect(answer(body)).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('many bodies at once keep to themselves', async () => {
  const all = Array.from({ length: 12 }, (_, i) => written(1000 * (i + 1)));
  const replies = await Promise.all(all.map(({ body }) => answer(body)));
  expect(replies).toEqual(all.map(({ predictions }) => ({ predictions })));
  for (const { body } of all) body.close();
});

test('more requests than a turn has time for are all answered', async () => {
  const hurried = new InferQueue({ turnBudgetUs: 1 });
  const target = hurried.target({
    method: 'rest.predict',
    name: 'half_plus_two',
    version: null,
    label: null,
  });
  const order: number[] = [];
  const ask = (x: number): Promise<void> =>
    new Promise((resolve, reject) => {
      hurried.infer(target, Buffer.from(`{"instances": [${x}.0]}`), 0, (failure, reply) => {
        if (failure !== null) reject(failure);
        expect(JSON.parse(String(reply))).toEqual({ predictions: [x / 2 + 2] });
        order.push(x);
        resolve();
      });
    });
  // By then it runs inline.
  for (let i = 0; i < 200; i += 1) await ask(i);
  order.length = 0;
  const numbers = Array.from({ length: 100 }, (_, i) => i);
  await Promise.all(numbers.map(ask));
  expect(new Set(order)).toEqual(new Set(numbers));
  await hurried.close();
});
