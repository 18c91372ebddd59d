import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  END_HEADERS,
  END_STREAM,
  FRAME,
  frameOf,
  hpack,
  PADDED,
  PREFACE,
  REQUEST,
  REQUEST_FIELDS,
  setting,
  uint32,
  WITH_PRIORITY,
} from '../../chaos/support/frames.js';
import { Authority } from '../../security/certificates.js';
import { frame } from '../../support/rpc.js';
import {
  call,
  expectMessage,
  expectServes,
  headers,
  SETTING,
  STREAM_FIELDS,
  type Target,
  target,
} from './support/calls.js';
import type { Peer } from './support/peer.js';

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** One of everything a client may send, for the calls of streams 1, 3 and 5. */
const CONVERSATION = Buffer.concat([
  PREFACE,
  frameOf(FRAME.settings, 0, setting(SETTING.maxConcurrentStreams, 5)),
  frameOf(FRAME.windowUpdate, 0, uint32(1000)),
  frameOf(FRAME.settings, 0, undefined, 1),
  frameOf(
    FRAME.headers,
    1,
    Buffer.concat([Buffer.from([3]), uint32(0), Buffer.from([7]), REQUEST, Buffer.alloc(3)]),
    END_HEADERS | PADDED | WITH_PRIORITY,
  ),
  frameOf(FRAME.priority, 1, Buffer.concat([uint32(0), Buffer.from([1])])),
  frameOf(FRAME.headers, 3, hpack(STREAM_FIELDS.slice(0, 2)), 0),
  frameOf(FRAME.continuation, 3, hpack(STREAM_FIELDS.slice(2)), END_HEADERS),
  frameOf(0x77, 3, Buffer.from('unknown')),
  frameOf(
    FRAME.data,
    1,
    Buffer.concat([Buffer.from([4]), frame(Buffer.from('one')), uint32(0)]),
    PADDED,
  ),
  frameOf(FRAME.data, 3, frame(Buffer.from('three')).subarray(0, 7)),
  frameOf(FRAME.data, 1, undefined, END_STREAM),
  frameOf(FRAME.windowUpdate, 3, uint32(1)),
  frameOf(
    FRAME.data,
    3,
    Buffer.concat([frame(Buffer.from('three')).subarray(7), frame(Buffer.from('drei'))]),
  ),
  frameOf(FRAME.headers, 3, hpack([['x-trailer', 'y']]), END_HEADERS | END_STREAM),
  frameOf(FRAME.ping, 0, Buffer.from('pingpong')),
  headers(5, [...REQUEST_FIELDS, ['grpc-timeout', 'none']], END_HEADERS | END_STREAM),
]);

async function expectConversation(peer: Peer): Promise<void> {
  expectMessage(await peer.answer(1), 'one');
  const three = await peer.answer(3);
  expect(three.data.toString('latin1')).toBe(
    Buffer.concat([frame(Buffer.from('three')), frame(Buffer.from('drei'))]).toString('latin1'),
  );
  expect(three.trailers).toEqual({ 'grpc-status': '0' });
  expect((await peer.answer(5)).headers).toMatchObject({
    'grpc-status': '13',
    'grpc-message': 'Invalid grpc-timeout value "none"',
  });
  expect((await peer.frame(FRAME.ping)).payload.toString()).toBe('pingpong');
  expect(peer.find(FRAME.reset)).toBeUndefined();
  expect(peer.find(FRAME.goAway)).toBeUndefined();
}

/** Sends the conversation in pieces that end at these bytes. */
async function sendInPieces(server: Target, ends: readonly number[]): Promise<Peer> {
  const peer = await server.open({ isSilent: true });
  let at = 0;
  for (const end of [...ends, CONVERSATION.length]) {
    peer.send(CONVERSATION.subarray(at, end));
    at = end;
    // Once to write and once for the server to read.
    await turn();
    await turn();
  }
  return peer;
}

describe('the same answers come to a conversation', () => {
  it('in one piece', async () => {
    await expectConversation(await sendInPieces(await target(), []));
  });

  it('byte by byte', async () => {
    const server = await target();
    const ends = Array.from({ length: CONVERSATION.length - 1 }, (_, index) => index + 1);
    await expectConversation(await sendInPieces(server, ends));
  });

  it('cut at any one byte', async () => {
    const server = await target();
    for (let end = 1; end < CONVERSATION.length; end += 1) {
      const peer = await sendInPieces(server, [end]);
      await expectConversation(peer);
      peer.close();
    }
  });

  it.each([2, 3, 8, 9, 10, 17, 64])('in pieces of %d bytes', async (size) => {
    const server = await target();
    const ends: number[] = [];
    for (let end = size; end < CONVERSATION.length; end += size) ends.push(end);
    await expectConversation(await sendInPieces(server, ends));
  });
});

