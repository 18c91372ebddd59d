import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import { frame } from '../support/rpc.js';
import { FakeEngine } from './fakes.js';
import { type Serving, serve } from './grpc-support.js';
import {
  connectTo,
  exchange,
  UNARY as PATH,
  STREAM,
  type WireRequest,
} from './grpc-wire-support.js';

/** The largest message that the server takes and sends. */
const LIMIT = 1000;

const hi = frame(Buffer.from('hi'));
const HI = '00000000026869';
const say = (word: string): Buffer => frame(Buffer.from(word));

let serving: Serving;

beforeAll(async () => {
  const engine = new FakeEngine(({ body }) => {
    if (body === 'never') return 'never';
    if (body === 'fail') return new ServingError('NOT_FOUND', ' 100% "é"\n[x] ');
    if (body === 'busy') return new ServingError('UNAVAILABLE', 'busy');
    if (body === 'large') return { reply: Buffer.alloc(2 * LIMIT) };
    return { reply: body };
  });
  serving = await serve({ engine, settings: { maxMessageBytes: LIMIT } });
});

afterAll(() => serving.stop());

const HEADERS = [
  ':status: 200',
  'content-type: application/grpc+proto',
  'grpc-accept-encoding: identity,deflate,gzip',
];

/** An answer with messages. */
const answered = (data: string) => ({
  headers: HEADERS,
  data,
  trailers: ['grpc-status: 0'],
  reset: 0,
});

/** An answer that is a status alone: its headers are its trailers. */
const refused = (code: number, text: string, ...more: string[]) => ({
  headers: [
    ':status: 200',
    'content-type: application/grpc+proto',
    ...more.filter((line) => line < 'grpc-message'),
    `grpc-message: ${text}`,
    ...more.filter((line) => line > 'grpc-message'),
    `grpc-status: ${code}`,
  ],
  data: '',
  trailers: [],
  reset: 0,
});

/** An answer without gRPC. */
const plain = (...headers: string[]) => ({ headers, data: '', trailers: [], reset: 0 });

type Case = readonly [what: string, request: WireRequest, answer: object];

function check(cases: readonly Case[]): void {
  it.each(cases)('%s', async (_what, request, answer) => {
    expect(await exchange(serving.port, request)).toEqual(answer);
  });
}

const encoded = (encoding: string, ...parts: Buffer[]): WireRequest => ({
  headers: { 'grpc-encoding': encoding },
  parts,
});

describe('a message', () => {
  check([
    ['in one DATA frame', { parts: [hi] }, answered(HI)],
    ['cut inside its head', { parts: [hi.subarray(0, 3), hi.subarray(3)] }, answered(HI)],
    ['byte by byte', { parts: [...hi].map((byte) => Buffer.from([byte])) }, answered(HI)],
    ['without bytes', { parts: [frame(Buffer.alloc(0))] }, answered('0000000000')],
    [
      'as large as it may be',
      { parts: [frame(Buffer.alloc(LIMIT, 0x41))] },
      answered(`00000003e8${'41'.repeat(LIMIT)}`),
    ],
    ['compressed with gzip', encoded('gzip', frame(gzipSync('hi'), true)), answered(HI)],
    ['compressed with deflate', encoded('deflate', frame(deflateSync('hi'), true)), answered(HI)],
    ['as it is, beside an encoding nobody knows', encoded('zstd', hi), answered(HI)],
  ]);
});

