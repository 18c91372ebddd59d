import { describe, expect, it } from 'vitest';
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  frameOf,
  hpack,
  hpackInteger,
  hpackText,
  PREFACE,
  REQUEST,
  uint32,
} from '../../chaos/support/frames.js';
import {
  call,
  data,
  ERROR,
  expectMessage,
  expectServes,
  headers,
  MAX_WINDOW,
  SETTING,
  STREAM_FIELDS,
  target,
} from './support/calls.js';
import { check, expectOutcome } from './support/outcomes.js';

const window = (stream: number, by: number): Buffer =>
  frameOf(FRAME.windowUpdate, stream, uint32(by));
const reset = (stream: number, code: number = ERROR.cancel): Buffer =>
  frameOf(FRAME.reset, stream, uint32(code));
const priority = (stream: number, on = 0): Buffer =>
  frameOf(FRAME.priority, stream, Buffer.concat([uint32(on), Buffer.from([15])]));
const trailers = (flags: number, ...fields: [string, string][]): Buffer =>
  frameOf(FRAME.headers, 1, hpack(fields), END_HEADERS | flags);
/** What may come of a frame on a stream that both sides have ended: RFC 9113 section 5.1 allows either. */
const LATE = ['connection STREAM_CLOSED', 'stream STREAM_CLOSED', 'ignored'] as const;

