import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelDir } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { report, sized, stillAnswers, WITNESS } from './support/chaos.js';
import {
  Attacker,
  END_HEADERS,
  END_STREAM,
  FRAME,
  frameOf,
  hpack,
  REQUEST,
  setting,
  uint32,
} from './support/frames.js';
import { SteadyLoad } from './support/load.js';
import { megabytes, processFacts } from './support/process-facts.js';

const MIB = 1024 * 1024;
/** What may stay after a flood: heaps that grew once are not given back at once. */
const GROWTH = 96 * MIB;
const FRAMES = sized(20_000, 200_000);
const CONNECTIONS = 3;

let server: RunningServer;

beforeAll(async () => {
  server = await startServer({
    args: [`--model_name=${WITNESS}`, `--model_base_path=${modelDir(WITNESS)}`],
    models: [WITNESS],
  });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
  expect(server.output()).not.toMatch(/uncaught|unhandled|"level":60/i);
});

/** Client streams are odd. */
const stream = (index: number): number => 2 * index + 1;
const request = (index: number, flags = END_HEADERS): Buffer =>
  frameOf(FRAME.headers, stream(index), REQUEST, flags);

interface Flood {
  readonly what: string;
  readonly make: (index: number) => Buffer;
  /** Sent with the preface. */
  readonly settings?: Buffer;
  /** Sent before the flood. */
  readonly first?: Buffer;
  readonly frames?: number;
}

/** A dynamic-table entry of nearly 4 KiB, which the next requests name a thousand times with a byte each. */
const BIG_ENTRY = Buffer.concat([
  REQUEST,
  Buffer.from([0x40, 1]),
  Buffer.from('b'),
  Buffer.from([0x7f, ...varint(4000 - 127)]),
  Buffer.alloc(4000, 0x61),
]);

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return [...bytes, rest];
}

const FLOODS: readonly Flood[] = [
  {
    what: 'rapid reset (CVE-2023-44487)',
    make: (index) =>
      Buffer.concat([request(index), frameOf(FRAME.reset, stream(index), uint32(8))]),
  },
  { what: 'streams that never end', make: (index) => request(index) },
  {
    what: 'requests without a message',
    make: (index) => request(index, END_HEADERS | END_STREAM),
  },
  {
    what: 'settings (CVE-2019-9515)',
    make: () => frameOf(FRAME.settings, 0, setting(3, 100)),
  },
  { what: 'pings (CVE-2019-9512)', make: () => frameOf(FRAME.ping, 0, Buffer.alloc(8)) },
  {
    what: 'continuations without an end (CVE-2024-27316)',
    first: request(0, 0),
    make: () => frameOf(FRAME.continuation, 1, hpack([['x-more', 'y'.repeat(100)]])),
  },
  {
    what: 'empty DATA frames (CVE-2019-9518)',
    first: request(0),
    make: () => frameOf(FRAME.data, 1),
  },
  {
    what: 'priorities (CVE-2019-9513)',
    make: (index) =>
      frameOf(FRAME.priority, stream(index % 1000), Buffer.concat([uint32(0), Buffer.from([16])])),
  },
  {
    what: 'window updates of one byte',
    first: request(0),
    make: () => frameOf(FRAME.windowUpdate, 1, uint32(1)),
  },
  {
    what: 'windows that overflow',
    first: request(0),
    make: () => frameOf(FRAME.windowUpdate, 0, uint32(0x7fff_ffff)),
    frames: 100,
  },
  {
    what: 'answers that nobody takes, the window is 0 (CVE-2019-9517)',
    settings: setting(4, 0),
    make: (index) => request(index, END_HEADERS | END_STREAM),
  },
  {
    what: 'a header table blown up by references (CVE-2016-6581)',
    first: frameOf(FRAME.headers, 1, BIG_ENTRY, END_HEADERS | END_STREAM),
    make: (index) =>
      frameOf(
        FRAME.headers,
        stream(index + 1),
        Buffer.concat([REQUEST, Buffer.alloc(1000, 0x80 | 62)]),
        END_HEADERS | END_STREAM,
      ),
    frames: 2000,
  },
  {
    what: 'resets of streams that never were',
    make: (index) => frameOf(FRAME.reset, stream(index), uint32(8)),
  },
  { what: 'unknown frames', make: (index) => frameOf(200, stream(index), Buffer.alloc(16)) },
  {
    what: 'frames over the size limit',
    make: (index) => frameOf(FRAME.data, stream(index), Buffer.alloc(20_000)),
    frames: 200,
  },
];

describe('an HTTP/2 flood keeps nobody else waiting, and its memory comes back', () => {
  it.each(FLOODS)('$what', async ({ what, make, settings, first, frames = FRAMES }) => {
    await stillAnswers(server);
    const before = processFacts(server.child.pid);
    const load = new SteadyLoad(server, { clients: 1 });
    await load.more(5);
    const attackers = await Promise.all(
      Array.from({ length: CONNECTIONS }, () => Attacker.open(server.grpcPort, settings)),
    );
    let peak = 0;
    const watch = setInterval(() => {
      peak = Math.max(peak, processFacts(server.child.pid).rss);
    }, 50);
    const sent = await Promise.all(
      attackers.map(async (attacker) => {
        if (first !== undefined) attacker.socket.write(first);
        return attacker.flood(Math.ceil(frames / CONNECTIONS), make);
      }),
    );
    // The other clients are answered while the flood is on and after it.
    await load.more(20);
    clearInterval(watch);
    const cut = attackers.filter((attacker) => attacker.closed).length;
    for (const attacker of attackers) attacker.close();
    const seen = await load.stop();
    expect(seen.lost).toEqual([]);
    await stillAnswers(server);
    const settled = async (): Promise<number> => {
      await delay(100);
      return processFacts(server.child.pid).rss;
    };
    await expect.poll(settled, { timeout: 20_000 }).toBeLessThan(before.rss + GROWTH);
    const after = processFacts(server.child.pid);
    expect(after.handles).toBeLessThanOrEqual(before.handles + 4);
    report(what, {
      faults: 1,
      inputs: sent.reduce((sum, count) => sum + count, 0),
      answered: seen.answered,
      lost: seen.lost.length,
      note: `slowest answer beside it ${seen.slowestMs} ms; ${cut} of ${CONNECTIONS} connections cut off; RSS ${megabytes(before.rss)}, at most ${megabytes(peak)}, then ${megabytes(after.rss)}`,
    });
  });
});
