import { MessageChannel, receiveMessageOnPort } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import type { Done, Target } from '../../ts/native/infer-queue.js';
import { LargeBody } from '../../ts/native/large-body.js';
import { loggedCounters } from '../../ts/native/record.js';
import { Capture } from '../../ts/record/capture.js';
import { type CapturedMessage, captured } from '../../ts/record/captured.js';
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
  const next = (): CapturedMessage | null | undefined =>
    receiveMessageOnPort(port2)?.message as CapturedMessage | null | undefined;
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

  it('sends a copy of body and answer, and answers as before', () => {
    const { capture, next, queued } = make(1);
    const body = Buffer.from('{"instances":[1]}');
    const answers: unknown[] = [];
    const done = capture.wrap(REST, body, (...answer) => answers.push(answer));
    done(null, Buffer.from('{"predictions":[2]}'), 7);
    body.fill(0);
    expect(answers).toHaveLength(1);
    expect(queued[0]).toBe(36);
    const message = captured(next() as CapturedMessage);
    expect(message).toMatchObject({
      model: 'm',
      version: 7n,
      method: 'rest.predict',
      form: 'json',
    });
    expect([message.body.toString(), message.reply.toString()]).toEqual([
      '{"instances":[1]}',
      '{"predictions":[2]}',
    ]);
  });

  it('sends nothing of a request that failed', () => {
    const { capture, next } = make(1);
    const done = capture.wrap(REST, Buffer.from('{}'), ignored);
    done(new ServingError('INVALID_ARGUMENT', 'no'), null, 0);
    expect(next()).toBeUndefined();
  });

  it('copies a body that lies in native memory', () => {
    const { capture, next } = make(1);
    const body = new LargeBody(new FakeBodies(), 10);
    body.write(Buffer.from('in '));
    body.write(Buffer.from('parts'));
    capture.wrap(REST, body, ignored)(null, Buffer.from('!'), 1);
    body.close();
    expect(captured(next() as CapturedMessage).body.toString()).toBe('in parts');
  });

  it('a writer that is too far behind is not waited for: the request is counted', () => {
    const { capture, next, queued } = make(1, 0.5, 10);
    const dropped = (): number =>
      loggedCounters().find(({ model, code }) => model === 'm' && code === 8)?.count ?? 0;
    const before = dropped();
    capture.wrap(REST, Buffer.alloc(8), ignored)(null, Buffer.alloc(2), 1);
    capture.wrap(REST, Buffer.alloc(1), ignored)(null, Buffer.alloc(0), 1);
    expect(dropped() - before).toBe(1);
    expect(queued[0]).toBe(10);
    expect(next()).toBeDefined();
    expect(next()).toBeUndefined();
  });

  it('says a last word', () => {
    const { capture, next } = make(1);
    capture.end();
    expect(next()).toBeNull();
  });
});
