import { describe, expect, it } from 'vitest';
import { END_STREAM, FRAME, frameOf, setting, uint32 } from '../../chaos/support/frames.js';
import {
  call,
  ERROR,
  expectMessage,
  expectServes,
  FRAME_SIZE,
  headers,
  MAX_WINDOW,
  SETTING,
  target,
  WINDOW,
} from './support/calls.js';
import type { Peer, PeerOptions } from './support/peer.js';

const grant = (stream: number, by: number): Buffer =>
  frameOf(FRAME.windowUpdate, stream, uint32(by));
const initialWindow = (size: number): Buffer => setting(SETTING.initialWindowSize, size);
const newInitialWindow = (size: number): Buffer => frameOf(FRAME.settings, 0, initialWindow(size));
/** gRPC's five bytes and `bytes` of zeros. */
const zeros = (stream: number, bytes: number): Buffer => call(stream, `zeros:${bytes - 5}`);
/** A call whose message is none. */
const refused = (stream: number): Buffer =>
  Buffer.concat([headers(stream), frameOf(FRAME.data, stream, Buffer.from([9]), END_STREAM)]);
const size = (peer: Peer, stream: number): number => peer.data(stream).length;
const hasEnded = (peer: Peer, stream: number): boolean =>
  peer.frames.some((frame) => frame.stream === stream && (frame.flags & END_STREAM) !== 0);

/** Waits for the bytes of streams, and then for more than there should be. */
async function expectSizes(peer: Peer, sizes: Readonly<Record<number, number>>): Promise<void> {
  const now = (): Record<string, number> =>
    Object.fromEntries(Object.keys(sizes).map((stream) => [stream, size(peer, Number(stream))]));
  await peer.until(`DATA ${JSON.stringify(sizes)}`, () =>
    Object.entries(sizes).every(([stream, wanted]) => size(peer, Number(stream)) >= wanted)
      ? true
      : undefined,
  );
  await peer.roundTrip();
  await peer.roundTrip();
  expect(now()).toEqual(sizes);
}

const connect = async (options: PeerOptions = {}): Promise<Peer> => (await target()).open(options);

