import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { catalog } from '../../ts/native/catalog.js';
import { InferQueue } from '../../ts/native/infer-queue.js';
import { loadModel } from '../../ts/native/model.js';
import { configurePool } from '../../ts/native/pool.js';
import { wireModel } from '../support/wire-models.js';
import { ask, open, publish } from './support.js';

const MAX_QUEUED = 20;
/** Some tenths of a second each. */
const LONG_RUN = '{"instances": [40000]}';

let queue: InferQueue;
const target = (name: string): number =>
  queue.target({ method: 'rest.predict', name, version: null, label: null });

beforeAll(async () => {
  open();
  configurePool({ threads: 2, maxQueued: MAX_QUEUED });
  await publish('half_plus_two', 1);
  const exportDir = join(wireModel('slow'), '1');
  const model = await loadModel({
    exportDir,
    tags: ['serve'],
    configProto: null,
    inputShapeCheck: 'auto',
  });
  catalog.publish('slow', 1n, model);
  // Everything goes to the pool.
  queue = new InferQueue({ turnBudgetUs: 0 });
});

afterAll(() => queue.close());

test('a fast model is answered while a slow one holds all threads and its queue is full', async () => {
  const [slow, fast] = [target('slow'), target('half_plus_two')];
  // What a run takes is known once one has ended.
  expect((await ask(queue, slow, LONG_RUN)).failure).toBeNull();
  const tickets: number[] = [];
  let ended = 0;
  let refusal: string | null = null;
  let isOverloaded = false;
  // Both at once: on a busy machine a run may end between the refusal and the look.
  while (!isOverloaded) {
    refusal = await new Promise((resolve) => {
      const ticket = queue.infer(slow, Buffer.from(LONG_RUN), 0, (failure) => {
        if (failure?.code !== 'UNAVAILABLE') {
          ended += 1;
          return;
        }
        isOverloaded = queue.isOverloaded(slow);
        resolve(failure.message);
      });
      tickets.push(ticket);
      setImmediate(() => setImmediate(resolve, null));
    });
  }
  expect(refusal).toBe(
    `The inference queue is full: ${MAX_QUEUED} requests are waiting for 2 threads`,
  );
  for (let i = 0; i < 20; i += 1) {
    expect(queue.isOverloaded(fast)).toBe(false);
    const { failure, reply } = await ask(queue, fast, '{"instances": [1.0]}');
    expect([failure, String(reply)]).toEqual([null, expect.stringContaining('2.5')]);
  }
  // First come, first served would have had all of them done by now.
  expect(ended).toBeLessThan(tickets.length - 1);
  for (const ticket of tickets) queue.cancel(ticket);
});
