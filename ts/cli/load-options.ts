import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { Presets, SingleBar } from 'cli-progress';
import { type Command, InvalidArgumentError } from 'commander';
import type { BenchProgress } from '../bench/bench.js';
import type { LocalServer } from '../bench/local-server.js';
import type { Protocol, Target } from '../bench/target.js';
import { ServingError } from '../errors.js';

/** Flags of `servable bench` and `servable tune` that say how requests are sent. */
export interface LoadFlags {
  readonly grpc?: true;
  readonly signature: string;
  readonly request?: string;
  readonly content_type?: string;
  readonly rows: number;
  readonly concurrency?: number;
  readonly warmup: number;
  readonly duration: number;
  readonly timeout: number;
  readonly header?: Readonly<Record<string, string>>;
}

/** Connections by default of a closed loop: a few for each core. */
export const CLOSED_CONNECTIONS = Math.max(8, 2 * availableParallelism());
/** Of an open loop, which should never wait for one, and of a load that is to find batches. */
export const MANY_CONNECTIONS = 64;

/** Adds the flags that both commands have. */
export function addLoadFlags(command: Command, concurrency: string): Command {
  return command
    .option('--grpc', 'send over gRPC to a folder’s server; for a URL its scheme tells')
    .option('--signature <name>', 'signature of a request that is made up', 'serving_default')
    .option(
      '--request <file>',
      'the request: JSON, or .pb (a serialized message), .npy, .csv, .jpg, .png',
    )
    .option('--content_type <type>', 'content type of --request over REST')
    .option('--rows <count>', 'rows of a request that is made up', whole(1), 1)
    .option(
      '--concurrency <count>',
      `connections, each with one request (${concurrency})`,
      whole(1),
    )
    .option('--warmup <seconds>', 'load that is not measured', positive(0), 2)
    .option('--duration <seconds>', 'load that is measured', positive(0.1), 10)
    .option('--timeout <seconds>', 'time a request may take', positive(0.001), 30)
    .option('--header <name: value>', 'sent with every request; may be repeated', header, {});
}

/** A parser of whole numbers. */
export function whole(min: number): (text: string) => number {
  return (text) => {
    if (/^\d+$/.test(text) && Number(text) >= min) return Number(text);
    throw new InvalidArgumentError(`Wanted a whole number from ${min}.`);
  };
}

/** A parser of numbers. */
export function positive(min: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== '' && Number.isFinite(value) && value >= min) return value;
    throw new InvalidArgumentError(`Wanted a number from ${min}.`);
  };
}

/** A parser of whole numbers, comma separated. */
export function wholes(min: number): (text: string) => number[] {
  return (text) => text.split(',').map((part) => whole(min)(part.trim()));
}

function header(text: string, before: Record<string, string>): Record<string, string> {
  const [, name, value] = /^\s*([!#$%&'*+.^_`|~\w-]+)\s*:\s*([^\r\n]*?)\s*$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw new InvalidArgumentError('Wanted "Name: value".');
  }
  return { ...before, [name.toLowerCase()]: value };
}

/** This program's own command line, for a server of its own. */
export function ownCommand(): readonly string[] {
  return [process.execPath, fileURLToPath(new URL('../cli.js', import.meta.url))];
}

/** The target on a server of this machine. */
export function localTarget({ restPort, grpcPort, model }: LocalServer, grpc: boolean): Target {
  const protocol: Protocol = grpc ? 'grpc' : 'rest';
  return {
    protocol,
    host: '127.0.0.1',
    port: grpc ? grpcPort : restPort,
    tls: false,
    model,
    version: null,
    label: null,
    verb: 'predict',
  };
}

/** A bar on a terminal, nothing elsewhere. */
export class LoadBar {
  readonly #bar: SingleBar | null;
  #phase = '';

  constructor(target: NodeJS.WriteStream = process.stderr) {
    this.#bar = target.isTTY
      ? new SingleBar(
          {
            format: '{what} |{bar}| {value} of {total} s, {answered} answered, {rate}/s',
            stream: target,
            hideCursor: true,
            clearOnComplete: true,
            formatValue: (value) => value.toFixed(0),
          },
          Presets.shades_classic,
        )
      : null;
  }

  /** Shows how far one stretch of load is; `what` stands in front. */
  show({ phase, answered, seconds, ofSeconds }: BenchProgress, what = ''): void {
    if (this.#bar === null) return;
    const rate = seconds > 0 ? Math.round(answered / seconds) : 0;
    const text = what === '' ? phase : `${what}: ${phase}`;
    const payload = { what: text, answered, rate };
    if (this.#phase !== text) {
      this.#bar.stop();
      this.#bar.start(ofSeconds, 0, payload);
      this.#phase = text;
    }
    this.#bar.update(Math.min(seconds, ofSeconds), payload);
  }

  /** Takes the bar away. */
  stop(): void {
    this.#bar?.stop();
    this.#phase = '';
  }
}

/** Aborted by the first Ctrl-C; the second ends the process. */
export function interruptible(): AbortSignal {
  const abort = new AbortController();
  const onSignal = (): void => {
    if (abort.signal.aborted) process.exit(130);
    abort.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  return abort.signal;
}

/** The error of a load that nobody answered. */
export function nobodyAnswered(
  what: string,
  errors: Readonly<Record<string, number>>,
): ServingError {
  const list = Object.entries(errors).map(([code, count]) => `${count} × ${code}`);
  return new ServingError('UNAVAILABLE', `${what}: no request was answered (${list.join(', ')})`);
}
