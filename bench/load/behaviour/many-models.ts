import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { threeFloats } from '../bodies.js';
import { median, table } from '../compare.js';
import { withScratch } from '../contenders.js';
import { type LoadResult, runHttpLoad } from '../http-client.js';
import { benchModel } from '../paths.js';
import { cpuMicros, rssMegabytes } from '../process.js';
import type { Server } from '../servers.js';
import {
  type Context,
  type Finding,
  loadOf,
  mustAnswer,
  pause,
  predictPath,
  verdict,
  WARM_UP_SECONDS,
  withCpu,
  withModels,
} from './common.js';

const COUNTS = [1, 10, 100, 1000];
/** Names that take turns, spread over the whole catalog. */
const ASKED = 8;
const IDLE_SECONDS = 3;

/** 1 to 1000 copies of half_plus_two: time until all are available, memory, and what a lookup costs among so many. */
export async function manyModels(context: Context): Promise<Finding> {
  // A server with one model stays up beside each: the machine's moods then touch both alike.
  return withCopies(context, 1, async (alone) => {
    const counts = COUNTS.filter((count) => count <= context.maxModels);
    const rows: string[][] = [];
    const ratios: number[] = [];
    await warmUp(alone);
    for (const count of counts) {
      process.stderr.write(`  ${count} models …\n`);
      const line = await withCopies(context, count, async (copies) => {
        const rss = rssMegabytes(copies.server.pid);
        const idle = await idleCost(copies.server);
        await warmUp(copies);
        const { many, ratio } = await costs(context, [
          { ...alone, idle: 0 },
          { ...copies, idle },
        ]);
        ratios.push(ratio);
        const each = (copies.seconds / count) * 1000;
        return [
          copies.seconds.toFixed(2),
          each.toFixed(1),
          rss.toFixed(0),
          idle.toFixed(1),
          many.toFixed(1),
          ratio.toFixed(2),
        ];
      });
      rows.push([String(count), ...line]);
    }
    const growth = ratios.at(-1) ?? Number.NaN;
    const header = [
      'models',
      'start s',
      'ms/model',
      'RSS MB',
      'idle CPU ms/s',
      'CPU µs/req beyond idle',
      '÷ one model',
    ];
    return {
      title: `Number of models: copies of half_plus_two, REST to ${ASKED} of them at once`,
      text: table(header, rows),
      verdicts: [
        verdict(
          `a request costs the same among ${counts.at(-1)} models as with one (${growth.toFixed(2)} ×, bound 1.15)`,
          growth <= 1.15,
        ),
      ],
    };
  });
}

interface Copies {
  readonly server: Server;
  readonly names: readonly string[];
  /** From the start of the process until every copy was available. */
  readonly seconds: number;
}

/** Copies with what they cost while nobody asks, ms of CPU a second. */
type Asked = Copies & { readonly idle: number };

function withCopies<T>(
  { setting }: Context,
  count: number,
  use: (copies: Copies) => Promise<T>,
): Promise<T> {
  return withScratch((folder) => {
    const models: Record<string, string> = {};
    for (let i = 0; i < count; i += 1) {
      models[`m${i}`] = join(folder, `m${i}`);
      cpSync(benchModel('half_plus_two'), join(folder, `m${i}`), { recursive: true });
    }
    const began = performance.now();
    return withModels(models, setting, (server) => {
      const seconds = (performance.now() - began) / 1000;
      const names = Array.from(
        { length: ASKED },
        (_, i) => `m${Math.floor((i * (count - 1)) / (ASKED - 1))}`,
      );
      return use({ server, names, seconds });
    });
  });
}

/** What the server costs while nobody asks: it still looks for new versions. Milliseconds of CPU a second. */
async function idleCost({ pid }: Server): Promise<number> {
  await pause(1000);
  const before = cpuMicros(pid);
  await pause(IDLE_SECONDS * 1000);
  return (cpuMicros(pid) - before) / 1000 / IDLE_SECONDS;
}

/** CPU time per request of the second of two servers beyond what it costs idle, µs, and how many times the first one's it is, medians of rounds in which one follows the other. */
async function costs(
  { seconds, rounds }: Context,
  both: readonly [Asked, Asked],
): Promise<{ many: number; ratio: number }> {
  const cpu: [number[], number[]] = [[], []];
  // Twice as many of half the length: what else goes on on the machine takes turns too.
  for (let round = 0; round < 2 * rounds; round += 1) {
    for (const [index, copies] of both.entries()) {
      const result = await withCpu(copies.server.pid, () => ask(copies, seconds / 2));
      cpu[index]?.push(result.cpu - (copies.idle * 1000 * result.seconds) / result.requests);
    }
  }
  const [one, many] = cpu;
  return { many: median(many), ratio: median(many.map((each, round) => each / (one[round] ?? 0))) };
}

async function warmUp(copies: Copies): Promise<void> {
  for (const name of copies.names) {
    await mustAnswer(copies.server.rest, predictPath(name), threeFloats.json);
  }
  await ask(copies, WARM_UP_SECONDS);
}

/** One connection for each name, all at once. */
async function ask({ server, names }: Copies, seconds: number): Promise<LoadResult> {
  const load = { connections: 1, seconds };
  const results = await Promise.all(
    names.map((name) => runHttpLoad(loadOf(server, name, threeFloats.json, load))),
  );
  const sum = (key: 'requests' | 'errors'): number =>
    results.reduce((total, result) => total + result[key], 0);
  const worst = (key: 'seconds' | 'p50' | 'p99'): number =>
    Math.max(...results.map((result) => result[key]));
  return {
    requests: sum('requests'),
    errors: sum('errors'),
    seconds: worst('seconds'),
    p50: worst('p50'),
    p99: worst('p99'),
  };
}
