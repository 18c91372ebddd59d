import { availableParallelism } from 'node:os';
import { type Input, onePhoto, threeFloats } from '../bodies.js';
import { median, table } from '../compare.js';
import { runHttpLoad } from '../http-client.js';
import { rssMegabytes } from '../process.js';
import type { Server } from '../servers.js';
import {
  benchModels,
  type Context,
  type Finding,
  loadOf,
  mustAnswer,
  predictPath,
  rate,
  startModels,
  WARM_UP_SECONDS,
  withCpu,
} from './common.js';

interface Task {
  readonly model: string;
  readonly input: Input;
}

const TASKS: readonly Task[] = [
  { model: 'half_plus_two', input: threeFloats },
  { model: 'mobilenet_v2', input: onePhoto },
];

interface Candidate {
  readonly workers: number;
  readonly threads: number;
  readonly server: Server;
  /** For each task: requests a second, CPU µs per request and p99 µs of each round. */
  readonly rounds: [number, number, number][][];
}

/** Workers × inference threads on this machine's cores; 0 is the default. */
export async function sweep(context: Context): Promise<Finding> {
  const cores = availableParallelism();
  const candidates: Candidate[] = [];
  try {
    for (const [workers, threads] of combinations(cores)) {
      const server = await startWith(context, workers, threads);
      candidates.push({ workers, threads, server, rounds: TASKS.map(() => []) });
    }
    for (let round = 0; round <= context.rounds; round += 1) {
      for (const candidate of candidates) await measure(context, candidate, round === 0);
    }
    const columns = TASKS.flatMap(({ model }) => [`${model} req/s`, 'CPU µs', 'p99 µs']);
    return {
      title: `Workers × inference threads on ${cores} cores (0 is the default; the client runs on the same cores)`,
      text: table(['workers', 'threads', ...columns, 'RSS MB'], candidates.map(cells), 2),
      verdicts: [],
    };
  } finally {
    await Promise.all(candidates.map(({ server }) => server.stop()));
  }
}

/** The default first, then every number of workers up to the cores with threads up to twice as many; for most workers, up to the cores. */
export function combinations(cores: number): [number, number][] {
  const counts = [...new Set([1, 2, Math.ceil(cores / 2), cores, 2 * cores])]
    .filter((count) => count <= 2 * cores)
    .sort((a, b) => a - b);
  const workers = counts.filter((count) => count <= cores);
  const threads = (w: number): number[] => counts.filter((count) => w < cores || count <= cores);
  return [[0, 0], ...workers.flatMap((w) => threads(w).map((t): [number, number] => [w, t]))];
}

function startWith({ setting }: Context, workers: number, threads: number): Promise<Server> {
  const flags = [...setting.flags, `--workers=${workers}`, `--inference_threads=${threads}`];
  return startModels(benchModels(TASKS.map(({ model }) => model)), { ...setting, flags });
}

/** One round; the first only warms up. */
async function measure(
  { clients, seconds }: Context,
  { server, rounds }: Candidate,
  warmUp: boolean,
): Promise<void> {
  for (const [index, { model, input }] of TASKS.entries()) {
    if (warmUp) await mustAnswer(server.rest, predictPath(model), input.json);
    // wrk leaves what is under way at the end, too much of the few requests of a large body.
    const send = input.json.length > 1e5 ? runHttpLoad : clients.rest;
    const load = loadOf(server, model, input.json, {
      connections: 8,
      // What is common to all tasks is warm after the first.
      seconds: warmUp ? (index === 0 ? WARM_UP_SECONDS : 2) : seconds,
    });
    const result = await withCpu(server.pid, () => send(load));
    if (!warmUp) rounds[index]?.push([rate(result), result.cpu, result.p99]);
  }
}

function cells({ workers, threads, server, rounds }: Candidate): string[] {
  const figures = rounds.flatMap((task) =>
    [0, 1, 2].map((column) => median(task.map((round) => round[column] ?? 0)).toFixed(0)),
  );
  return [String(workers), String(threads), ...figures, rssMegabytes(server.pid).toFixed(0)];
}
