import { describe, expect, it } from 'vitest';
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  frameOf,
  hpack,
  PADDED,
  REQUEST,
  REQUEST_FIELDS,
  uint32,
  WITH_PRIORITY,
} from '../../chaos/support/frames.js';
import { call, data, expectMessage, headers, target } from './support/calls.js';
import { check } from './support/outcomes.js';

type Fields = readonly (readonly [string, string])[];

const open = (payload: Uint8Array, flags = 0): Buffer =>
  frameOf(FRAME.headers, 1, payload, END_HEADERS | flags);
/** A block with `padding` bytes of it after, and what a client says of their number. */
const padded = (block: Buffer, padding: number, said = padding): Buffer =>
  Buffer.concat([Buffer.from([said]), block, Buffer.alloc(padding)]);
const PRIORITY = Buffer.concat([uint32(0x8000_0003), Buffer.from([255])]);

describe('a HEADERS frame', () => {
  it.each([
    ['with padding', padded(REQUEST, 100), PADDED],
    ['with padding of no bytes', padded(REQUEST, 0), PADDED],
    ['with as much padding as there can be', padded(REQUEST, 255), PADDED],
    ['with a priority', Buffer.concat([PRIORITY, REQUEST]), WITH_PRIORITY],
    [
      'with both',
      Buffer.concat([Buffer.from([9]), PRIORITY, REQUEST, Buffer.alloc(9)]),
      PADDED | WITH_PRIORITY,
    ],
    ['with flags that mean nothing', REQUEST, 0xd2 & ~PADDED],
  ])('%s is read', async (_what, payload, flags) => {
    const peer = await (await target()).open();
    peer.send(open(payload, flags), data(1, 'hi'));
    expectMessage(await peer.answer(1));
  });

  check([
    {
      what: 'with more padding than bytes is an error',
      send: [open(padded(REQUEST, 0, 255), PADDED)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'whose padding reaches into the priority is an error',
      send: [open(Buffer.concat([Buffer.from([3]), PRIORITY]), PADDED | WITH_PRIORITY)],
      outcome: ['connection PROTOCOL_ERROR', 'connection FRAME_SIZE_ERROR'],
    },
    {
      what: 'without the byte of its padding is an error',
      send: [open(Buffer.alloc(0), PADDED)],
      outcome: ['connection FRAME_SIZE_ERROR', 'connection PROTOCOL_ERROR'],
    },
    {
      what: 'without the bytes of its priority is an error',
      send: [open(Buffer.alloc(4), WITH_PRIORITY)],
      outcome: ['connection FRAME_SIZE_ERROR', 'connection PROTOCOL_ERROR'],
    },
    {
      what: 'that depends on itself is no harm to others',
      send: [open(Buffer.concat([uint32(1), Buffer.from([1]), REQUEST]), WITH_PRIORITY)],
      outcome: ['stream PROTOCOL_ERROR', 'connection PROTOCOL_ERROR', 'ignored'],
    },
    {
      what: 'of padding alone is malformed',
      send: [open(padded(Buffer.alloc(0), 20), PADDED)],
      outcome: 'stream PROTOCOL_ERROR',
    },
    {
      what: 'larger than 16384 is an error',
      send: [open(hpack([...REQUEST_FIELDS, ['x-long', 'y'.repeat(16_384)]]))],
      outcome: 'connection FRAME_SIZE_ERROR',
    },
  ]);
});

/** A request cut into a HEADERS frame and CONTINUATIONs of these lengths, the last of which takes the rest. */
function cut(lengths: readonly number[], flags = 0, first = 1): Buffer[] {
  const frames: Buffer[] = [];
  let at = 0;
  for (const [index, length] of [...lengths, REQUEST.length].entries()) {
    const end = Math.min(at + length, REQUEST.length);
    const isLast = index === lengths.length;
    const type = index === 0 ? FRAME.headers : FRAME.continuation;
    const own = (index === 0 ? flags : 0) | (isLast ? END_HEADERS : 0);
    frames.push(frameOf(type, first, REQUEST.subarray(at, end), own));
    at = end;
  }
  return frames;
}

describe('a header block', () => {
  it.each([
    ['in two frames', cut([10])],
    ['in three frames', cut([1, 50])],
    ['of which the first frame has nothing', cut([0])],
    ['of which a frame in the middle has nothing', cut([20, 0, 20])],
    ['of which the last frame has nothing', cut([REQUEST.length])],
  ])('%s is read', async (_what, frames) => {
    const peer = await (await target()).open();
    peer.send(...frames, data(1, 'hi'));
    expectMessage(await peer.answer(1));
  });

  it('cut at every byte is read', async () => {
    const peer = await (await target()).open();
    for (let at = 0; at <= REQUEST.length; at += 1) {
      const stream = 2 * at + 1;
      peer.send(...cut([at], 0, stream), data(stream, 'hi'));
    }
    for (let at = 0; at <= REQUEST.length; at += 1) expectMessage(await peer.answer(2 * at + 1));
  });

  it('in frames of which the first ends the stream is a whole request', async () => {
    const peer = await (await target()).open();
    peer.send(...cut([10], END_STREAM));
    expect((await peer.answer(1)).headers['grpc-status']).toBe('12');
  });

  const begun = cut([10])[0] as Buffer;
  const rest = cut([10])[1] as Buffer;
  const between: [what: string, frame: Buffer][] = [
    ['DATA', data(1, 'hi')],
    ['HEADERS of its own stream', headers(1)],
    ['HEADERS of another stream', headers(3)],
    ['PRIORITY', frameOf(FRAME.priority, 1, PRIORITY)],
    ['RST_STREAM', frameOf(FRAME.reset, 1, uint32(8))],
    ['SETTINGS', frameOf(FRAME.settings, 0)],
    ['PING', frameOf(FRAME.ping, 0, Buffer.alloc(8))],
    ['GOAWAY', frameOf(FRAME.goAway, 0, Buffer.alloc(8))],
    ['WINDOW_UPDATE', frameOf(FRAME.windowUpdate, 0, uint32(1))],
    ['CONTINUATION of another stream', frameOf(FRAME.continuation, 3, Buffer.alloc(0))],
    ['CONTINUATION of stream 0', frameOf(FRAME.continuation, 0, Buffer.alloc(0))],
  ];
  check([
    ...between.map(([what, frame]) => ({
      what: `with ${what} in between is an error`,
      send: [begun, frame, rest],
      outcome: 'connection PROTOCOL_ERROR' as const,
    })),
    {
      what: 'that goes on after its end is an error',
      send: [headers(1), frameOf(FRAME.continuation, 1, Buffer.alloc(0), END_HEADERS)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'without a beginning is an error',
      send: [frameOf(FRAME.continuation, 1, REQUEST, END_HEADERS)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'that goes on after DATA is an error',
      send: [headers(1), data(1, 'hi', 0), frameOf(FRAME.continuation, 1, REQUEST, END_HEADERS)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'that says it has ended inside a field is an error',
      send: [open(REQUEST.subarray(0, -1))],
      outcome: 'connection COMPRESSION_ERROR',
    },
  ]);
});

/** A request with fields instead of some of gRPC's own. */
function request(...changes: [string, string | null][]): Buffer[] {
  const changed = new Map(changes);
  const fields = REQUEST_FIELDS.flatMap(([name, value]): Fields => {
    const now = changed.get(name);
    changed.delete(name);
    return now === null ? [] : [[name, now ?? value]];
  });
  const added = [...changed].filter((entry): entry is [string, string] => entry[1] !== null);
  return [headers(1, [...fields, ...added]), data(1, 'hi')];
}

const malformed = (what: string, send: Buffer[]) => ({
  what: `${what} is malformed`,
  send,
  outcome: 'stream PROTOCOL_ERROR' as const,
});

describe('a request', () => {
  check([
    ...['Te', 'X-Custom', 'customX'].map((name) =>
      malformed(`with the name ${name}`, request([name, 'trailers'])),
    ),
    ...['x y', 'x:y', 'x\u0000', 'x\u007f', 'x\r\n', 'é', ''].map((name) =>
      malformed(`with the name ${JSON.stringify(name)}`, request([name, 'y'])),
    ),
    ...['a\u0000b', 'a\nb', 'a\rb', ' a', 'a ', '\ta', 'a\t'].map((value) =>
      malformed(`with the value ${JSON.stringify(value)}`, request(['x-y', value])),
    ),
    ...['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade'].map(
      (name) => malformed(`with ${name}`, request([name, 'close'])),
    ),
    ...['gzip', 'trailers, gzip', ''].map((value) =>
      malformed(`with te: ${value}`, request(['te', value])),
    ),
    ...[':method', ':scheme', ':path'].map((name) =>
      malformed(`without ${name}`, request([name, null])),
    ),
    ...REQUEST_FIELDS.slice(0, 4).map(([name, value]) =>
      malformed(`with ${name} twice`, [
        headers(1, [[name, value], ...REQUEST_FIELDS]),
        data(1, 'hi'),
      ]),
    ),
    malformed('without a path in it', request([':path', ''])),
    malformed('with :status', [headers(1, [[':status', '200'], ...REQUEST_FIELDS])]),
    malformed('with a pseudo header nobody knows', [
      headers(1, [[':what', 'x'], ...REQUEST_FIELDS]),
    ]),
    malformed('with : alone', [headers(1, [[':', 'x'], ...REQUEST_FIELDS])]),
    malformed('with a pseudo header after another', [
      headers(1, [...REQUEST_FIELDS.slice(1), REQUEST_FIELDS[0]]),
    ]),
    malformed('with a content-length that is none', request(['content-length', 'x'])),
    malformed('with a negative content-length', request(['content-length', '-7'])),
    malformed('with two content-lengths', [
      headers(1, [...REQUEST_FIELDS, ['content-length', '7'], ['content-length', '8']]),
      data(1, 'hi'),
    ]),
    malformed('longer than its content-length', request(['content-length', '6'])),
    malformed('shorter than its content-length', request(['content-length', '8'])),
    malformed('with a content-length and no content', [
      headers(1, [...REQUEST_FIELDS, ['content-length', '1']], END_HEADERS | END_STREAM),
    ]),
  ]);

  it.each([
    ['a content-length that is right', request(['content-length', '7'])],
    ['a host in place of :authority', request([':authority', null], ['host', 'y'])],
    ['no te', request(['te', null])],
    ['a host', request(['host', 'y'])],
    ['a cookie', request(['cookie', 'a=b'])],
    ['an empty value', request(['x-empty', ''])],
    ['bytes above 127 in a value', request(['x-bytes', '\u00e9\u00ff'])],
    ['every character a name may have', request(["x!#$%&'*+-.^_`|~09", 'y'])],
    ['pseudo headers in another order', [headers(1, inOrder(3, 0, 2, 1, 4, 5)), data(1, 'hi')]],
  ])('may have %s', async (_what, bytes) => {
    const peer = await (await target()).open();
    peer.send(...bytes);
    expectMessage(await peer.answer(1));
  });

  it('that is malformed is no reason to reset others', async () => {
    const { open: connect, engine } = await target();
    const peer = await connect();
    peer.send(headers(3, [['x', 'y']]), call(5), headers(7, [[':path', '/']]), call(9));
    expectMessage(await peer.answer(5));
    expectMessage(await peer.answer(9));
    expect(await peer.resetCode(3)).toBe(1);
    expect(await peer.resetCode(7)).toBe(1);
    expect(engine.seen).toHaveLength(2);
  });
});

function inOrder(...order: number[]): Fields {
  return order.map((index) => REQUEST_FIELDS[index] ?? ['x-none', '']);
}

describe('more headers than anyone needs', () => {
  const many = (bytes: number, each: number): Buffer =>
    hpack([
      ...REQUEST_FIELDS,
      ...Array.from({ length: bytes / each }, (_, index): [string, string] => [
        `x-${index}`,
        'y'.repeat(each - 40),
      ]),
    ]);

  it('of 8 kB are read', async () => {
    const peer = await (await target()).open();
    peer.send(open(many(8000, 400)), data(1, 'hi'));
    expectMessage(await peer.answer(1));
  });

  it.each([
    ['in large fields', many(300_000, 6000)],
    ['in small fields', many(300_000, 50)],
  ])('of 300 kB %s cost the call, or the connection, and reach no engine', async (_what, block) => {
    const { open: connect, engine } = await target();
    const peer = await connect();
    const frames: Buffer[] = [];
    for (let at = 0; at < block.length; at += 16_384) {
      const isLast = at + 16_384 >= block.length;
      const type = at === 0 ? FRAME.headers : FRAME.continuation;
      const part = block.subarray(at, at + 16_384);
      frames.push(frameOf(type, 1, part, isLast ? END_HEADERS : 0));
    }
    peer.send(...frames, data(1, 'hi'));
    const code = await peer.until('refusal', () => {
      const refusal = peer.find(FRAME.reset, 1) ?? peer.find(FRAME.goAway);
      const answer = peer.find(FRAME.headers, 1)?.fields;
      if (answer !== undefined) return answer[':status'];
      return refusal?.payload.readUInt32BE(refusal.type === FRAME.reset ? 0 : 4);
    });
    // ENHANCE_YOUR_CALM, REFUSED_STREAM, PROTOCOL_ERROR, or HTTP's own "Request Header Fields Too Large".
    expect([11, 7, 1, '431']).toContain(code);
    expect(engine.seen).toEqual([]);
  });
});
