import { threeFloats } from '../bodies.js';
import { median, table } from '../compare.js';
import { SERVERS, type Server } from '../servers.js';
import {
  type Context,
  type Finding,
  loadOf,
  mustAnswer,
  predictPath,
  rate,
  verdict,
  WARM_UP_SECONDS,
  withBenchModels,
  withCpu,
} from './common.js';

const MODEL = 'half_plus_two';
const COUNTS = [1, 8, 64, 256, 1000];
/** Two runs of one server differ by about this much on a shared machine. */
const SLACK = 0.85;

/**
 * 1 to 1000 connections, 3 floats each: throughput must not fall as they grow.
 *
 * With a thousand connections each request finds its socket, in the kernel, in Node and in the client, out of the caches: a fastify echo falls too. Its share, taken in the
 * same rounds, is what is possible on the machine, and what the bound is of.
 */
export function connections(context: Context): Promise<Finding> {
  return withBenchModels([MODEL], context.setting, async (server) => {
    const echo = await SERVERS['fastify echo'](MODEL);
    try {
      return await measure(context, server, echo);
    } finally {
      await echo.stop();
    }
  });
}

async function measure(context: Context, server: Server, echo: Server): Promise<Finding> {
  const body = threeFloats.json;
  await mustAnswer(server.rest, predictPath(MODEL), body);
  const send = (to: Server, count: number, seconds = context.seconds) =>
    withCpu(to.pid, () =>
      context.clients.rest(loadOf(to, MODEL, body, { connections: count, seconds })),
    );
  for (const each of [server, echo]) await send(each, 8, WARM_UP_SECONDS);
  const results = COUNTS.map((count) => {
    return {
      count,
      ours: [] as number[],
      cpu: [] as number[],
      p99: [] as number[],
      echo: [] as number[],
      echoCpu: [] as number[],
    };
  });
  for (let round = 0; round < context.rounds; round += 1) {
    for (const entry of results) {
      const result = await send(server, entry.count);
      entry.ours.push(rate(result));
      entry.cpu.push(result.cpu);
      entry.p99.push(result.p99);
      const other = await send(echo, entry.count);
      entry.echo.push(rate(other));
      entry.echoCpu.push(other.cpu);
    }
  }
  const rows = results.map(({ count, ours, cpu, p99, echo: other, echoCpu }) => [
    String(count),
    median(ours).toFixed(0),
    median(cpu).toFixed(1),
    median(p99).toFixed(0),
    median(other).toFixed(0),
    median(echoCpu).toFixed(1),
  ]);
  const [own, echos] = [results.map((entry) => entry.ours), results.map((entry) => entry.echo)].map(
    shareOfBest,
  ) as [number, number];
  return {
    title: `Connections: ${MODEL}, 3 floats, REST`,
    text: table(['connections', 'req/s', 'CPU µs/req', 'p99 µs', 'echo req/s', 'its CPU'], rows),
    verdicts: [
      verdict(
        `throughput falls no more than that of an echo as connections grow (1000: ${own.toFixed(2)} of the best, the echo ${echos.toFixed(2)} of its best; bound ${SLACK} of that)`,
        own >= SLACK * Math.min(1, echos),
      ),
    ],
  };
}

/** Throughput at the most connections as a share of the best at fewer. */
function shareOfBest(rounds: readonly (readonly number[])[]): number {
  const rates = rounds.map(median);
  return (rates.at(-1) ?? Number.NaN) / Math.max(...rates.slice(0, -1));
}
