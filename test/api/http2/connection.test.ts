import { describe, expect, it } from 'vitest';
import {
  ACK,
  END_HEADERS,
  FRAME,
  frameOf,
  hpack,
  PREFACE,
  REQUEST,
  REQUEST_FIELDS,
  setting,
  uint32,
} from '../../chaos/support/frames.js';
import {
  call,
  data,
  expectMessage,
  expectServes,
  headers,
  MAX_WINDOW,
  SETTING,
  target,
} from './support/calls.js';
import { check, outcomeOf } from './support/outcomes.js';

const SETTINGS = frameOf(FRAME.settings, 0);
/** One turn of the event loop in which the server may read. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the preface', () => {
  it('is answered with SETTINGS before all else, and its SETTINGS are acknowledged', async () => {
    const peer = await (await target()).open();
    await peer.until('acknowledgement', () =>
      peer.frames.find(({ type, flags }) => type === FRAME.settings && flags === ACK),
    );
    expect(peer.frames[0]).toMatchObject({ type: FRAME.settings, flags: 0, stream: 0 });
    expect(peer.frames.filter(({ flags }) => flags === ACK)).toMatchObject([
      { type: FRAME.settings, stream: 0, payload: Buffer.alloc(0) },
    ]);
  });

  it('may come byte by byte', async () => {
    const peer = await (await target()).open({ isSilent: true });
    for (const byte of Buffer.concat([PREFACE, SETTINGS])) {
      peer.send(Buffer.from([byte]));
      await turn();
    }
    await expectServes(peer, 1);
  });

  it('may be followed by calls without a wait', async () => {
    const peer = await (await target()).open({ isSilent: true });
    peer.send(PREFACE, SETTINGS, call(1), call(3));
    expectMessage(await peer.answer(1));
    expectMessage(await peer.answer(3));
  });

  it('with any byte of it wrong ends the connection', async () => {
    const { open, engine, connections } = await target();
    for (let at = 0; at < PREFACE.length; at += 1) {
      const wrong = Buffer.from(PREFACE);
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      const peer = await open({ isSilent: true });
      peer.send(wrong, SETTINGS, call(1));
      await peer.ended();
      peer.close();
    }
    await expect.poll(connections).toBe(0);
    expect(engine.seen).toEqual([]);
  });

  it.each(['GET / HTTP/1.1\r\nHost: x\r\n\r\n', 'P', '\x16\x03\x01\x02\x00\x01'])(
    'may not be %j',
    async (text) => {
      const peer = await (await target()).open({ isSilent: true });
      peer.send(Buffer.from(text, 'latin1'));
      if (text === 'P') peer.socket.end();
      await peer.ended();
    },
  );

  it('cut at any byte leaves nothing behind', async () => {
    const { open, connections, engine } = await target();
    const whole = Buffer.concat([PREFACE, SETTINGS]);
    for (let length = 0; length <= whole.length; length += 1) {
      const peer = await open({ isSilent: true });
      peer.send(whole.subarray(0, length));
      peer.socket.end();
      await peer.ended();
    }
    await expect.poll(connections).toBe(0);
    expect(engine.seen).toEqual([]);
  });

  it('that never comes costs the client its connection, as a PING without an answer does', async () => {
    const times = ['grpc.keepalive_time_ms=50', 'grpc.keepalive_timeout_ms=50'];
    const { open, connections } = await target({ settings: { channelArguments: times } });
    const silent = await open({ isSilent: true });
    const half = await open({ isSilent: true });
    half.send(PREFACE.subarray(0, 10));
    const deaf = await open({ isDeaf: true });
    deaf.send(call(1));
    await Promise.all([silent.ended(), half.ended(), deaf.ended()]);
    expect(deaf.find(FRAME.ping)).toMatchObject({ stream: 0, flags: 0 });
    await expect.poll(connections).toBe(0);
  });

  it.each([
    ['nothing but a call', call(1)],
    ['an acknowledgement', frameOf(FRAME.settings, 0, undefined, ACK)],
    ['a PING', frameOf(FRAME.ping, 0, Buffer.alloc(8))],
  ])('is over with SETTINGS, and %s in its place is an error', async (_what, bytes) => {
    const peer = await (await target()).open({ isSilent: true });
    peer.send(PREFACE, bytes);
    expect(['connection PROTOCOL_ERROR', 'closed']).toContain(await outcomeOf(peer, 1));
  });
});

describe('SETTINGS', () => {
  const settings = (...entries: Buffer[]): Buffer[] => [
    frameOf(FRAME.settings, 0, Buffer.concat(entries)),
  ];

  it('are acknowledged each, in order with what comes after', async () => {
    const peer = await (await target()).open();
    peer.send(SETTINGS, SETTINGS, ...settings(setting(SETTING.maxConcurrentStreams, 1)));
    await peer.roundTrip();
    const acknowledged = (): number =>
      peer.frames.filter(({ type, flags }) => type === FRAME.settings && flags === ACK).length;
    await peer.until('four acknowledgements', () => acknowledged() === 4 || undefined);
    await expectServes(peer, 1);
    expect(acknowledged()).toBe(4);
  });

  it('of the server hold values that the RFC allows', async () => {
    const peer = await (await target({ settings: { maxConcurrentStreams: 7 } })).open();
    const { payload } = await peer.frame(FRAME.settings);
    const entries = new Map<number, number>();
    for (let at = 0; at < payload.length; at += 6) {
      entries.set(payload.readUInt16BE(at), payload.readUInt32BE(at + 2));
    }
    expect(payload.length % 6).toBe(0);
    expect(entries.get(SETTING.maxConcurrentStreams)).toBe(7);
    expect(entries.get(SETTING.initialWindowSize)).toBeLessThanOrEqual(MAX_WINDOW);
    expect(entries.get(SETTING.maxFrameSize) ?? 16_384).toBeGreaterThanOrEqual(16_384);
    expect(entries.get(SETTING.maxFrameSize) ?? 16_384).toBeLessThan(2 ** 24);
    // A server may say that it does not push; that it does is the client's to say.
    expect(entries.get(SETTING.enablePush) ?? 0).toBe(0);
  });

  check([
    {
      what: 'nobody knows are passed over',
      send: settings(setting(0x99, 1), setting(0xffff, 0xffff_ffff), setting(0, 0)),
      outcome: 'ignored',
    },
    {
      what: 'may have flags that mean nothing',
      send: [frameOf(FRAME.settings, 0, setting(SETTING.maxFrameSize, 20_000), 0xfe)],
      outcome: 'ignored',
    },
    {
      what: 'may hold the least and the largest of everything',
      send: settings(
        setting(SETTING.headerTableSize, 0xffff_ffff),
        setting(SETTING.enablePush, 0),
        setting(SETTING.maxConcurrentStreams, 0),
        setting(SETTING.initialWindowSize, MAX_WINDOW),
        setting(SETTING.maxFrameSize, 2 ** 24 - 1),
        setting(SETTING.maxHeaderListSize, 0xffff_ffff),
      ),
      outcome: 'ignored',
    },
    {
      what: 'of a length that six does not divide are an error',
      send: [frameOf(FRAME.settings, 0, Buffer.alloc(7))],
      outcome: 'connection FRAME_SIZE_ERROR',
    },
    {
      what: 'that acknowledge and say more are an error',
      send: [frameOf(FRAME.settings, 0, setting(SETTING.enablePush, 0), ACK)],
      outcome: 'connection FRAME_SIZE_ERROR',
    },
    {
      what: 'on a stream are an error',
      send: [frameOf(FRAME.settings, 1)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'with ENABLE_PUSH 2 are an error',
      send: settings(setting(SETTING.enablePush, 2)),
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'with a window of 2^31 are an error',
      send: settings(setting(SETTING.initialWindowSize, MAX_WINDOW + 1)),
      outcome: 'connection FLOW_CONTROL_ERROR',
    },
    {
      what: 'with frames below 16384 are an error',
      send: settings(setting(SETTING.maxFrameSize, 16_383)),
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'with frames of 2^24 are an error',
      send: settings(setting(SETTING.maxFrameSize, 2 ** 24)),
      outcome: 'connection PROTOCOL_ERROR',
    },
  ]);

  it('that shrink the header table are followed by a header block that says so', async () => {
    const peer = await (await target()).open();
    await expectServes(peer, 1);
    peer.send(...settings(setting(SETTING.headerTableSize, 0)));
    await peer.roundTrip();
    peer.decoder.allow(0);
    await expectServes(peer, 3);
    await expectServes(peer, 5);
  });
});

describe('a PING', () => {
  it('is answered with its eight bytes', async () => {
    const peer = await (await target()).open();
    const bytes = Buffer.from('\x00\xff8byte\n', 'latin1');
    peer.send(frameOf(FRAME.ping, 0, bytes, 0xfe));
    expect(await peer.frame(FRAME.ping)).toMatchObject({ stream: 0, flags: ACK, payload: bytes });
  });

  check([
    {
      what: 'that is an answer is not answered',
      send: [frameOf(FRAME.ping, 0, Buffer.from('answer!!'), ACK)],
      outcome: 'ignored',
    },
    ...[0, 7, 9].map((length) => ({
      what: `of ${length} bytes is an error`,
      send: [frameOf(FRAME.ping, 0, Buffer.alloc(length))],
      outcome: 'connection FRAME_SIZE_ERROR' as const,
    })),
    {
      what: 'on a stream is an error',
      send: [headers(1), frameOf(FRAME.ping, 1, Buffer.alloc(8))],
      outcome: 'connection PROTOCOL_ERROR',
    },
  ]);
});

describe('a GOAWAY from the client', () => {
  const goAway = (stream: number, payload: Uint8Array): Buffer =>
    frameOf(FRAME.goAway, stream, payload);

  it('leaves the running call its answer, and the connection is closed after it', async () => {
    let release: (() => void) | null = null;
    const { open, engine, connections } = await target();
    engine.answer = ({ body }) =>
      new Promise((resolve) => {
        release = () => resolve({ reply: body });
      });
    const peer = await open();
    peer.send(call(1), goAway(0, Buffer.concat([uint32(0), uint32(0), Buffer.from('bye')])));
    await expect.poll(() => release).not.toBeNull();
    (release as unknown as () => void)();
    expectMessage(await peer.answer(1));
    await peer.ended();
    await expect.poll(connections).toBe(0);
  });

  check([
    {
      what: 'on a stream is an error',
      send: [headers(1), goAway(1, Buffer.alloc(8))],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'of seven bytes is an error',
      send: [goAway(0, Buffer.alloc(7))],
      outcome: 'connection FRAME_SIZE_ERROR',
    },
  ]);
});

describe('frames nobody knows', () => {
  check([
    {
      what: 'are passed over, on the connection and on streams in any state',
      send: [
        frameOf(0x0a, 0, Buffer.from('x')),
        frameOf(0xff, 0, Buffer.alloc(16_384), 0xff),
        frameOf(0x20, 7, Buffer.from('idle')),
        headers(1),
        frameOf(0x10, 1, Buffer.from('open')),
        data(1, 'hi'),
        frameOf(0x10, 1),
        frameOf(0xfa, 0x8000_0003, Buffer.from('reserved bit')),
      ],
      outcome: 'ignored',
      seen: 1,
    },
    {
      what: 'are an error inside a header block',
      send: [frameOf(FRAME.headers, 1, REQUEST, 0), frameOf(0x10, 1)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'are an error where they are larger than a frame may be',
      send: [frameOf(0x10, 0, Buffer.alloc(16_385))],
      outcome: 'connection FRAME_SIZE_ERROR',
    },
  ]);
});

describe('a PUSH_PROMISE', () => {
  check([
    {
      what: 'of a client is an error',
      send: [
        headers(1),
        frameOf(
          FRAME.pushPromise,
          1,
          Buffer.concat([uint32(2), hpack(REQUEST_FIELDS)]),
          END_HEADERS,
        ),
      ],
      outcome: 'connection PROTOCOL_ERROR',
    },
  ]);
});