describe("a stream's window", () => {
  it('of 0 lets the headers through and no byte more, until it grows', async () => {
    const peer = await connect({ settings: initialWindow(0) });
    peer.send(call(1, 'hello'));
    await peer.frame(FRAME.headers, 1);
    await expectSizes(peer, { 1: 0 });
    peer.send(grant(1, 1));
    await expectSizes(peer, { 1: 1 });
    peer.send(grant(1, 6));
    await expectSizes(peer, { 1: 7 });
    expect(hasEnded(peer, 1)).toBe(false);
    peer.send(grant(1, 100));
    expectMessage(await peer.answer(1), 'hello');
  });

  it('that is just enough needs no more for the trailers', async () => {
    const peer = await connect({ settings: initialWindow(7) });
    peer.send(call(1, 'hi'));
    expectMessage(await peer.answer(1), 'hi');
  });

  it('of 0 is none for an answer that is a status alone', async () => {
    const peer = await connect({ settings: initialWindow(0) });
    peer.send(refused(1));
    expect((await peer.answer(1)).headers['grpc-status']).toBe('13');
  });

  it('of 0 stops its own stream and no other', async () => {
    const peer = await connect({ settings: initialWindow(0) });
    peer.send(call(1, 'first'), call(3, 'second'), grant(3, 100));
    expectMessage(await peer.answer(3), 'second');
    expect(size(peer, 1)).toBe(0);
    peer.send(grant(1, 100));
    expectMessage(await peer.answer(1), 'first');
  });

  it('grows with SETTINGS while its stream waits', async () => {
    const peer = await connect({ settings: initialWindow(10) });
    peer.send(zeros(1, 100));
    await expectSizes(peer, { 1: 10 });
    peer.send(newInitialWindow(25));
    await expectSizes(peer, { 1: 25 });
    peer.send(newInitialWindow(1000));
    expect((await peer.answer(1)).data).toHaveLength(100);
  });

  it('falls below 0 with SETTINGS, and counts from there', async () => {
    const peer = await connect({ settings: initialWindow(100) });
    peer.send(zeros(1, 300));
    await expectSizes(peer, { 1: 100 });
    peer.send(newInitialWindow(40));
    await expectSizes(peer, { 1: 100 });
    // At -60 now.
    peer.send(grant(1, 60));
    await expectSizes(peer, { 1: 100 });
    peer.send(grant(1, 1));
    await expectSizes(peer, { 1: 101 });
    // At 0; from 40 to 90 it gets 50.
    peer.send(newInitialWindow(90));
    await expectSizes(peer, { 1: 151 });
    peer.send(grant(1, 1000));
    expect((await peer.answer(1)).data).toHaveLength(300);
  });

  it('counts with the SETTINGS of the time for streams that come later', async () => {
    const peer = await connect({ settings: initialWindow(10) });
    peer.send(
      zeros(1, 100),
      newInitialWindow(20),
      zeros(3, 100),
      newInitialWindow(5),
      zeros(5, 100),
    );
    await expectSizes(peer, { 5: 5 });
    peer.send(newInitialWindow(1000));
    for (const stream of [1, 3, 5]) {
      expect((await peer.answer(stream)).data).toHaveLength(100);
    }
  });

  it('may be granted before there is anything to send', async () => {
    const { open, engine } = await target();
    let release: (() => void) | undefined;
    engine.answer = () =>
      new Promise((resolve) => {
        release = () => resolve({ reply: Buffer.alloc(95) });
      });
    const peer = await open({ settings: initialWindow(0) });
    peer.send(call(1), grant(1, 60), grant(1, 41));
    await expect.poll(() => engine.seen.length).toBe(1);
    release?.();
    expect((await peer.answer(1)).data).toHaveLength(100);
  });

  it('may be the largest there is', async () => {
    const peer = await connect({ settings: initialWindow(MAX_WINDOW) });
    peer.send(grant(0, MAX_WINDOW - WINDOW), zeros(1, 3_000_000));
    expect((await peer.answer(1)).data).toHaveLength(3_000_000);
  });

  it('that overflows while its stream waits costs that stream only', async () => {
    const peer = await connect({ settings: initialWindow(1_000_000) });
    peer.send(zeros(1, 100_000));
    await expectSizes(peer, { 1: WINDOW });
    peer.send(grant(1, MAX_WINDOW));
    expect(await peer.resetCode(1)).toBe(ERROR.flowControl);
    peer.send(grant(0, 1000));
    await expectServes(peer, 3);
    expect(size(peer, 1)).toBe(WINDOW);
  });
});

describe("the connection's window", () => {
  const wide = { settings: initialWindow(1_000_000) };

  it('ends at 65535 bytes, and goes on from there as it is granted', async () => {
    const peer = await connect(wide);
    peer.send(zeros(1, 100_000));
    await expectSizes(peer, { 1: WINDOW });
    peer.send(grant(0, 1));
    await expectSizes(peer, { 1: WINDOW + 1 });
    peer.send(grant(1, 500));
    await expectSizes(peer, { 1: WINDOW + 1 });
    peer.send(grant(0, 100_000));
    expect((await peer.answer(1)).data).toHaveLength(100_000);
  });

  it('is not what SETTINGS change', async () => {
    const peer = await connect(wide);
    peer.send(zeros(1, 70_000));
    await expectSizes(peer, { 1: WINDOW });
    peer.send(newInitialWindow(2_000_000));
    await expectSizes(peer, { 1: WINDOW });
  });

  it('at 0 lets headers and trailers through', async () => {
    const peer = await connect(wide);
    peer.send(zeros(1, WINDOW));
    expect((await peer.answer(1)).data).toHaveLength(WINDOW);
    peer.send(call(3, ''), frameOf(FRAME.ping, 0, Buffer.alloc(8)));
    await peer.frame(FRAME.headers, 3);
    peer.send(refused(5));
    expect((await peer.answer(5)).headers['grpc-status']).toBe('13');
    peer.send(grant(0, 5));
    expect((await peer.answer(3)).data).toHaveLength(5);
  });

  it('is shared by the streams that wait for it, none of which starves', async () => {
    const peer = await connect({ settings: initialWindow(0) });
    const streams = [1, 3, 5, 7];
    peer.send(...streams.map((stream) => zeros(stream, 100_000)));
    for (const stream of streams) await peer.frame(FRAME.headers, stream);
    await expectSizes(peer, { 1: 0, 3: 0, 5: 0, 7: 0 });
    peer.send(newInitialWindow(1_000_000));
    const sum = (): number => streams.reduce((total, stream) => total + size(peer, stream), 0);
    let granted = WINDOW;
    const spent = (): Promise<boolean> =>
      peer.until(`${granted} bytes`, () => sum() >= granted || undefined);
    await spent();
    // Half of all, in steps of a frame.
    while (granted < 200_000) {
      peer.send(grant(0, FRAME_SIZE));
      granted += FRAME_SIZE;
      await spent();
    }
    expect(sum()).toBe(granted);
    for (const stream of streams) expect(size(peer, stream)).toBeGreaterThan(20_000);
    peer.send(grant(0, 400_000));
    for (const stream of streams) {
      expect((await peer.answer(stream)).data).toHaveLength(100_000);
    }
  });

  it('that a reset stream waited for goes to the next', async () => {
    const peer = await connect(wide);
    peer.send(zeros(1, 100_000));
    await expectSizes(peer, { 1: WINDOW });
    peer.send(zeros(3, 50_000), frameOf(FRAME.reset, 1, uint32(ERROR.cancel)), grant(0, 50_001));
    expect((await peer.answer(3)).data).toHaveLength(50_000);
    expect(size(peer, 1)).toBe(WINDOW);
  });
});

