import type { Command } from 'commander';
import { ServingError } from '../errors.js';
import type { PlayReport } from '../record/replay/player.js';
import type { Sender, SenderOptions } from '../record/replay/sender.js';
import { collect, whole } from './flag-values.js';

interface ReplayFlags {
  readonly url?: string;
  readonly grpc?: string;
  readonly model?: string;
  readonly keep_version?: true;
  readonly speed: string;
  readonly concurrency: string;
  readonly loop: string;
  readonly limit: string;
  readonly timeout_ms: string;
  readonly header: readonly string[];
  readonly tls?: true;
  readonly ca?: string;
  readonly compare?: true;
  readonly tolerance: string;
  readonly json?: true;
}

const HELP = `
FILE is a request log (TFRecord of PredictionLog, or JSON lines) or a warm-up file. Files are played in the order given.
The newest version of each model is asked, so that a log can be played against another version or another server.
Ends with 1 when an answer is not OK, cannot be sent, or differs from the recorded one.`;

/** Adds `servable replay`. */
export function registerReplay(program: Command): void {
  program
    .command('replay')
    .description('send the requests of a request log to a server, and compare its answers')
    .argument('<file...>', 'request logs')
    .option('--url <url>', 'send over REST, such as http://host:8501')
    .option('--grpc <address>', 'send over gRPC, such as host:8500')
    .option('--model <name>', 'ask this model instead of the recorded one')
    .option('--keep_version', 'ask for the version that answered instead of the newest one')
    .option('--speed <number>', 'times as fast as recorded; max is as fast as answers come', '1')
    .option('--concurrency <number>', 'requests in flight at once', '16')
    .option('--loop <number>', 'times the files are played; 0 is until --limit or a signal', '1')
    .option('--limit <number>', 'requests sent in all; 0 is every one', '0')
    .option('--timeout_ms <number>', 'time an answer may take', '30000')
    .option('--header <name: value>', 'a header or metadata of gRPC; may be repeated', collect, [])
    .option('--tls', 'the gRPC port speaks TLS')
    .option('--ca <file>', 'certificates to trust, in PEM')
    .option('--compare', 'compare answers with the recorded ones')
    .option('--tolerance <number>', 'how far numbers may be apart, absolute and relative', '1e-5')
    .option('--json', 'print the report as JSON')
    .addHelpText('after', HELP)
    .action(async (files: string[], flags: ReplayFlags) => {
      const report = await replay(files, flags);
      process.stdout.write(flags.json ? `${JSON.stringify(report)}\n` : reportText(report));
      if (!isGood(report)) process.exitCode = 1;
    });
}

async function replay(files: readonly string[], flags: ReplayFlags): Promise<PlayReport> {
  const [{ Player }, { readLog }] = await Promise.all([
    import('../record/replay/player.js'),
    import('../record/replay/log-source.js'),
  ]);
  const loops = whole('--loop', flags.loop);
  const limit = whole('--limit', flags.limit);
  let isEnding = false;
  const onSignal = (): void => {
    if (isEnding) process.exit(1);
    isEnding = true;
  };
  async function* requests() {
    for (let round = 0; loops === 0 || round < loops; round += 1) {
      let any = false;
      for (const file of files) {
        for await (const request of readLog(file)) {
          if (isEnding) return;
          any = true;
          yield request;
        }
      }
      // Files without a request would be read for ever.
      if (!any) return;
    }
  }
  const bar = await progress(limit);
  const sender = await makeSender(flags);
  process.on('SIGINT', onSignal);
  try {
    return await new Player(sender, {
      speed: speed(flags.speed),
      concurrency: Math.max(1, whole('--concurrency', flags.concurrency)),
      limit,
      model: flags.model ?? null,
      keepVersion: flags.keep_version === true,
      tolerance: flags.compare ? tolerance(flags.tolerance) : null,
      onAnswer: bar.update,
    }).play(requests());
  } finally {
    process.off('SIGINT', onSignal);
    bar.stop();
    sender.close();
  }
}