describe('a request is refused that', () => {
  const unary = `method ${PATH}`;
  const cut = 'The request ended inside a message';
  const compressed = frame(Buffer.from('hi'), true);
  check([
    ['has no message', {}, refused(12, `Received no request message for ${unary}`)],
    [
      'has two',
      { parts: [Buffer.concat([hi, hi])] },
      refused(12, `Received a second request message for ${unary}`),
    ],
    ['ends inside a head', { parts: [hi.subarray(0, 3)] }, refused(13, cut)],
    ['ends inside a message', { parts: [hi.subarray(0, 6)] }, refused(13, cut)],
    [
      'ends inside a second one',
      { parts: [Buffer.concat([hi, hi.subarray(0, 3)])] },
      refused(13, cut),
    ],
    [
      'has a flag that is none',
      { parts: [Buffer.from([2, 0, 0, 0, 1, 65])] },
      refused(13, 'Bad message frame type 2'),
    ],
    [
      'announces too much, before the rest has come',
      { parts: [Buffer.from([0, 0, 0, 0x10, 1])], isOpen: true },
      refused(8, 'Received message larger than max (4097 vs 1000)'),
    ],
    [
      'would have too large an answer',
      { parts: [say('large')] },
      refused(8, 'Sent message larger than max (2005 vs. 1000)'),
    ],
    [
      'grows too large',
      encoded('gzip', frame(gzipSync(Buffer.alloc(100_000)), true)),
      refused(8, 'Received message that decompresses to a size larger than 1000'),
    ],
    [
      'is no gzip',
      encoded('gzip', frame(Buffer.from('no gzip'), true)),
      refused(13, 'Failed to decompress message'),
    ],
    [
      'is not all of a gzip',
      encoded('gzip', frame(gzipSync('hi').subarray(0, -4), true)),
      refused(13, 'Failed to decompress message'),
    ],
    [
      'is compressed with what nobody knows',
      encoded('zstd', compressed),
      refused(
        12,
        'Received message compressed with unsupported encoding "zstd"',
        'grpc-accept-encoding: identity,deflate,gzip',
      ),
    ],
    [
      'is compressed and does not say how',
      { parts: [compressed] },
      refused(13, 'Received compressed message without a grpc-encoding'),
    ],
    [
      'is compressed and says it is not',
      encoded('identity', compressed),
      refused(13, 'Received compressed message without a grpc-encoding'),
    ],
    [
      'asks for a method that is none',
      { path: '/no.Such/Thing%20', parts: [hi] },
      refused(12, 'The server does not implement the method /no.Such/Thing%2520'),
    ],
    [
      'fails, with a text of any characters',
      { parts: [say('fail')] },
      refused(5, '%20100%25 "%C3%A9"%0A[x]%20'),
    ],
    [
      'comes at a bad time, and hears when to come again',
      { parts: [say('busy')] },
      refused(14, 'busy', 'grpc-retry-pushback-ms: 1000'),
    ],
  ]);
});

describe('headers', () => {
  const typed = (type: string | string[]): WireRequest => ({
    headers: { 'content-type': type },
    parts: [hi],
  });
  const timed = (timeout: string, word = 'hi'): WireRequest => ({
    headers: { 'grpc-timeout': timeout },
    parts: [say(word)],
  });
  const bad = (timeout: string) => refused(13, `Invalid grpc-timeout value "${timeout}"`);
  const notAllowed = plain(':status: 405', 'allow: POST');
  check([
    ['of another type', typed('text/plain'), plain(':status: 415')],
    ['of no type', typed([]), plain(':status: 415')],
    ['of type +proto', typed('application/grpc+proto'), answered(HI)],
    ['of a type that goes on', typed('application/grpc; charset=x'), answered(HI)],
    ['of a GET', { headers: { ':method': 'GET' } }, notAllowed],
    ['of a PUT', { headers: { ':method': 'PUT' }, parts: [hi] }, notAllowed],
    [
      'of a page',
      { headers: { ':method': 'GET', 'content-type': 'text/html' } },
      plain(':status: 415'),
    ],
    ['with a timeout in hours', timed('99999999H'), answered(HI)],
    ['with a timeout in minutes', timed('99M'), answered(HI)],
    ['with a timeout in seconds', timed('5S'), answered(HI)],
    ['with a timeout in microseconds', timed('9000000u'), answered(HI)],
    ['with a timeout that passes', timed('50m', 'never'), refused(4, 'Deadline exceeded')],
    ['with a timeout in nanoseconds', timed('1000n', 'never'), refused(4, 'Deadline exceeded')],
    ['with a timeout that is none', timed('soon'), bad('soon')],
    ['with a timeout of nine digits', timed('123456789S'), bad('123456789S')],
    ['with a timeout after something else', timed('x5S'), bad('x5S')],
    [
      'with metadata of bytes that are no base64',
      { headers: { 'trace-bin': '@@@ no base64' }, parts: [hi] },
      answered(HI),
    ],
  ]);
});

