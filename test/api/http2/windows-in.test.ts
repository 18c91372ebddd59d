import { describe, expect, it } from 'vitest';
import { END_HEADERS, END_STREAM, FRAME, frameOf, PADDED } from '../../chaos/support/frames.js';
import { frame } from '../../support/rpc.js';
import {
  call,
  data,
  ERROR,
  echoEngine,
  expectMessage,
  expectServes,
  FRAME_SIZE,
  fieldsOf,
  headers,
  SETTING,
  STREAM_FIELDS,
  target,
  WINDOW,
} from './support/calls.js';
import { check } from './support/outcomes.js';
import type { Peer } from './support/peer.js';

/** What the server lets the client send ahead, by what it has said so far. */
class Windows {
  readonly #peer: Peer;
  readonly #sent = new Map<number, number>();
  #total = 0;

  constructor(peer: Peer) {
    this.#peer = peer;
  }

  left(stream: number): number {
    const initial = this.#initial();
    const own = initial + this.#granted(stream) - (this.#sent.get(stream) ?? 0);
    return Math.min(own, WINDOW + this.#granted(0) - this.#total);
  }

  spend(stream: number, bytes: number): void {
    this.#sent.set(stream, (this.#sent.get(stream) ?? 0) + bytes);
    this.#total += bytes;
  }

  #initial(): number {
    const payload = this.#peer.find(FRAME.settings)?.payload ?? Buffer.alloc(0);
    for (let at = 0; at < payload.length; at += 6) {
      const isIt = payload.readUInt16BE(at) === SETTING.initialWindowSize;
      if (isIt) return payload.readUInt32BE(at + 2);
    }
    return WINDOW;
  }

  #granted(stream: number): number {
    return this.#peer.frames
      .filter((each) => each.type === FRAME.windowUpdate && each.stream === stream)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(), 0);
  }
}

/** Sends DATA as the windows allow; `padding` bytes go with each frame. */
async function upload(
  peer: Peer,
  windows: Windows,
  stream: number,
  body: Buffer,
  { padding = 0, step = FRAME_SIZE, last = END_STREAM } = {},
): Promise<void> {
  const more = padding === 0 ? 0 : padding + 1;
  let at = 0;
  while (at < body.length) {
    await peer.until(`window of stream ${stream}, ${at} of ${body.length} bytes sent`, () =>
      windows.left(stream) > more ? true : undefined,
    );
    const length = Math.min(step - more, windows.left(stream) - more, body.length - at);
    const part = body.subarray(at, at + length);
    at += length;
    const flags = (at === body.length ? last : 0) | (padding === 0 ? 0 : PADDED);
    const payload =
      padding === 0 ? part : Buffer.concat([Buffer.from([padding]), part, Buffer.alloc(padding)]);
    windows.spend(stream, payload.length);
    peer.send(frameOf(FRAME.data, stream, payload, flags));
  }
}

/** A message of `length` bytes that differ, with its head. */
function large(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at < length; at += 1) bytes[at] = 97 + (at % 23);
  return frame(bytes);
}

/** An engine that answers with the length of what it got, and whether it is what {@link large} makes. */
const measuring = () =>
  echoEngine((word) =>
    word.length < 10_000
      ? null
      : { reply: `${word.length} ${large(word.length).subarray(5).toString() === word}` },
  );

