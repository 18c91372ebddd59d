import { afterEach, beforeEach, expect, it } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import { frame } from '../support/rpc.js';
import { FakeEngine } from './fakes.js';
import { type Serving, serve } from './grpc-support.js';
import { connectTo, exchange, UNARY } from './grpc-wire-support.js';

const LARGE = 'large '.repeat(20_000);
const MESSAGE = frame(Buffer.from(LARGE));

let engine: FakeEngine;
let serving: Serving;

beforeEach(async () => {
  engine = new FakeEngine(({ body }) => (body === LARGE ? { reply: 'got it' } : 'never'));
  serving = await serve({ engine, settings: { maxMessageBytes: 1_000_000 } });
});

afterEach(() => serving.stop());

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 5));
}

it.each([
  ['in one piece', [MESSAGE]],
  ['in three', [MESSAGE.subarray(0, 5), MESSAGE.subarray(5, 70_000), MESSAGE.subarray(70_000)]],
  ['with its head cut', [MESSAGE.subarray(0, 3), MESSAGE.subarray(3)]],
])('a large message that comes %s reaches the engine whole and is let go', async (_how, parts) => {
  const answer = await exchange(serving.port, { parts });
  expect(answer.trailers).toEqual(['grpc-status: 0']);
  expect(Buffer.from(answer.data, 'hex').subarray(5).toString()).toBe('got it');
  expect(engine.seen.map(({ body }) => body)).toEqual([LARGE]);
  expect(engine.bodies.open.size).toBe(0);
});

it.each([
  ['a second message', [MESSAGE, frame(Buffer.from('more'))], /^grpc-message: Received a second/],
  ['a second large one', [MESSAGE, MESSAGE], /^grpc-message: Received a second/],
  ['its end missing', [MESSAGE.subarray(0, 80_000)], /^grpc-message: The request ended inside/],
])('a large message with %s is refused and let go', async (_what, parts, text) => {
  const answer = await exchange(serving.port, { parts });
  expect(answer.headers).toContainEqual(expect.stringMatching(text));
  expect(engine.seen).toEqual([]);
  expect(engine.bodies.open.size).toBe(0);
});

it('one over the limit is refused by its head', async () => {
  const answer = await exchange(serving.port, { parts: [frame(Buffer.alloc(1_000_001))] });
  expect(answer.headers).toContain('grpc-status: 8');
  expect(engine.bodies.open.size).toBe(0);
});

it('one for which there is no memory is refused', async () => {
  engine.openBody = () => {
    throw new ServingError('RESOURCE_EXHAUSTED', 'no memory for a body');
  };
  const answer = await exchange(serving.port, { parts: [MESSAGE] });
  expect(answer.headers).toContain('grpc-status: 8');
  expect(answer.headers).toContain('grpc-message: no memory for a body');
});

it('a client that leaves, before or after its message is whole, leaves nothing behind', async () => {
  const other = frame(Buffer.alloc(100_000));
  for (const [cancelled, bytes] of [other.subarray(0, 80_000), other].entries()) {
    const session = await connectTo(serving.port);
    const headers = { ':method': 'POST', ':path': UNARY, 'content-type': 'application/grpc' };
    const stream = session.request(headers, { endStream: false });
    stream.on('error', () => undefined);
    if (bytes === other) stream.end(bytes);
    else stream.write(bytes);
    await until(() => engine.bodies.open.size === 1 && engine.seen.length === cancelled);
    session.destroy();
    await until(() => engine.bodies.open.size === 0);
  }
  expect(engine.cancelled).toHaveLength(1);
});