describe('a stream', () => {
  const streamed = (...parts: Buffer[]): WireRequest => ({ path: STREAM, parts });
  const failed = (data: string, code: number, text: string) => ({
    headers: HEADERS,
    data,
    trailers: [`grpc-message: ${text}`, `grpc-status: ${code}`],
    reset: 0,
  });
  check([
    [
      'of three messages in two frames',
      streamed(Buffer.concat([hi, hi]), hi),
      answered(HI.repeat(3)),
    ],
    [
      'without a message',
      streamed(),
      {
        headers: [':status: 200', 'content-type: application/grpc+proto', 'grpc-status: 0'],
        data: '',
        trailers: [],
        reset: 0,
      },
    ],
    [
      'that fails on the way',
      streamed(Buffer.concat([hi, say('fail'), hi])),
      failed(HI, 5, '%20100%25 "%C3%A9"%0A[x]%20'),
    ],
    [
      'that ends inside a message',
      streamed(Buffer.concat([hi, hi.subarray(0, 6)])),
      failed(HI, 13, 'The request ended inside a message'),
    ],
    [
      'that announces too much',
      { ...streamed(hi, Buffer.from([0, 0, 0, 0x10, 1])), isOpen: true },
      failed(HI, 8, 'Received message larger than max (4097 vs 1000)'),
    ],
    [
      'of which some messages are compressed',
      {
        ...encoded(
          'gzip',
          frame(gzipSync('a'), true),
          Buffer.concat([hi, frame(gzipSync('c'), true)]),
        ),
        path: STREAM,
      },
      answered(`000000000161${HI}000000000163`),
    ],
  ]);
});

describe('a connection', () => {
  it('that stays idle is closed, and one with a call on it is not', async () => {
    const engine = new FakeEngine(() => 'never');
    const { port, stop } = await serve({ engine, settings: { idleTimeoutMs: 200 } });
    const [idle, busy] = [await connectTo(port), await connectTo(port)];
    busy.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' }).end(hi);
    await expect.poll(() => engine.seen.length).toBe(1);
    await expect.poll(() => idle.closed, { timeout: 5000 }).toBe(true);
    expect(busy.closed).toBe(false);
    busy.destroy();
    await stop();
  });

  it('that is old is closed, after its calls', async () => {
    const engine = new FakeEngine(({ body }) => ({ reply: body }));
    const channelArguments = ['grpc.max_connection_age_ms=200', 'grpc.unheard_of=1'];
    const { port, stop } = await serve({ engine, settings: { channelArguments } });
    const session = await connectTo(port);
    const told: number[] = [];
    session.on('goaway', (code) => told.push(code));
    await expect.poll(() => session.closed, { timeout: 5000 }).toBe(true);
    expect(told[0]).toBe(0);
    await stop();
  });

  it('whose calls outlive the grace that its age gets is cut off', async () => {
    const engine = new FakeEngine(() => 'never');
    const channelArguments = [
      'grpc.max_connection_age_ms=100',
      'grpc.max_connection_age_grace_ms=100',
    ];
    const { port, stop } = await serve({ engine, settings: { channelArguments } });
    const answer = await exchange(port, { parts: [hi] });
    expect(answer).toMatchObject({ headers: [], trailers: [] });
    await expect.poll(() => engine.cancelled).toEqual([1]);
    await stop();
  });

  it('that is gone takes its calls along', async () => {
    const engine = new FakeEngine(() => 'never');
    const { port, stop } = await serve({ engine });
    const session = await connectTo(port);
    for (let i = 0; i < 3; i++) {
      session
        .request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/grpc' })
        .end(hi);
    }
    await expect.poll(() => engine.seen.length).toBe(3);
    session.destroy();
    await expect.poll(() => engine.cancelled).toEqual([1, 2, 3]);
    await stop();
  });
});

describe('a server that stops', () => {
  it('ends a watch at once, and cuts off what does not end', async () => {
    const engine = new FakeEngine(() => 'never');
    const { port, server } = await serve({ engine });
    const began = performance.now();
    const watch = exchange(port, {
      path: '/grpc.health.v1.Health/Watch',
      parts: [frame(Buffer.alloc(0))],
    });
    const endless = exchange(port, { parts: [say('never')] });
    await expect.poll(() => engine.seen.length).toBe(1);
    const watched = watch.then(({ trailers }) => [trailers, performance.now() - began] as const);
    await server.stop(2000);
    const [trailers, took] = await watched;
    expect(trailers).toEqual(['grpc-message: The server is shutting down', 'grpc-status: 14']);
    expect(took).toBeLessThan(2000);
    expect((await endless).headers).toEqual([]);
    expect(engine.cancelled).toEqual([1]);
    const late = await exchange(port, { parts: [hi] });
    expect(late.headers).toEqual([]);
  });
});
