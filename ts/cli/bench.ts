import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { ServingError } from '../errors.js';
import {
  addLoadFlags,
  CLOSED_CONNECTIONS,
  interruptible,
  LoadBar,
  type LoadFlags,
  localTarget,
  MANY_CONNECTIONS,
  nobodyAnswered,
  ownCommand,
  positive,
  whole,
} from './load-options.js';

interface BenchFlags extends LoadFlags {
  readonly model?: string;
  readonly rate?: number;
  readonly pid?: number;
  readonly json?: string | true;
}

const HELP = `
Without --rate the loop is closed: each connection sends its next request when the last was answered, which finds the throughput. With --rate
requests begin at fixed times, and latencies count from the time a request was due, also where it had to wait for a free connection.

  servable bench ./my_model                        starts a server for the folder
  servable bench ./my_model -- --workers=2         with flags of servable serve
  servable bench http://localhost:8501/v1/models/m --rate 200
  servable bench grpc://localhost:8500/m --request body.json --json`;

/** Registers `servable bench`. */
export function registerBench(program: Command): void {
  const command = program
    .command('bench')
    .description('measure how a server answers: throughput, latencies, errors, CPU')
    .argument('<target>', 'URL of a model, or a folder that a server is started for')
    .argument('[flags...]', 'after --: flags of the server that is started');
  addLoadFlags(command, `default: ${CLOSED_CONNECTIONS}, with --rate ${MANY_CONNECTIONS}`)
    .option('--model <name>', 'the model, where the URL names none')
    .option('--rate <number>', 'requests a second, begun at fixed times', positive(0.01))
    .option('--pid <number>', 'process of the server, to read its CPU time', whole(1))
    .option('--json [file]', 'print the report as JSON, or write it to a file')
    .addHelpText('after', HELP)
    .action(run);
}

async function run(where: string, serverFlags: string[], flags: BenchFlags): Promise<void> {
  const [{ bench }, { isUrl, parseTarget }, { reportText }] = await Promise.all([
    import('../bench/bench.js'),
    import('../bench/target.js'),
    import('../bench/report.js'),
  ]);
  const remote = isUrl(where) ? parseTarget(where, flags.model ?? null) : null;
  if (remote !== null && serverFlags.length > 0) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      'flags after -- are for a server that is started; the target is a URL',
    );
  }
  if (remote !== null && flags.grpc === true && remote.protocol !== 'grpc') {
    throw new ServingError(
      'INVALID_ARGUMENT',
      '--grpc with a REST URL: write grpc://HOST:8500/MODEL',
    );
  }
  const signal = interruptible();
  const server = remote === null ? await started(where, serverFlags, signal) : null;
  const bar = new LoadBar();
  try {
    const report = await bench({
      target: remote ?? localTarget(server as never, flags.grpc === true),
      signature: flags.signature,
      requestFile: flags.request ?? null,
      contentType: flags.content_type ?? null,
      rows: flags.rows,
      connections:
        flags.concurrency ?? (flags.rate === undefined ? CLOSED_CONNECTIONS : MANY_CONNECTIONS),
      rate: flags.rate ?? null,
      warmupSeconds: flags.warmup,
      seconds: flags.duration,
      timeoutMs: Math.round(flags.timeout * 1000),
      headers: flags.header ?? {},
      pid: flags.pid ?? server?.pid ?? null,
      signal,
      onProgress: (progress) => bar.show(progress),
    });
    bar.stop();
    const json = `${JSON.stringify(report, null, 2)}\n`;
    if (typeof flags.json === 'string') writeFileSync(flags.json, json);
    process.stdout.write(flags.json === true ? json : reportText(report));
    if (report.answered === 0) throw nobodyAnswered(report.target, report.errors);
  } finally {
    bar.stop();
    await server?.stop();
  }
}

async function started(folder: string, flags: readonly string[], signal: AbortSignal) {
  const [{ startLocalServer }, { modelFolder }] = await Promise.all([
    import('../bench/local-server.js'),
    import('./saved-model-file.js'),
  ]);
  // Says what is wrong with the folder sooner and better than a server's log.
  modelFolder(folder);
  return startLocalServer({ command: ownCommand(), folder: resolve(folder), flags, signal });
}
