import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { BatchingSetting } from '../bench/batching-file.js';
import type { BenchProgress } from '../bench/bench.js';
import type { BenchReport } from '../bench/report.js';
import type { TuneResult } from '../bench/tune.js';
import { ServingError } from '../errors.js';
import {
  addLoadFlags,
  interruptible,
  LoadBar,
  type LoadFlags,
  localTarget,
  MANY_CONNECTIONS,
  nobodyAnswered,
  ownCommand,
  positive,
  wholes,
} from './load-options.js';

interface TuneFlags extends LoadFlags {
  readonly batch_sizes: readonly number[];
  readonly waits: readonly number[];
  readonly threads: readonly number[];
  readonly max_p99_ms?: number;
  readonly out: string;
  readonly json?: true;
}

const HELP = `
Starts a server for the folder with each setting in turn, keeps it busy with requests of one row over many connections, and writes the best
setting for --batching_parameters_file. Run it on the machine that will serve, while nothing else does.`;

/** Registers `servable tune`. */
export function registerTune(program: Command): void {
  const cores = availableParallelism();
  const command = program
    .command('tune')
    .description('find the batching parameters that suit a model on this machine')
    .argument('<dir>', 'a SavedModel, or a base path')
    .argument('[flags...]', 'after --: further flags of the servers that are started');
  addLoadFlags(command, `default: ${MANY_CONNECTIONS}`)
    .option('--batch_sizes <list>', 'sizes of max_batch_size to try', wholes(1), [8, 32, 128])
    .option('--waits <list>', 'batch_timeout_micros to try', wholes(0), [0, 1000, 5000])
    .option('--threads <list>', 'num_batch_threads to try', wholes(1), [cores, 2 * cores])
    .option('--max_p99_ms <number>', 'largest p99 that is acceptable', positive(0.001))
    .option('--out <file>', 'where the best setting is written', 'batching_parameters.txt')
    .option('--json', 'print the results as JSON')
    .addHelpText('after', HELP)
    .action(run);
}

async function run(dir: string, serverFlags: string[], flags: TuneFlags): Promise<void> {
  const [{ batchingFile }, { choose, settingsOf, tuneTable }, { modelFolder }] = await Promise.all([
    import('../bench/batching-file.js'),
    import('../bench/tune.js'),
    import('./saved-model-file.js'),
  ]);
  modelFolder(dir);
  const { batch_sizes: batchSizes, waits: waitsMicros, threads } = flags;
  const settings = settingsOf({ batchSizes, waitsMicros, threads });
  const signal = interruptible();
  const bar = new LoadBar();
  const results: TuneResult[] = [];
  try {
    for (const [index, setting] of settings.entries()) {
      const what = `${index + 1} of ${settings.length}`;
      const report = await measured({ dir, serverFlags, flags, setting, signal }, (progress) =>
        bar.show(progress, what),
      );
      bar.stop();
      // What was cut short is no result.
      if (signal.aborted) break;
      results.push({ setting, report });
      if (!process.stderr.isTTY) process.stderr.write(`${what}: ${line(setting, report)}\n`);
    }
  } finally {
    bar.stop();
  }
  if (results.length === 0) throw new ServingError('CANCELLED', 'tune: interrupted');
  const errors = results[0]?.report.errors ?? {};
  if (results.every(({ report }) => report.answered === 0)) throw nobodyAnswered(dir, errors);
  const { best, reasons } = choose(results, flags.max_p99_ms ?? null);
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ best: best.setting, reasons, results }, null, 2)}\n`);
  } else {
    process.stdout.write(`${tuneTable(results, best)}\n${reasons.join('\n')}\n`);
  }
  if (best.setting === null) {
    process.stderr.write('Batching gains nothing here: no file was written.\n');
    return;
  }
  const head = [
    `servable tune ${dir}, ${flags.concurrency ?? MANY_CONNECTIONS} connections`,
    ...reasons,
  ];
  writeFileSync(flags.out, batchingFile(best.setting, head));
  process.stderr.write(
    `Written to ${flags.out}: servable serve --enable_batching --batching_parameters_file=${flags.out}\n`,
  );
}

interface Trial {
  readonly dir: string;
  readonly serverFlags: readonly string[];
  readonly flags: TuneFlags;
  readonly setting: BatchingSetting | null;
  readonly signal: AbortSignal;
}

/** Measures one setting on a server of its own. */
async function measured(
  { dir, serverFlags, flags, setting, signal }: Trial,
  onProgress: (progress: BenchProgress) => void,
): Promise<BenchReport> {
  const [{ bench }, { startLocalServer }, { batchingFile }] = await Promise.all([
    import('../bench/bench.js'),
    import('../bench/local-server.js'),
    import('../bench/batching-file.js'),
  ]);
  const folder = mkdtempSync(join(tmpdir(), 'servable-tune-'));
  const file = join(folder, 'batching_parameters.txt');
  if (setting !== null) writeFileSync(file, batchingFile(setting));
  const batching =
    setting === null ? [] : ['--enable_batching', `--batching_parameters_file=${file}`];
  try {
    const server = await startLocalServer({
      command: ownCommand(),
      folder: resolve(dir),
      flags: [...serverFlags, ...batching],
      signal,
    });
    try {
      return await bench({
        target: localTarget(server, flags.grpc === true),
        signature: flags.signature,
        requestFile: flags.request ?? null,
        contentType: flags.content_type ?? null,
        rows: flags.rows,
        connections: flags.concurrency ?? MANY_CONNECTIONS,
        rate: null,
        warmupSeconds: flags.warmup,
        seconds: flags.duration,
        timeoutMs: Math.round(flags.timeout * 1000),
        headers: flags.header ?? {},
        pid: server.pid,
        signal,
        onProgress,
      });
    } finally {
      await server.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function line(setting: BatchingSetting | null, report: BenchReport): string {
  const name =
    setting === null
      ? 'no batching'
      : `batch ${setting.maxBatchSize}, wait ${setting.batchTimeoutMicros} µs, ${setting.numBatchThreads} threads`;
  return `${name}: ${report.throughput.toFixed(0)} requests/s, p99 ${report.latencyMs.p99.toFixed(2)} ms`;
}
