import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import type { Done, Target } from '../../ts/native/infer-queue.js';
import { LargeBody } from '../../ts/native/large-body.js';
import { loggedCounters } from '../../ts/native/record.js';
import { Capture } from '../../ts/record/capture.js';
import { type Captured, type CapturedBatch, captured } from '../../ts/record/captured.js';
import { FakeBodies } from '../api/fakes.js';
import { floats, predictRequest } from './support.js';

const REST: Target = { method: 'rest.predict', name: 'm', version: null, label: null };
const GRPC: Target = { method: 'grpc.predict', name: '', version: null, label: null };
const ignored: Done = () => undefined;

function make(rate: number, chance = 0.5, queueBytes = 1000) {
  const { port1, port2 } = new MessageChannel();
  const queued = new SharedArrayBuffer(4);
  const rates = new Map([['m', rate]]);
  const capture = new Capture({ rates, port: port1, queued, queueBytes }, () => chance);
  /** The next message, once the turn of the event loop has ended. */
  const next = async (): Promise<CapturedBatch | null | undefined> => {
    await new Promise((resolve) => setImmediate(resolve));
    return receiveMessageOnPort(port2)?.message as CapturedBatch | null | undefined;
  };
  return { capture, next, queued: new Int32Array(queued) };
}

describe('capturing', () => {
  it.each([
    [0.5, 0.49, true],
    [0.5, 0.5, false],
    [1, 0.999, true],
    [0, 0, false],
  ])('at a rate of %d a draw of %d is taken: %s', (rate, chance, taken) => {
    const { capture } = make(rate, chance);
    expect(capture.wrap(REST, Buffer.from('{}'), ignored) !== ignored).toBe(taken);
  });

  it('leaves other models alone, and finds a gRPC request’s in its message', () => {
    const { capture } = make(1);
    expect(capture.wrap({ ...REST, name: 'other' }, Buffer.from('{}'), ignored)).toBe(ignored);
    expect(capture.wrap(GRPC, Buffer.from('no message'), ignored)).toBe(ignored);
    const body = predictRequest({ x: floats([1]) });
    expect(capture.wrap(GRPC, body, ignored)).not.toBe(ignored);
  });

  it('sends a copy of body and answer, and answers as before', async () => {
    const { capture, next, queued } = make(1);
    const body = Buffer.from('{"instances":[1]}');
    const answers: unknown[] = [];
    const done = capture.wrap(REST, body, (...answer) => answers.push(answer));
    done(null, Buffer.from('{"predictions":[2]}'), 7);
    body.fill(0);
    expect(answers).toHaveLength(1);
    expect(queued[0]).toBe(36);
    const [message] = captured((await next()) as CapturedBatch);
    expect(message).toMatchObject({
      model: 'm',
      version: 7n,
      method: 'rest.predict',
      form: 'json',
    });
    expect([message?.body.toString(), message?.reply.toString()]).toEqual([
      '{"instances":[1]}',
      '{"predictions":[2]}',
    ]);
  });

  it('sends nothing of a request that failed', async () => {
    const { capture, next } = make(1);
    const done = capture.wrap(REST, Buffer.from('{}'), ignored);
    done(new ServingError('INVALID_ARGUMENT', 'no'), null, 0);
    expect(await next()).toBeUndefined();
  });

  it('copies a body that lies in native memory', async () => {
    const { capture, next } = make(1);
    const body = new LargeBody(new FakeBodies(), 10);
    body.write(Buffer.from('in '));
    body.write(Buffer.from('parts'));
    capture.wrap(REST, body, ignored)(null, Buffer.from('!'), 1);
    body.close();
    const [only] = captured((await next()) as CapturedBatch);
    expect(only?.body.toString()).toBe('in parts');
  });

  it('a writer that is too far behind is not waited for: the request is counted', async () => {
    const { capture, next, queued } = make(1, 0.5, 10);
    const dropped = (): number =>
      loggedCounters().find(({ model, code }) => model === 'm' && code === 8)?.count ?? 0;
    const before = dropped();
    capture.wrap(REST, Buffer.alloc(8), ignored)(null, Buffer.alloc(2), 1);
    capture.wrap(REST, Buffer.alloc(1), ignored)(null, Buffer.alloc(0), 1);
    expect(dropped() - before).toBe(1);
    expect(queued[0]).toBe(10);
    expect((await next())?.items).toHaveLength(1);
    expect(await next()).toBeUndefined();
  });

  it('sends the requests of a turn in one message, large ones with memory of their own', async () => {
    const { capture, next } = make(1, 0.5, 1_000_000);
    const sizes = [10, 20, 100_000, 30, 65_536];
    for (const [index, size] of sizes.entries()) {
      const body = Buffer.alloc(size, index + 1);
      capture.wrap(REST, body, ignored)(null, Buffer.from(String(index)), 1);
    }
    const seen: Captured[] = [];
    for (let batch = await next(); batch; batch = await next()) seen.push(...captured(batch));
    expect(seen.map(({ body, reply }) => [body.length, body.at(-1), String(reply)])).toEqual(
      sizes.map((size, index) => [size, index + 1, String(index)]),
    );
  });

  it('sends what is left, says a last word and captures no more', async () => {
    const { capture, next } = make(1);
    const late = capture.wrap(REST, Buffer.from('{}'), ignored);
    capture.wrap(REST, Buffer.from('{}'), ignored)(null, Buffer.from('!'), 1);
    capture.end();
    late(null, Buffer.from('!'), 1);
    expect((await next())?.items).toHaveLength(1);
    expect(await next()).toBeNull();
  });
});
