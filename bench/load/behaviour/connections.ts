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
const COUNTS = [1, 4, 16, 64, 256, 1000];
/** Two runs of one server differ by about this much on a shared machine. */
const SLACK = 0.85;

/** 1 to 1000 connections, 3 floats each: throughput must not fall as they grow. A fastify echo beside it shows the client's part. */
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
    };
  });
  for (let round = 0; round < context.rounds; round += 1) {
    for (const entry of results) {
      const result = await send(server, entry.count);
      entry.ours.push(rate(result));
      entry.cpu.push(result.cpu);
      entry.p99.push(result.p99);
      entry.echo.push(rate(await send(echo, entry.count)));
    }
  }
  const rows = results.map(({ count, ours, cpu, p99, echo: other }) => [
    String(count),
    median(ours).toFixed(0),
    median(cpu).toFixed(1),
    median(p99).toFixed(0),
    median(other).toFixed(0),
  ]);
  const rates = results.map(({ ours }) => median(ours));
  const share = (rates.at(-1) ?? 0) / Math.max(...rates.slice(0, -1));
  return {
    title: `Connections: ${MODEL}, 3 floats, REST`,
    text: table(['connections', 'req/s', 'CPU µs/req', 'p99 µs', 'echo req/s'], rows),
    verdicts: [
      verdict(
        `throughput does not fall as connections grow (1000: ${share.toFixed(2)} of the best, bound ${SLACK})`,
        share >= SLACK,
      ),
    ],
  };
}