describe('a large request', () => {
  it('of 3 MB comes through the windows', async () => {
    const peer = await (await target({}, measuring())).open();
    await peer.roundTrip();
    peer.send(headers(1));
    await upload(peer, new Windows(peer), 1, large(3_000_000));
    expectMessage(await peer.answer(1), '3000000 true');
  });

  it('of 1 MB comes beside three others, frame by frame', async () => {
    const peer = await (await target({}, measuring())).open();
    await peer.roundTrip();
    const windows = new Windows(peer);
    const streams = [1, 3, 5, 7];
    peer.send(...streams.map((stream) => headers(stream)));
    await Promise.all(streams.map((stream) => upload(peer, windows, stream, large(1_000_000))));
    for (const stream of streams) expectMessage(await peer.answer(stream), '1000000 true');
  });

  it('on a stream of messages comes through them too', async () => {
    const peer = await (await target({}, measuring())).open();
    await peer.roundTrip();
    peer.send(headers(1, STREAM_FIELDS));
    const body = Buffer.concat([large(1_000_000), large(1_500_000)]);
    await upload(peer, new Windows(peer), 1, body);
    const answered = Buffer.concat([
      frame(Buffer.from('1000000 true')),
      frame(Buffer.from('1500000 true')),
    ]);
    expect((await peer.answer(1)).data.toString()).toBe(answered.toString());
  });

  it('with more padding than bytes gets the padding back', async () => {
    const peer = await (await target()).open();
    await peer.roundTrip();
    const windows = new Windows(peer);
    // 256 bytes of each frame are no message: 1.6 MB, more than either window.
    for (const stream of [1, 3, 5]) {
      peer.send(headers(stream));
      const word = `${stream}`.repeat(2000);
      await upload(peer, windows, stream, frame(Buffer.from(word)), { padding: 255, step: 257 });
      expectMessage(await peer.answer(stream), word);
    }
  });

  it('after which the connection is as it was: twenty of 300 kB in turn', async () => {
    const peer = await (await target({}, measuring())).open();
    await peer.roundTrip();
    const windows = new Windows(peer);
    for (let stream = 1; stream < 40; stream += 2) {
      peer.send(headers(stream));
      await upload(peer, windows, stream, large(300_000));
      expectMessage(await peer.answer(stream), '300000 true');
    }
  });
});

/** Fills the window of a stream whose messages nobody reads: the first of them is never answered. */
async function fill(peer: Peer, windows: Windows, stream: number): Promise<void> {
  peer.send(headers(stream, STREAM_FIELDS));
  windows.spend(stream, data(stream, 'never').length - 9);
  peer.send(data(stream, 'never', 0));
  await peer.roundTrip();
  while (windows.left(stream) > 0) {
    await upload(peer, windows, stream, Buffer.alloc(Math.min(windows.left(stream), FRAME_SIZE)), {
      last: 0,
    });
    // What the server takes in without reading it is not much.
    await peer.roundTrip();
  }
}

describe('a stream that is not read', () => {
  it('fills its own window, and others on the connection go on', async () => {
    const { open, engine } = await target({}, measuring());
    const peer = await open();
    await peer.roundTrip();
    const windows = new Windows(peer);
    for (const stream of [1, 3, 5, 7]) await fill(peer, windows, stream);
    expect(engine.seen).toHaveLength(4);
    peer.send(headers(9));
    await upload(peer, windows, 9, large(1_000_000));
    expectMessage(await peer.answer(9), '1000000 true');
  });

  it('takes no byte above its window', async () => {
    const peer = await (await target()).open();
    await peer.roundTrip();
    const windows = new Windows(peer);
    await fill(peer, windows, 1);
    peer.send(frameOf(FRAME.data, 1, Buffer.alloc(1)));
    const refusal = await peer.until('refusal', () => {
      const goAway = peer.find(FRAME.goAway)?.payload.readUInt32BE(4);
      return peer.find(FRAME.reset, 1)?.payload.readUInt32BE() ?? goAway;
    });
    expect(refusal).toBe(ERROR.flowControl);
  });

  it('gives what it held back when it is reset', async () => {
    const { open, engine } = await target({}, measuring());
    const peer = await open();
    await peer.roundTrip();
    const windows = new Windows(peer);
    for (let stream = 1; stream < 12; stream += 2) {
      await fill(peer, windows, stream);
      peer.send(frameOf(FRAME.reset, stream, Buffer.from([0, 0, 0, 8])));
    }
    await expect.poll(() => engine.cancelled).toHaveLength(6);
    peer.send(headers(13));
    await upload(peer, windows, 13, large(2_000_000));
    expectMessage(await peer.answer(13), '2000000 true');
  });
});

