import { once } from 'node:events';
import { describe, expect, it } from 'vitest';
import { END_HEADERS, FRAME, frameOf, hpack, PREFACE, uint32 } from '../../chaos/support/frames.js';
import { frame } from '../../support/rpc.js';
import type { Answer } from '../fakes.js';
import {
  call,
  data,
  ERROR,
  echoEngine,
  expectMessage,
  expectServes,
  headers,
  SETTING,
  STREAM_FIELDS,
  type Target,
  target,
} from './support/calls.js';
import type { Peer } from './support/peer.js';

/** A server whose answers come when the test says so, in the order of the requests. */
async function holding(): Promise<Target & { release(index: number): void }> {
  const engine = echoEngine();
  const held: (() => void)[] = [];
  engine.answer = ({ body }) =>
    new Promise<Exclude<Answer, 'never'>>((resolve) => {
      held.push(() => resolve({ reply: body }));
    });
  return { ...(await target({}, engine)), release: (index) => held[index]?.() };
}

const goAways = (peer: Peer): { last: number; code: number }[] =>
  peer.frames
    .filter(({ type }) => type === FRAME.goAway)
    .map(({ payload }) => ({
      last: payload.readUInt32BE() & 0x7fff_ffff,
      code: payload.readUInt32BE(4),
    }));

describe('a server that stops', () => {
  it('says so first, lets running calls end, and closes the connection', async () => {
    const { open, engine, server, release, connections } = await holding();
    const peer = await open();
    peer.send(call(1, 'one'), call(3, 'three'));
    await expect.poll(() => engine.seen.length).toBe(2);
    const stopped = server.stop(5000);
    expect(await peer.goAwayCode()).toBe(ERROR.none);
    expect(peer.hasEnded).toBe(false);
    release(1);
    expectMessage(await peer.answer(3), 'three');
    expect(peer.hasEnded).toBe(false);
    release(0);
    expectMessage(await peer.answer(1), 'one');
    await peer.ended();
    peer.socket.end();
    await stopped;
    await expect.poll(connections).toBe(0);
    expect(goAways(peer).at(-1)?.last).toBe(3);
    expect(engine.cancelled).toEqual([]);
  });

  it('lets a request that is under way come to its end', async () => {
    const { open, engine, server, release } = await holding();
    const peer = await open();
    const body = frame(Buffer.from('slow request'));
    peer.send(headers(1), frameOf(FRAME.data, 1, body.subarray(0, 8)));
    await peer.roundTrip();
    const stopped = server.stop(5000);
    await peer.goAwayCode();
    peer.send(frameOf(FRAME.data, 1, body.subarray(8), 1));
    await expect.poll(() => engine.seen.length).toBe(1);
    release(0);
    expectMessage(await peer.answer(1), 'slow request');
    await peer.ended();
    peer.socket.end();
    await stopped;
  });

  it('loses no new stream: it is answered, reset, or above the last that GOAWAY names', async () => {
    const { open, engine, server, release } = await holding();
    const peer = await open();
    peer.send(call(1, 'one'));
    await expect.poll(() => engine.seen.length).toBe(1);
    const stopped = server.stop(5000);
    await peer.goAwayCode();
    peer.send(call(3, 'three'));
    await peer.roundTrip();
    release(0);
    release(1);
    expectMessage(await peer.answer(1), 'one');
    await peer.ended();
    peer.socket.end();
    await stopped;
    const isRefused = peer.find(FRAME.reset, 3)?.payload.readUInt32BE() === ERROR.refused;
    const isAnswered = peer.find(FRAME.headers, 3) !== undefined;
    const isAbove = (goAways(peer).at(-1)?.last ?? 0) < 3;
    expect([isRefused, isAnswered, isAbove]).toContain(true);
    // A client repeats what was refused, so it must not have run.
    expect(engine.seen.length).toBe(isAnswered ? 2 : 1);
  });

  it('closes idle connections at once', async () => {
    const { open, server, connections } = await target();
    const peers = [await open(), await open({ isSilent: true })];
    for (const peer of peers.slice(0, 1)) await expectServes(peer, 1);
    const began = performance.now();
    const stopped = server.stop(5000);
    await Promise.all(
      peers.map(async (peer) => {
        await peer.ended();
        peer.socket.end();
      }),
    );
    await stopped;
    expect(performance.now() - began).toBeLessThan(4000);
    await expect.poll(connections).toBe(0);
    const said = goAways(peers[0] as Peer);
    expect(said.every(({ code }) => code === ERROR.none)).toBe(true);
    expect(said.at(-1)?.last).toBe(1);
  });

  it('waits for an answer that the client takes in slowly', async () => {
    const { open, server } = await target();
    const settings = Buffer.from([0, SETTING.initialWindowSize, 0, 0, 0, 10]);
    const peer = await open({ settings });
    peer.send(call(1, 'zeros:95'));
    await peer.frame(FRAME.data, 1);
    const stopped = server.stop(5000);
    await peer.goAwayCode();
    for (let sent = 10; sent < 90; sent += 10) {
      peer.send(frameOf(FRAME.windowUpdate, 1, uint32(10)));
      await peer.roundTrip();
    }
    peer.send(frameOf(FRAME.windowUpdate, 1, uint32(11)));
    expect((await peer.answer(1)).data).toHaveLength(100);
    await peer.ended();
    peer.socket.end();
    await stopped;
  });

  it('cuts off what does not end in time', async () => {
    const { open, server, engine, connections } = await target();
    const peer = await open();
    peer.send(call(1, 'never'));
    await expect.poll(() => engine.seen.length).toBe(1);
    await server.stop(50);
    await peer.ended();
    expect(engine.cancelled).toEqual([1]);
    await expect.poll(connections).toBe(0);
  });
});

