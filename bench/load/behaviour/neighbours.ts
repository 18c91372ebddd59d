import { onePhoto, threeFloats } from '../bodies.js';
import { median, table } from '../compare.js';
import { type LoadResult, runHttpLoad } from '../http-client.js';
import { serverFile } from '../paths.js';
import { rssMegabytes, start } from '../process.js';
import type { Server } from '../servers.js';
import {
  type Context,
  type Finding,
  loadOf,
  mustAnswer,
  pause,
  predictPath,
  rate,
  verdict,
  WARM_UP_SECONDS,
  withBenchModels,
  withCpu,
} from './common.js';

const SMALL = 'half_plus_two';
const SMALL_CONNECTIONS = 4;

interface Heavy {
  readonly title: string;
  readonly model: string;
  readonly what: string;
  body(server: Server): Promise<Buffer>;
}

/** Small requests beside 1.6 MB JSON bodies, against the same beside a CPU burner of the same cost. */
export function bigBodies(context: Context): Promise<Finding> {
  return beside(context, {
    title: 'Small requests beside 1.6 MB JSON bodies',
    model: 'sum224',
    what: '1.6 MB bodies',
    body: () => Promise.resolve(onePhoto.json),
  });
}

/** A fast model beside one that takes 100 ms, against the same beside a CPU burner of the same cost. */
export function slowModel(context: Context): Promise<Finding> {
  return beside(context, {
    title: 'A fast model beside one that takes 100 ms',
    model: 'busy',
    what: 'a model of 100 ms',
    body: (server) => busyBody(server, 100),
  });
}

/** A body that keeps the model `busy` running for about so many milliseconds on this machine. */
export async function busyBody(server: Server, milliseconds: number): Promise<Buffer> {
  const body = (count: number): Buffer => Buffer.from(JSON.stringify({ instances: [count] }));
  const tried = 2000;
  // The fastest of a few: the first also compiles, and on a shared machine others wait.
  let fastest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 8; i += 1) {
    const began = performance.now();
    await mustAnswer(server.rest, predictPath('busy'), body(tried));
    fastest = Math.min(fastest, performance.now() - began);
  }
  return body(Math.max(1, Math.round((tried * milliseconds) / fastest)));
}

function beside({ setting, clients, seconds, rounds }: Context, heavy: Heavy): Promise<Finding> {
  return withBenchModels([heavy.model, SMALL], setting, async (server) => {
    const small = (time = seconds): Promise<LoadResult> =>
      clients.rest(
        loadOf(server, SMALL, threeFloats.json, { connections: SMALL_CONNECTIONS, seconds: time }),
      );
    const body = await heavy.body(server);
    await mustAnswer(server.rest, predictPath(heavy.model), body);
    await mustAnswer(server.rest, predictPath(SMALL), threeFloats.json);
    const large = (time: number): Promise<LoadResult> =>
      runHttpLoad(loadOf(server, heavy.model, body, { connections: 1, seconds: time }));
    await large(2);
    await small(WARM_UP_SECONDS);
    const cost = await withCpu(server.pid, () => large(seconds));
    const level = rssMegabytes(server.pid);
    const alone: LoadResult[] = [];
    const burnt: LoadResult[] = [];
    const mixed: LoadResult[] = [];
    const paces: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      alone.push(await small());
      // The heavy load goes on for a moment longer, so that the small one is beside it to its end.
      const [ours, other] = await Promise.all([small(), large(seconds + 1)]);
      if (ours.errors + other.errors > 0) throw new Error('a request failed beside the heavy load');
      mixed.push(ours);
      paces.push(rate(other));
      const burner = await burn(cost.cpu / 1000, 1000 / rate(other));
      burnt.push(await small().finally(() => burner.stop()));
    }
    const pace = median(paces);
    await pause(5000);
    const row = (name: string, results: readonly LoadResult[]): string[] => [
      name,
      median(results.map(rate)).toFixed(0),
      median(results.map(({ p50 }) => p50)).toFixed(0),
      median(results.map(({ p99 }) => p99)).toFixed(0),
    ];
    const p99 = (results: readonly LoadResult[]): number => median(results.map((each) => each.p99));
    const ratio = p99(mixed) / p99(burnt);
    const kept = rssMegabytes(server.pid) - level;
    return {
      title: `${heavy.title} (${(cost.cpu / 1000).toFixed(1)} ms of CPU each, ${pace.toFixed(1)} a second)`,
      text: table(
        [`${SMALL}, ${SMALL_CONNECTIONS} connections`, 'req/s', 'p50 µs', 'p99 µs'],
        [
          row('alone', alone),
          row('beside a CPU burner', burnt),
          row(`beside ${heavy.what}`, mixed),
        ],
      ),
      verdicts: [
        verdict(
          `p99 beside ${heavy.what} is within 2 × of that beside the burner (${ratio.toFixed(2)} ×)`,
          ratio <= 2,
        ),
        `memory five idle seconds after: ${kept >= 0 ? '+' : ''}${kept.toFixed(0)} MB`,
      ],
    };
  });
}

function burn(spinMilliseconds: number, periodMilliseconds: number) {
  const file = serverFile('burner.mjs');
  const args = [file, String(spinMilliseconds), String(periodMilliseconds)];
  return start(process.execPath, args, /listening/);
}
