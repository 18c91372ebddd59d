import { availableParallelism } from 'node:os';
import { onePhoto, threeFloats } from '../bodies.js';
import { median, table } from '../compare.js';
import { type LoadResult, runHttpLoad } from '../http-client.js';
import { serverFile } from '../paths.js';
import { cpuMicros, rssMegabytes, type Subject, start } from '../process.js';
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
import { bodyOfSize } from './payloads.js';

/** The requests whose times count. */
interface Light {
  readonly model: string;
  readonly body: () => Buffer;
  readonly what: string;
}

/** Run on the event loop. */
const SMALL: Light = { model: 'half_plus_two', body: () => threeFloats.json, what: '3 floats' };
/** Large enough to be run on the pool always, some 0.3 ms. */
const POOLED: Light = { model: 'total', body: () => bodyOfSize(1e5), what: '0.1 MB' };
const LIGHT_CONNECTIONS = 4;
/** A burner that has to take turns with others still burns this. */
const MOST_OF_A_CORE = 0.9;

interface Heavy {
  readonly title: string;
  readonly model: string;
  readonly what: string;
  readonly connections: number;
  readonly light: Light;
  body(server: Server): Promise<Buffer>;
}

/** Small requests beside 1.6 MB JSON bodies, against the same beside a CPU burner of the same cost. */
export function bigBodies(context: Context): Promise<Finding> {
  return beside(context, {
    title: 'Small requests beside 1.6 MB JSON bodies',
    model: 'sum224',
    what: '1.6 MB bodies',
    connections: 1,
    light: SMALL,
    body: () => Promise.resolve(onePhoto.json),
  });
}

/** A fast model beside one that takes 100 ms, against the same beside a CPU burner of the same cost. */
export function slowModel(context: Context): Promise<Finding> {
  return beside(context, {
    title: 'A fast model beside one that takes 100 ms',
    model: 'busy',
    what: 'a model of 100 ms',
    connections: 1,
    light: SMALL,
    body: (server) => busyBody(server, 100),
  });
}

/** A fast model beside one of 100 ms that always has more requests waiting than there are threads: both need the pool. */
export function fullQueue(context: Context): Promise<Finding> {
  return beside(context, {
    title: 'A fast model on the pool beside one of 100 ms whose queue is never empty',
    model: 'busy',
    what: 'a full queue of a model of 100 ms',
    connections: 4 * availableParallelism(),
    light: POOLED,
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
  const { light } = heavy;
  return withBenchModels([heavy.model, light.model], setting, async (server) => {
    const lightBody = light.body();
    const small = (time = seconds): Promise<LoadResult> =>
      clients.rest(
        loadOf(server, light.model, lightBody, { connections: LIGHT_CONNECTIONS, seconds: time }),
      );
    const body = await heavy.body(server);
    await mustAnswer(server.rest, predictPath(heavy.model), body);
    await mustAnswer(server.rest, predictPath(light.model), lightBody);
    const large = (time: number): Promise<LoadResult> =>
      runHttpLoad(
        loadOf(server, heavy.model, body, { connections: heavy.connections, seconds: time }),
      );
    await large(2);
    await small(WARM_UP_SECONDS);
    const clientBefore = process.cpuUsage();
    const cost = await withCpu(server.pid, () => large(seconds));
    const { user, system } = process.cpuUsage(clientBefore);
    const clientCost = (user + system) / cost.requests;
    const level = rssMegabytes(server.pid);
    const alone: LoadResult[] = [];
    const burnt: LoadResult[] = [];
    const mixed: LoadResult[] = [];
    const paces: number[] = [];
    const ratios: number[] = [];
    const burntShares: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      alone.push(await small());
      // The heavy load goes on for a moment longer, so that the small one is beside it to its end; its pace must not be that of a rest alone.
      const [ours, other] = await Promise.all([small(), large(seconds + 0.2)]);
      if (ours.errors + other.errors > 0) throw new Error('a request failed beside the heavy load');
      mixed.push(ours);
      paces.push(rate(other));
      // The client of the heavy load has its part of the same cores, so it has a burner of its own.
      const costs = [cost.cpu, clientCost];
      const { result: beside, burnt: took } = await besideBurners(costs, rate(other), small);
      burnt.push(beside);
      burntShares.push(took / ((cost.cpu + clientCost) * rate(other)));
      ratios.push(ours.p99 / beside.p99);
    }
    const pace = median(paces);
    await pause(5000);
    const row = (name: string, results: readonly LoadResult[]): string[] => [
      name,
      median(results.map(rate)).toFixed(0),
      median(results.map(({ p50 }) => p50)).toFixed(0),
      median(results.map(({ p99 }) => p99)).toFixed(0),
    ];
    // Of stretches that followed each other: what else goes on on the machine changes over minutes.
    const ratio = median(ratios);
    const kept = rssMegabytes(server.pid) - level;
    return {
      title: `${heavy.title} (${(cost.cpu / 1000).toFixed(1)} ms of CPU each, its client ${(clientCost / 1000).toFixed(1)} ms, ${pace.toFixed(1)} a second)`,
      text: table(
        [
          `${light.model}, ${light.what}, ${LIGHT_CONNECTIONS} connections`,
          'req/s',
          'p50 µs',
          'p99 µs',
        ],
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
        `the burners took ${(median(burntShares) * 100).toFixed(0)} % of what the heavy load and its client cost`,
        `memory five idle seconds after: ${kept >= 0 ? '+' : ''}${kept.toFixed(0)} MB`,
      ],
    };
  });
}

/** Runs a load beside burners that cost so many µs each so many times a second; tells the CPU they took, µs a second. */
async function besideBurners(
  costs: readonly number[],
  perSecond: number,
  load: () => Promise<LoadResult>,
): Promise<{ result: LoadResult; burnt: number }> {
  const burners = (await Promise.all(costs.map((cost) => burn(cost, perSecond)))).flat();
  try {
    const cpu = (): number => burners.reduce((sum, { pid }) => sum + cpuMicros(pid), 0);
    const [began, before] = [performance.now(), cpu()];
    const result = await load();
    const seconds = (performance.now() - began) / 1000;
    return { result, burnt: (cpu() - before) / seconds };
  } finally {
    await Promise.all(burners.map((burner) => burner.stop()));
  }
}

/** Burns so many µs of CPU so many times a second, in as many processes as that takes: one has at most a core. */
function burn(micros: number, perSecond: number): Promise<Subject[]> {
  const count = Math.max(1, Math.ceil((micros * perSecond) / (MOST_OF_A_CORE * 1e6)));
  const args = [serverFile('burner.mjs'), String(micros / 1000 / count), String(1000 / perSecond)];
  const burners = Array.from({ length: count }, () => start(process.execPath, args, /listening/));
  return Promise.all(burners);
}
