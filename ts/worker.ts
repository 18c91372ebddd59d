import { type MessagePort, parentPort, workerData } from 'node:worker_threads';
import type { Suspect } from './api/infer.js';
import { type CodeName, ServingError, toServingError } from './errors.js';
import { Balance, type ListenOn } from './listeners/acceptor.js';
import { Listeners, type StopTimes } from './listeners/listeners.js';
import { LevelControl } from './log-level.js';
import { createLogger } from './logger.js';
import type { Options } from './options/options.js';
import type { CaptureSetup } from './record/capture.js';
import { Security, type SharedSecurity } from './security/security.js';

/** What a worker starts from. */
export interface WorkerData {
  readonly index: number;
  readonly options: Options;
  readonly shared: SharedSecurity;
  readonly rest: readonly ListenOn[];
  readonly grpc: readonly ListenOn[];
  readonly metricsPaths: readonly string[];
  /** The log's level, shared with the main thread; null where the options say. */
  readonly logLevel: SharedArrayBuffer | null;
  /** Connections per worker. */
  readonly balance: SharedArrayBuffer;
  /** Some requests must be tried out before they run here. */
  readonly hasSuspects: boolean;
}

/** What the main thread tells a worker. */
export type ToWorker =
  | { readonly kind: 'stop'; readonly times: StopTimes }
  | { readonly kind: 'capture'; readonly setup: CaptureSetup | null }
  | { readonly kind: 'done'; readonly id: number; readonly failure: Failure | null };

/** What a worker tells the main thread: the few things that change the server go through it. */
export type FromWorker =
  | { readonly kind: 'listening' }
  | { readonly kind: 'failed'; readonly failure: Failure }
  | { readonly kind: 'ask'; readonly id: number; readonly ask: Ask }
  | { readonly kind: 'stopped' };

/** What only the main thread can do. */
export type Ask =
  | { readonly kind: 'reload'; readonly config: Uint8Array }
  | { readonly kind: 'demand'; readonly name: string }
  | { readonly kind: 'judge'; readonly suspect: Suspect };

/** An error on its way between threads. */
export interface Failure {
  readonly code: CodeName;
  readonly message: string;
}

/** The thread-safe form of an error. */
export function toFailure(error: unknown): Failure {
  const { code, message } = toServingError(error);
  return { code, message };
}

/** A worker's end of the line to the main thread. */
class MainThread {
  readonly #port: MessagePort;
  readonly #asked = new Map<number, (failure: Failure | null) => void>();
  #next = 1;

  constructor(port: MessagePort) {
    this.#port = port;
  }

  say(message: FromWorker): void {
    this.#port.postMessage(message);
  }

  ask(ask: Ask): Promise<void> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#asked.set(id, (failure) => {
        if (failure === null) resolve();
        else reject(new ServingError(failure.code, failure.message));
      });
      this.say({ kind: 'ask', id, ask });
    });
  }

  done(id: number, failure: Failure | null): void {
    this.#asked.get(id)?.(failure);
    this.#asked.delete(id);
  }
}

async function run(port: MessagePort, data: WorkerData): Promise<void> {
  const main = new MainThread(port);
  const { options } = data;
  const level = new LevelControl(data.logLevel ?? options.logLevel);
  const logger = createLogger({ level, format: options.logFormat }).child({
    worker: data.index,
  });
  const security = await Security.open({ options, logger, shared: data.shared });
  const listeners = await Listeners.start({
    options,
    sockets: { rest: data.rest, grpc: data.grpc },
    reload: (config) => main.ask({ kind: 'reload', config: new Uint8Array(config) }),
    demand: (name) => main.ask({ kind: 'demand', name }),
    judge: data.hasSuspects ? (suspect) => main.ask({ kind: 'judge', suspect }) : null,
    logger,
    security,
    metricsPaths: data.metricsPaths,
    worker: data.index,
    balance: new Balance(data.balance, data.index),
  });
  port.on('message', (message: ToWorker) => {
    if (message.kind === 'done') {
      main.done(message.id, message.failure);
      return;
    }
    if (message.kind === 'capture') {
      listeners.capture(() => message.setup);
      return;
    }
    void listeners.stop(message.times).finally(() => {
      security.close();
      main.say({ kind: 'stopped' });
      // Nothing else keeps the thread alive; it is never terminated, a native run may still read its memory.
      port.close();
    });
  });
  main.say({ kind: 'listening' });
}

if (parentPort !== null) {
  const port = parentPort;
  run(port, workerData as WorkerData).catch((error: unknown) => {
    port.postMessage({ kind: 'failed', failure: toFailure(error) } satisfies FromWorker);
    port.close();
  });
}