describe('a stream', () => {
  check([
    {
      what: 'with an even number is an error',
      send: [call(2)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'with number 0 is an error',
      send: [call(0)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'may leave numbers out',
      send: [call(7), call(999)],
      outcome: 'ignored',
      seen: 2,
    },
    {
      what: 'with a number below an earlier one is an error',
      send: [call(5), headers(3)],
      stream: 3,
      outcome: ['connection PROTOCOL_ERROR', 'connection STREAM_CLOSED'],
      seen: 1,
    },
    {
      what: 'is ended by its HEADERS as well',
      send: [headers(1, null, END_HEADERS | END_STREAM)],
      outcome: 'ignored',
    },
    {
      what: 'with the reserved bit set is the one without',
      send: [frameOf(FRAME.headers, 0x8000_0001, REQUEST, END_HEADERS), data(0x8000_0001, 'hi')],
      outcome: 'ignored',
      seen: 1,
    },
  ]);

  it('has the last number there is, and the connection serves its call', async () => {
    const peer = await (await target()).open();
    peer.send(call(MAX_WINDOW));
    expectMessage(await peer.answer(MAX_WINDOW));
  });
});

describe('a stream that the client has ended', () => {
  const ended = Buffer.concat([headers(1), data(1, 'never')]);
  check([
    {
      what: 'takes no DATA',
      send: [ended, data(1, 'more')],
      outcome: ['stream STREAM_CLOSED', 'connection STREAM_CLOSED'],
      seen: 1,
    },
    {
      what: 'takes no HEADERS',
      send: [ended, headers(1)],
      outcome: ['stream STREAM_CLOSED', 'connection STREAM_CLOSED'],
      seen: 1,
    },
    {
      what: 'takes no CONTINUATION',
      send: [ended, frameOf(FRAME.continuation, 1, REQUEST, END_HEADERS)],
      outcome: 'connection PROTOCOL_ERROR',
      seen: 1,
    },
    {
      what: 'takes WINDOW_UPDATE and PRIORITY',
      send: [ended, window(1, 10), priority(1)],
      outcome: 'ignored',
      seen: 1,
    },
  ]);
});

describe('a stream that is over', () => {
  it.each([
    ['DATA', data(1, 'late'), LATE],
    ['HEADERS', headers(1), LATE],
    ['WINDOW_UPDATE', window(1, 1), ['ignored']],
    ['RST_STREAM', reset(1), ['ignored']],
    ['PRIORITY', priority(1), ['ignored']],
  ] as const)('and gets %s', async (_what, bytes, allowed) => {
    const server = await target();
    const peer = await server.open();
    await expectServes(peer, 1);
    peer.send(bytes);
    await expectOutcome(server, peer, { outcome: allowed, seen: 1 });
  });

  it.each([
    ['DATA', data(1, 'late')],
    ['trailers', trailers(END_STREAM, ['x-late', 'y'])],
    ['WINDOW_UPDATE', window(1, 1)],
    ['RST_STREAM', reset(1)],
  ] as const)(
    'because the server has reset it passes over %s that was under way',
    async (_what, bytes) => {
      const server = await target();
      const peer = await server.open();
      peer.send(headers(1), window(1, 0));
      expect(await peer.resetCode(1)).toBe(ERROR.protocol);
      peer.send(bytes);
      await expectOutcome(server, peer, { outcome: 'stream PROTOCOL_ERROR' });
    },
  );

  it('because the server has reset it still teaches the header table', async () => {
    const server = await target();
    const peer = await server.open();
    peer.send(headers(1), window(1, 0));
    await peer.resetCode(1);
    // Indexed by the trailers that nobody waits for, and used by the next call.
    const entry = Buffer.concat([
      hpackInteger(0, 6, 0x40),
      hpackText('grpc-timeout'),
      hpackText('no time'),
    ]);
    peer.send(
      frameOf(FRAME.headers, 1, entry, END_HEADERS | END_STREAM),
      frameOf(
        FRAME.headers,
        3,
        Buffer.concat([REQUEST, hpackInteger(62, 7, 0x80)]),
        END_HEADERS | END_STREAM,
      ),
    );
    const { headers: found } = await peer.answer(3);
    expect(found['grpc-message']).toBe('Invalid grpc-timeout value "no time"');
  });
});

describe('a RST_STREAM', () => {
  it('ends a running call, with whatever code', async () => {
    const { open, engine } = await target();
    const peer = await open();
    peer.send(call(1, 'never'), call(3, 'never'));
    await expect.poll(() => engine.seen.length).toBe(2);
    peer.send(reset(1), reset(3, 0xdead_beef));
    await expect.poll(() => engine.cancelled).toEqual([1, 2]);
    await expectServes(peer, 5);
    expect(peer.find(FRAME.headers, 1)).toBeUndefined();
    expect(peer.find(FRAME.reset)).toBeUndefined();
  });

  it('ends a call whose request is not whole, of which nothing stays', async () => {
    const { open, engine } = await target();
    const peer = await open();
    const begun = Buffer.concat([Buffer.from([0, 0, 2, 0, 0]), Buffer.alloc(10_000)]);
    peer.send(headers(1), frameOf(FRAME.data, 1, begun));
    await expect.poll(() => engine.bodies.open.size).toBe(1);
    peer.send(reset(1));
    await expect.poll(() => engine.bodies.open.size).toBe(0);
    expect(engine.seen).toEqual([]);
  });

  check([
    {
      what: 'before the request has an end is taken',
      send: [headers(1), reset(1)],
      outcome: 'ignored',
    },
    {
      what: 'of a stream that never was is an error',
      send: [reset(1)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'of stream 0 is an error',
      send: [reset(0)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    ...[0, 3, 5].map((length) => ({
      what: `of ${length} bytes is an error`,
      send: [headers(1), frameOf(FRAME.reset, 1, Buffer.alloc(length))],
      outcome: 'connection FRAME_SIZE_ERROR' as const,
    })),
  ]);
});

describe('a WINDOW_UPDATE', () => {
  check([
    {
      what: 'of 0 on a stream resets it',
      send: [headers(1), window(1, 0)],
      outcome: 'stream PROTOCOL_ERROR',
    },
    {
      what: 'of 0 on the connection is an error',
      send: [window(0, 0)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'of 0 but for the reserved bit is one of 0',
      send: [window(0, 0x8000_0000)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'to exactly 2^31-1 is allowed, on both levels',
      send: [headers(1), window(1, MAX_WINDOW - 65_535), window(0, MAX_WINDOW - 65_535)],
      outcome: 'ignored',
    },
    {
      what: 'above that resets the stream',
      send: [headers(1), window(1, MAX_WINDOW - 65_534)],
      outcome: 'stream FLOW_CONTROL_ERROR',
    },
    {
      what: 'above that in two steps resets the stream',
      send: [headers(1), window(1, MAX_WINDOW - 65_535), window(1, 1)],
      outcome: 'stream FLOW_CONTROL_ERROR',
    },
    {
      what: 'above that is an error of the connection',
      send: [window(0, MAX_WINDOW - 65_534)],
      outcome: 'connection FLOW_CONTROL_ERROR',
    },
    {
      what: 'and SETTINGS above that together are an error of the connection',
      send: [
        headers(1),
        window(1, 1),
        frameOf(
          FRAME.settings,
          0,
          Buffer.concat([Buffer.from([0, SETTING.initialWindowSize]), uint32(MAX_WINDOW)]),
        ),
      ],
      outcome: 'connection FLOW_CONTROL_ERROR',
    },
    ...[0, 3, 5].map((length) => ({
      what: `of ${length} bytes is an error`,
      send: [frameOf(FRAME.windowUpdate, 0, Buffer.alloc(length, 1))],
      outcome: 'connection FRAME_SIZE_ERROR' as const,
    })),
    {
      what: 'on a stream that never was is an error',
      send: [window(1, 1)],
      outcome: 'connection PROTOCOL_ERROR',
    },
  ]);
});

describe('a PRIORITY', () => {
  check([
    {
      what: 'is taken for any stream at any time',
      send: [priority(9), priority(1), headers(1), priority(1, 9), data(1, 'hi'), priority(2)],
      outcome: 'ignored',
      seen: 1,
    },
    {
      what: 'of four bytes is an error of the stream',
      send: [headers(1), frameOf(FRAME.priority, 1, Buffer.alloc(4))],
      outcome: ['stream FRAME_SIZE_ERROR', 'connection FRAME_SIZE_ERROR'],
    },
    {
      what: 'of stream 0 is an error',
      send: [priority(0)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      // RFC 7540 has it as an error of the stream; RFC 9113 has given up on priorities.
      what: 'of a stream that depends on itself is no harm to others',
      send: [headers(1), priority(1, 1)],
      outcome: ['stream PROTOCOL_ERROR', 'connection PROTOCOL_ERROR', 'ignored'],
    },
  ]);
});

describe('trailers of the client', () => {
  const begun = Buffer.concat([headers(1), data(1, 'hi', 0)]);
  it('end the request', async () => {
    const peer = await (await target()).open();
    peer.send(begun, trailers(END_STREAM, ['x-checksum', '1']));
    expectMessage(await peer.answer(1));
  });

  it('end a stream of messages', async () => {
    const peer = await (await target()).open();
    peer.send(headers(1, STREAM_FIELDS), data(1, 'hi', 0), trailers(END_STREAM));
    expectMessage(await peer.answer(1));
  });

  check([
    {
      what: 'without END_STREAM are malformed',
      send: [begun, trailers(0, ['x-checksum', '1'])],
      outcome: 'stream PROTOCOL_ERROR',
    },
    {
      what: 'with a pseudo header are malformed',
      send: [begun, trailers(END_STREAM, [':path', '/'])],
      outcome: 'stream PROTOCOL_ERROR',
    },
    {
      what: 'with an upper-case name are malformed',
      send: [begun, trailers(END_STREAM, ['X-Checksum', '1'])],
      outcome: 'stream PROTOCOL_ERROR',
    },
  ]);
});

describe('more streams than are allowed at once', () => {
  it('are refused, until one has ended', async () => {
    const { open, engine } = await target({ settings: { maxConcurrentStreams: 2 } });
    const peer = await open();
    await peer.roundTrip();
    peer.send(call(1, 'never'), call(3, 'never'), call(5));
    expect(await peer.resetCode(5)).toBe(ERROR.refused);
    await expect.poll(() => engine.seen.length).toBe(2);
    peer.send(reset(1));
    await expectServes(peer, 7);
    expect(engine.seen.map(({ body }) => body)).toEqual(['never', 'never', 'call 7']);
  });

  it('teach the header table although they are refused', async () => {
    const { open } = await target({ settings: { maxConcurrentStreams: 1 } });
    const peer = await open();
    await peer.roundTrip();
    const entry = Buffer.concat([
      hpackInteger(0, 6, 0x40),
      hpackText('grpc-timeout'),
      hpackText('never'),
    ]);
    peer.send(
      call(1, 'never'),
      frameOf(FRAME.headers, 3, Buffer.concat([REQUEST, entry]), END_HEADERS | END_STREAM),
    );
    expect(await peer.resetCode(3)).toBe(ERROR.refused);
    peer.send(reset(1));
    const block = Buffer.concat([REQUEST, hpackInteger(62, 7, 0x80)]);
    peer.send(frameOf(FRAME.headers, 5, block, END_HEADERS | END_STREAM));
    const { headers: found } = await peer.answer(5);
    expect(found['grpc-message']).toBe('Invalid grpc-timeout value "never"');
  });

  it('are refused before the client knows of the limit', async () => {
    const { open } = await target({ settings: { maxConcurrentStreams: 1 } });
    const peer = await open({ isSilent: true });
    peer.send(PREFACE, frameOf(FRAME.settings, 0), call(1, 'never'), call(3), reset(1));
    expect(await peer.resetCode(3)).toBe(ERROR.refused);
    await expectServes(peer, 5);
  });

  it('are not what streams count as that have ended', async () => {
    const { open } = await target({ settings: { maxConcurrentStreams: 1 } });
    const peer = await open();
    for (let stream = 1; stream < 40; stream += 2) await expectServes(peer, stream);
    expect(peer.find(FRAME.reset)).toBeUndefined();
  });
});