describe('in one write', () => {
  it('a hundred calls are answered, each with its own', async () => {
    const peer = await (await target()).open();
    const streams = Array.from({ length: 100 }, (_, index) => 2 * index + 1);
    peer.send(...streams.map((stream) => call(stream, `word ${stream}`)));
    for (const stream of streams) expectMessage(await peer.answer(stream), `word ${stream}`);
  });

  it('a hundred calls whose frames are mixed are answered, each with its own', async () => {
    const peer = await (await target()).open();
    const streams = Array.from({ length: 100 }, (_, index) => 2 * index + 1);
    const half = (stream: number): Buffer => frame(Buffer.from(`word ${stream}`));
    peer.send(
      ...streams.map((stream) => headers(stream)),
      ...streams.map((stream) => frameOf(FRAME.data, stream, half(stream).subarray(0, 6))),
      ...streams
        .toReversed()
        .map((stream) => frameOf(FRAME.data, stream, half(stream).subarray(6), 1)),
    );
    for (const stream of streams) expectMessage(await peer.answer(stream), `word ${stream}`);
  });

  it('five hundred PINGs between calls are answered, in order', async () => {
    const peer = await (await target()).open();
    const pings = Array.from({ length: 500 }, (_, index) =>
      frameOf(FRAME.ping, 0, Buffer.concat([uint32(7), uint32(index)])),
    );
    peer.send(call(1), ...pings, call(3));
    expectMessage(await peer.answer(3));
    await peer.until('all answers', () => {
      const answers = peer.frames.filter(({ type }) => type === FRAME.ping);
      return answers.length === 500 || undefined;
    });
    const numbers = peer.frames
      .filter(({ type }) => type === FRAME.ping)
      .map(({ payload }) => payload.readUInt32BE(4));
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
  });

  it('an error after calls leaves them what they were worth', async () => {
    const { open, engine } = await target();
    const peer = await open();
    peer.send(call(1), call(3), frameOf(FRAME.ping, 0), call(5));
    await peer.goAwayCode();
    // What came before the error may have run, what came after it may not.
    expect(engine.seen.length).toBeLessThanOrEqual(2);
  });
});

describe('answers', () => {
  it('of many connections do not mix', async () => {
    const server = await target();
    const peers = await Promise.all(Array.from({ length: 20 }, () => server.open()));
    for (const [index, peer] of peers.entries()) {
      peer.send(call(1, `peer ${index}`), call(3, `zeros:${1000 * index}`), call(5, `p${index}`));
    }
    for (const [index, peer] of peers.entries()) {
      expectMessage(await peer.answer(1), `peer ${index}`);
      expectMessage(await peer.answer(3), Buffer.alloc(1000 * index));
      expectMessage(await peer.answer(5), `p${index}`);
    }
  });

  it('come in frames that begin and end with their stream', async () => {
    const peer = await (await target()).open();
    peer.send(call(1, 'zeros:40000'), call(3, ''), call(7));
    for (const stream of [1, 3, 7]) await peer.answer(stream);
    for (const stream of [1, 3, 7]) {
      const types = peer.frames.filter((each) => each.stream === stream).map(({ type }) => type);
      expect(types[0]).toBe(FRAME.headers);
      expect(types.at(-1)).toBe(FRAME.headers);
      expect(types.slice(1, -1).every((type) => type === FRAME.data)).toBe(true);
    }
  });
});

describe('over TLS', () => {
  let authority: Authority;
  let pair: { cert: string; key: string };

  beforeAll(() => {
    authority = new Authority();
    pair = authority.issue({ name: 'localhost' });
  });

  afterAll(() => authority.remove());

  it('the same answers come to a conversation, in one piece and in many', async () => {
    const server = await target({ tls: pair });
    await expectConversation(await sendInPieces(server, []));
    const ends = Array.from({ length: 60 }, (_, index) => (index + 1) * 9);
    await expectConversation(await sendInPieces(server, ends));
  });

  it('large answers come whole', async () => {
    const server = await target({ tls: pair });
    const peer = await server.open({ settings: setting(SETTING.initialWindowSize, 10_000_000) });
    peer.send(frameOf(FRAME.windowUpdate, 0, uint32(10_000_000)), call(1, 'zeros:5000000'));
    expect((await peer.answer(1)).data).toHaveLength(5_000_005);
  });

  it('a client that goes, or breaks the rules, leaves nothing behind', async () => {
    const { open, connections, engine } = await target({ tls: pair });
    for (const isReset of [true, false]) {
      const peer = await open();
      peer.send(call(1, 'never'), call(3, 'zeros:1000000'));
      await expect.poll(() => engine.inFlight()).toBe(1);
      if (isReset) peer.close();
      else peer.socket.end();
      await expect.poll(() => engine.inFlight()).toBe(0);
    }
    await expect.poll(connections).toBe(0);
    await expectServes(await open(), 1);
  });
});