async function makeSender(flags: ReplayFlags): Promise<Sender> {
  const { url, grpc } = flags;
  const { RestSender, GrpcSender } = await import('../record/replay/sender.js');
  const options: SenderOptions = {
    timeoutMs: Math.max(1, whole('--timeout_ms', flags.timeout_ms)),
    headers: Object.fromEntries(flags.header.map(header)),
    concurrency: Math.max(1, whole('--concurrency', flags.concurrency)),
    ca: flags.ca ?? null,
  };
  if (url !== undefined && grpc === undefined) {
    if (/^https?:\/\//i.test(url)) return new RestSender(url, options);
    throw new ServingError('INVALID_ARGUMENT', `--url: got "${url}", wanted http://HOST:PORT`);
  }
  if (grpc !== undefined && url === undefined) {
    return new GrpcSender(grpc, flags.tls === true || flags.ca !== undefined, options);
  }
  throw new ServingError('INVALID_ARGUMENT', 'one of --url and --grpc must say where to send');
}

function header(text: string): [string, string] {
  const colon = text.indexOf(':');
  if (colon > 0) return [text.slice(0, colon).trim().toLowerCase(), text.slice(colon + 1).trim()];
  throw new ServingError('INVALID_ARGUMENT', `--header: got "${text}", wanted "name: value"`);
}

function speed(text: string): number {
  if (text === 'max') return Number.POSITIVE_INFINITY;
  const value = Number(text);
  if (value > 0) return value;
  throw new ServingError(
    'INVALID_ARGUMENT',
    `--speed: got "${text}", wanted a number above 0, or max`,
  );
}

function tolerance(text: string): { absolute: number; relative: number } {
  const value = Number(text);
  if (text !== '' && value >= 0) return { absolute: value, relative: value };
  throw new ServingError(
    'INVALID_ARGUMENT',
    `--tolerance: got "${text}", wanted a number of 0 or more`,
  );
}

/** A bar on a terminal where it is known how many there will be, a count where not, nothing elsewhere. */
async function progress(limit: number): Promise<{ update(sent: number): void; stop(): void }> {
  if (!process.stderr.isTTY) return { update: () => undefined, stop: () => undefined };
  const { Presets, SingleBar } = await import('cli-progress');
  const format =
    limit > 0
      ? '  {bar} {percentage}%  {value} of {total}  {eta_formatted} left'
      : '  {value} sent  {duration_formatted}';
  const bar = new SingleBar(
    { format, stream: process.stderr, hideCursor: true, fps: 10 },
    Presets.shades_classic,
  );
  bar.start(limit, 0);
  return { update: (sent) => bar.update(sent), stop: () => bar.stop() };
}

function isGood({ codes, unsent, compared }: PlayReport): boolean {
  const isOk = Object.keys(codes).every((code) => code === 'OK');
  return isOk && Object.keys(unsent).length === 0 && (compared?.different ?? 0) === 0;
}

/** The report for people. */
export function reportText(report: PlayReport): string {
  const { sent, seconds, latencyMs, compared } = report;
  const lines = [
    `${sent} requests in ${seconds.toFixed(1)} s, ${(sent / Math.max(seconds, 1e-9)).toFixed(1)} a second`,
    ...Object.entries(report.codes).map(
      ([code, count]) => `  ${String(count).padStart(8)}  ${code}`,
    ),
    ...Object.entries(report.unsent).map(
      ([why, count]) => `  ${String(count).padStart(8)}  not sent: ${why}`,
    ),
  ];
  if (sent > 0) {
    const shown = Object.entries(latencyMs).map(([name, ms]) => `${name} ${ms.toFixed(2)}`);
    lines.push(`latency in ms: ${shown.join('  ')}`);
  }
  if (report.late > 0) lines.push(`${report.late} were sent late: raise --concurrency`);
  if (compared !== null) {
    lines.push(`${compared.equal} answers as recorded, ${compared.different} different`);
    lines.push(...report.differences.map((difference) => `  ${difference}`));
  }
  return `${lines.join('\n')}\n`;
}