describe('a DATA frame', () => {
  const lengths = (peer: Peer): number[] =>
    peer.frames.filter(({ type }) => type === FRAME.data).map(({ payload }) => payload.length);
  const wide = (frameSize: number | null): Buffer =>
    Buffer.concat([
      initialWindow(MAX_WINDOW),
      frameSize === null ? Buffer.alloc(0) : setting(SETTING.maxFrameSize, frameSize),
    ]);

  it.each([
    [null, FRAME_SIZE],
    [FRAME_SIZE, FRAME_SIZE],
    [20_000, 20_000],
    [2 ** 24 - 1, 2 ** 24 - 1],
  ])('with MAX_FRAME_SIZE %s has at most %d bytes', async (said, most) => {
    const peer = await connect({ settings: wide(said) });
    peer.send(grant(0, MAX_WINDOW - WINDOW), zeros(1, 1_000_000));
    expect((await peer.answer(1)).data).toHaveLength(1_000_000);
    expect(Math.max(...lengths(peer))).toBeLessThanOrEqual(most);
  });

  it('is smaller from the acknowledgement on, where the client says so', async () => {
    const peer = await connect({ settings: wide(1_000_000) });
    peer.send(grant(0, MAX_WINDOW - WINDOW));
    peer.send(
      frameOf(FRAME.settings, 0, setting(SETTING.maxFrameSize, FRAME_SIZE)),
      zeros(1, 200_000),
    );
    expect((await peer.answer(1)).data).toHaveLength(200_000);
    expect(Math.max(...lengths(peer))).toBeLessThanOrEqual(FRAME_SIZE);
  });

  it('of no bytes comes nowhere but at the end', async () => {
    const peer = await connect({ settings: initialWindow(0) });
    peer.send(zeros(1, 55));
    await peer.frame(FRAME.headers, 1);
    for (let step = 0; step < 5; step += 1) {
      peer.send(grant(1, 10));
      await expectSizes(peer, { 1: 10 * (step + 1) });
    }
    peer.send(grant(1, 10));
    await peer.answer(1);
    expect(lengths(peer).slice(0, -1)).not.toContain(0);
  });
});

it('a client that takes nothing in holds up no other, and goes on where it stopped', async () => {
  const server = await target();
  const slow = await server.open({ settings: initialWindow(MAX_WINDOW) });
  slow.send(grant(0, MAX_WINDOW - WINDOW));
  await slow.roundTrip();
  slow.socket.pause();
  slow.send(zeros(1, 12_000_000));
  const other = await server.open();
  for (let stream = 1; stream < 20; stream += 2) await expectServes(other, stream);
  slow.socket.resume();
  expect((await slow.answer(1)).data).toHaveLength(12_000_000);
});
