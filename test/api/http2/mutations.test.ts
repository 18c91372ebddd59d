import { expect, it } from 'vitest';
import { report, SEED, sized } from '../../chaos/support/chaos.js';
import { FRAME, frameOf, PREFACE } from '../../chaos/support/frames.js';
import { Random } from '../../chaos/support/random.js';
import type { Answer } from '../fakes.js';
import { ERROR, echoEngine, expectServes, type Target, target } from './support/calls.js';
import { mutatedFrames, VALID } from './support/mutator.js';
import type { Fields, Peer } from './support/peer.js';

const COUNT = sized(600, 30_000);
/** Turns of the event loop in which a server in this process has done all that some bytes ask for. */
const TURNS = 10;

async function turns(count = TURNS): Promise<void> {
  for (let turn = 0; turn < count; turn += 1) {
    await new Promise((resolve) => setImmediate(resolve));
  }
}

/** A server whose engine answers when it is told to: what state a stream is in depends on nothing but the client's bytes. */
async function heldServer(): Promise<Target & { release(): void }> {
  const engine = echoEngine();
  const { answer } = engine;
  let held: (() => void)[] = [];
  engine.answer = (seen) => {
    const now = answer(seen) as Answer;
    if (now === 'never' || seen.body.startsWith('call ')) return now;
    return new Promise((resolve) => held.push(() => resolve(now)));
  };
  const release = (): void => {
    for (const each of held) each();
    held = [];
  };
  return { ...(await target({}, engine)), release };
}

/** Sends preface and bytes cut into so many pieces. */
async function sendIn(pieces: number, peer: Peer, bytes: Buffer, random: Random): Promise<void> {
  const whole = Buffer.concat([PREFACE, frameOf(FRAME.settings, 0), bytes]);
  const ends = Array.from({ length: pieces - 1 }, () => random.below(whole.length));
  let at = 0;
  for (const end of [...ends.sort((a, b) => a - b), whole.length]) {
    peer.send(whole.subarray(at, end));
    at = end;
    if (pieces > 1) await turns(2);
  }
}

/** What has come on one stream. */
interface Seen {
  readonly blocks: Fields[];
  data: string;
  reset: number | null;
}

/** What comes of some bytes: the code of an error of the connection, or else what each stream got. */
type Found = number | Readonly<Record<string, Seen>>;

/** What has come on each stream, without the places where frames were cut. */
function seenOn(peer: Peer): Found {
  const streams = new Map<number, Seen>();
  for (const { type, stream, fields, payload } of peer.frames) {
    if (stream === 0) continue;
    const found = streams.get(stream) ?? { blocks: [], data: '', reset: null };
    if (fields !== undefined) found.blocks.push(fields);
    if (type === FRAME.data) found.data += payload.toString('hex');
    if (type === FRAME.reset) found.reset = payload.readUInt32BE();
    streams.set(stream, found);
  }
  return Object.fromEntries([...streams].sort(([a], [b]) => a - b));
}

/** What comes of some bytes that arrive in so many pieces; after an error of the connection nothing but its code counts. */
async function outcomeOf(
  server: Target & { release(): void },
  bytes: Buffer,
  pieces: number,
  random: Random,
): Promise<Found> {
  const peer = await server.open({ isSilent: true });
  await sendIn(pieces, peer, bytes, random);
  await turns();
  server.release();
  await turns();
  const goAway = peer.find(FRAME.goAway)?.payload.readUInt32BE(4) ?? 0;
  const found = goAway === 0 ? seenOn(peer) : goAway;
  if (random.below(2) === 0) peer.socket.end();
  peer.close();
  return found;
}

/** That nothing is left of the connections but the witness, which is answered. */
async function expectClean(server: Target, witness: Peer, stream: number): Promise<void> {
  await expectServes(witness, stream);
  await expect.poll(server.connections, { timeout: 10_000 }).toBe(1);
  await expect.poll(() => server.engine.inFlight()).toBe(0);
  expect(server.engine.bodies.open.size).toBe(0);
}

it('mutated frames crash nothing, leave nothing behind, and mean the same however they are cut', async () => {
  const server = await heldServer();
  const witness = await server.open();
  const kinds = { errors: 0, served: 0 };
  for (let index = 0; index < COUNT; index += 1) {
    const seed = SEED + index;
    const bytes = mutatedFrames(new Random(seed));
    const both = async (): Promise<readonly [Found, Found]> => [
      await outcomeOf(server, bytes, 1, new Random(seed)),
      await outcomeOf(server, bytes, 2 + (seed % 5), new Random(seed)),
    ];
    let [whole, cut] = await both();
    // On a busy machine bytes may take longer than these turns; what is wrong stays wrong.
    if (!same(whole, cut)) [whole, cut] = await both();
    // What comes of frames on a stream that has ended depends on when it has.
    if (!isOnClosed(whole) && !isOnClosed(cut)) {
      expect(cut, `seed ${seed} ${bytes.toString('hex')}`).toEqual(whole);
    }
    if (typeof whole === 'number') kinds.errors += 1;
    else kinds.served += 1;
    if (index % 100 === 99) await expectClean(server, witness, 2 * index + 1);
  }
  await expectClean(server, witness, 2 * COUNT + 1);
  // Mutations that are all refused at once, or all harmless, would find nothing.
  expect(kinds.errors).toBeGreaterThan(COUNT / 10);
  expect(kinds.served).toBeGreaterThan(COUNT / 10);
  report('mutated HTTP/2 conversations', { inputs: 2 * COUNT, lost: 0 });
});

const same = (a: Found, b: Found): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Whether there were frames on a stream that had ended. */
function isOnClosed(found: Found): boolean {
  if (typeof found === 'number') return found === ERROR.streamClosed;
  return Object.values(found).some(({ reset }) => reset === ERROR.streamClosed);
}

it('sequences that are in order are no error', async () => {
  const server = await heldServer();
  for (const frames of VALID) {
    const bytes = Buffer.concat(frames);
    const found = await outcomeOf(server, bytes, 1, new Random(1));
    expect(found, bytes.toString('hex')).not.toBeTypeOf('number');
  }
});