describe('a client that ends its side', () => {
  // HTTP/2 has no half-closed connections: node:http2 and others end theirs too, which loses the answer.
  it('after a call leaves nothing behind', async () => {
    const { open, connections, engine } = await target();
    const peer = await open();
    peer.send(call(1, 'never'));
    await expect.poll(() => engine.seen.length).toBe(1);
    peer.socket.end();
    await peer.ended();
    await expect.poll(connections).toBe(0);
    expect(engine.cancelled).toEqual([1]);
  });
});

describe('a socket that is cut', () => {
  /** What a client may have on its way: a call that never ends, a large one, a stream, and a call whose answer waits for the window. */
  const conversation = Buffer.concat([
    PREFACE,
    frameOf(FRAME.settings, 0, Buffer.from([0, SETTING.initialWindowSize, 0, 0, 0, 3])),
    call(1, 'never'),
    frameOf(FRAME.settings, 0, undefined, 1),
    headers(3, STREAM_FIELDS),
    data(3, 'never', 0),
    data(3, 'more', 0),
    call(5, 'hello'),
    headers(7),
    frameOf(FRAME.data, 7, Buffer.concat([Buffer.from([0, 0, 1, 0, 0]), Buffer.alloc(300)])),
    frameOf(FRAME.headers, 9, hpack([[':method', 'POST']])),
    frameOf(FRAME.continuation, 9, hpack([[':path', '/']]), END_HEADERS),
  ]);

  it.each([
    ['by a reset', (peer: Peer) => peer.close()],
    ['by its end', (peer: Peer) => peer.socket.end()],
  ])('%s at any byte leaves nothing behind', async (how, cut) => {
    const { open, connections, engine } = await target();
    const step = how === 'by a reset' ? 1 : 7;
    for (let length = 0; length <= conversation.length; length += step) {
      const peer = await open({ isSilent: true });
      peer.send(conversation.subarray(0, length));
      // Every other one is cut before the server has read it, as far as the system lets it.
      if (length % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
      cut(peer);
      if (how === 'by its end') await once(peer.socket, 'close');
    }
    await expect.poll(connections, { timeout: 10_000 }).toBe(0);
    await expect.poll(() => engine.inFlight()).toBe(0);
    const endless = engine.seen.filter(({ body }) => body === 'never');
    expect(endless.length).toBeGreaterThan(conversation.length / step / 4);
    expect(engine.cancelled).toHaveLength(endless.length);
    expect(engine.bodies.open.size).toBe(0);
    const peer = await open();
    await expectServes(peer, 1);
  });

  it('while a large answer is on its way leaves nothing behind', async () => {
    const { open, connections, engine } = await target();
    const settings = Buffer.from([0, SETTING.initialWindowSize, 0x7f, 0xff, 0xff, 0xff]);
    for (let round = 0; round < 10; round += 1) {
      const peer = await open({ settings });
      peer.send(
        frameOf(FRAME.windowUpdate, 0, uint32(0x7f00_0000)),
        call(1, 'zeros:8000000'),
        call(3, 'zeros:8000000'),
      );
      await peer.until('some of it', () =>
        peer.data(1).length > round * 50_000 ? true : undefined,
      );
      peer.close();
    }
    await expect.poll(connections).toBe(0);
    await expect.poll(() => engine.inFlight()).toBe(0);
  });
});

it('an error ends the connection and takes the calls on it along', async () => {
  const { open, engine, connections } = await target();
  const peer = await open();
  peer.send(call(1, 'never'), call(3, 'never'), frameOf(FRAME.ping, 0));
  expect(await peer.goAwayCode()).toBe(ERROR.frameSize);
  expect(goAways(peer)).toEqual([{ code: ERROR.frameSize, last: 3 }]);
  await peer.ended();
  peer.socket.end();
  await expect.poll(() => engine.cancelled).toEqual([1, 2]);
  await expect.poll(connections).toBe(0);
});