describe('a request that is answered before it ends', () => {
  const UNKNOWN = fieldsOf('/no.Such/Method');

  it('costs the connection nothing', async () => {
    const { open } = await target({}, measuring());
    const peer = await open();
    await peer.roundTrip();
    const windows = new Windows(peer);
    for (let stream = 1; stream < 12; stream += 2) {
      peer.send(headers(stream, UNKNOWN));
      // As much as a client sends that has not heard of the answer yet.
      const bytes = Buffer.alloc(Math.min(400_000, windows.left(stream)));
      await upload(peer, windows, stream, bytes, { last: 0 });
      expect((await peer.answer(stream)).headers['grpc-status']).toBe('12');
      peer.send(frameOf(FRAME.reset, stream, Buffer.from([0, 0, 0, 8])));
    }
    peer.send(headers(13));
    await upload(peer, windows, 13, large(2_000_000));
    expectMessage(await peer.answer(13), '2000000 true');
  });

  it('may go on to its end', async () => {
    const peer = await (await target()).open();
    peer.send(headers(1, UNKNOWN));
    expect((await peer.answer(1)).headers['grpc-status']).toBe('12');
    peer.send(data(1, 'late', 0), data(1, 'later'));
    await expectServes(peer, 3);
  });
});

describe('a DATA frame', () => {
  const padded = (body: Uint8Array, padding: number, said = padding): Buffer =>
    Buffer.concat([Buffer.from([said]), body, Buffer.alloc(padding)]);
  const hi = frame(Buffer.from('hi'));

  it.each([
    ['with padding', [frameOf(FRAME.data, 1, padded(hi, 100), PADDED | END_STREAM)]],
    ['with padding of no bytes', [frameOf(FRAME.data, 1, padded(hi, 0), PADDED | END_STREAM)]],
    [
      'of padding alone, between others',
      [
        frameOf(FRAME.data, 1, hi.subarray(0, 3)),
        frameOf(FRAME.data, 1, padded(Buffer.alloc(0), 50), PADDED),
        frameOf(FRAME.data, 1, hi.subarray(3), END_STREAM),
      ],
    ],
    [
      'of no bytes, between others and at the end',
      [
        frameOf(FRAME.data, 1),
        frameOf(FRAME.data, 1, hi.subarray(0, 5)),
        frameOf(FRAME.data, 1),
        frameOf(FRAME.data, 1, hi.subarray(5)),
        frameOf(FRAME.data, 1, undefined, END_STREAM),
      ],
    ],
    ['with flags that mean nothing', [frameOf(FRAME.data, 1, hi, END_STREAM | 0xf6)]],
  ])('%s is read', async (_what, frames) => {
    const peer = await (await target()).open();
    peer.send(headers(1), ...frames);
    expectMessage(await peer.answer(1));
  });

  it('of 16384 bytes is read', async () => {
    const peer = await (await target()).open();
    const word = 'w'.repeat(FRAME_SIZE - 5);
    peer.send(call(1, word));
    expectMessage(await peer.answer(1), word);
  });

  check([
    {
      what: 'of 16385 bytes is an error',
      send: [headers(1), frameOf(FRAME.data, 1, Buffer.alloc(FRAME_SIZE + 1))],
      outcome: ['connection FRAME_SIZE_ERROR', 'stream FRAME_SIZE_ERROR'],
    },
    {
      what: 'with as much padding as it has bytes is an error',
      send: [headers(1), frameOf(FRAME.data, 1, padded(Buffer.alloc(0), 9, 10), PADDED)],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'without the byte of its padding is an error',
      send: [headers(1), frameOf(FRAME.data, 1, undefined, PADDED)],
      outcome: ['connection FRAME_SIZE_ERROR', 'connection PROTOCOL_ERROR'],
    },
    {
      what: 'on stream 0 is an error',
      send: [data(0, 'hi')],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'on a stream that never was is an error',
      send: [data(1, 'hi')],
      outcome: 'connection PROTOCOL_ERROR',
    },
    {
      what: 'on an even stream is an error',
      send: [call(1), data(2, 'hi')],
      outcome: 'connection PROTOCOL_ERROR',
      seen: 1,
    },
    {
      what: 'after the end of its stream is an error of the stream',
      send: [
        frameOf(FRAME.headers, 1, headers(1, STREAM_FIELDS).subarray(9), END_HEADERS),
        data(1, 'never'),
        data(1, 'more'),
      ],
      outcome: ['stream STREAM_CLOSED', 'connection STREAM_CLOSED'],
      seen: 1,
    },
  ]);
});
