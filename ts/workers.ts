import { type MessagePort, Worker } from 'node:worker_threads';
import type { ReloadConfig } from './api/grpc/model-service.js';
import type { DemandModel, JudgeSuspect } from './api/infer.js';
import { ServingError } from './errors.js';
import type { Sockets, StopTimes } from './listeners/listeners.js';
import type { LevelControl } from './log-level.js';
import type { Logger } from './logger.js';
import { dupFd } from './native/listener.js';
import type { Options } from './options/options.js';
import type { CaptureSetup } from './record/capture.js';
import type { SharedSecurity } from './security/security.js';
import { type Ask, type FromWorker, type ToWorker, toFailure, type WorkerData } from './worker.js';

/**
 * What V8 may keep of a worker's newest objects, in MB: requests live a few turns of the event loop, and what is not capped grows to
 * 48 MB a worker under load. Measured on half_plus_two with 64 connections: each further worker took 24 MB at 6, 27 MB at 12 and
 * 27 to 55 MB without.
 */
const YOUNG_GENERATION_MB = 12;

/** What the workers need of the main thread. */
export interface WorkersDependencies {
  readonly options: Options;
  /** What the workers share, and how many they are. */
  readonly shared: SharedSecurity;
  readonly sockets: Sockets;
  readonly reload: ReloadConfig;
  readonly demand: DemandModel;
  readonly judge: JudgeSuspect | null;
  readonly logger: Logger;
  readonly metricsPaths: readonly string[];
  /** Of the log; null where it was given. */
  readonly level: LevelControl | null;
  /** A worker ended by itself, which is a defect. */
  readonly onCrash: (error: Error) => void;
}

/** The threads that own listeners. All answer on the same sockets and share one copy of every model. */
export class Workers {
  readonly #threads: readonly Thread[];

  private constructor(threads: readonly Thread[]) {
    this.#threads = threads;
  }

  /** Starts the threads; resolves when all of them accept connections. */
  static async start(dependencies: WorkersDependencies): Promise<Workers> {
    const balance = new SharedArrayBuffer(4 * dependencies.shared.workers);
    const threads = Array.from(
      { length: dependencies.shared.workers },
      (_, index) => new Thread(dependencies, balance, index),
    );
    await Promise.all(threads.map((thread) => thread.listening));
    return new Workers(threads);
  }

  /** As `Listeners.capture`, in every thread. */
  capture(makeSetup: () => CaptureSetup | null): void {
    for (const thread of this.#threads) thread.capture(makeSetup());
  }

  /** As `Listeners.stop`, in every thread. */
  async stop(times: StopTimes): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.stop(times)));
  }
}

class Thread {
  readonly listening: Promise<void>;
  readonly #worker: Worker;
  readonly #stopped: Promise<void>;
  #stopping = false;

  constructor(dependencies: WorkersDependencies, balance: SharedArrayBuffer, index: number) {
    const { options, sockets, shared, judge, onCrash } = dependencies;
    const own = (list: Sockets['rest']): Sockets['rest'] =>
      list.map(({ fd, path }) => ({ fd: dupFd(fd), path }));
    const workerData: WorkerData = {
      index,
      options,
      shared,
      rest: own(sockets.rest),
      grpc: own(sockets.grpc),
      metricsPaths: dependencies.metricsPaths,
      logLevel: dependencies.level?.buffer ?? null,
      balance,
      hasSuspects: judge !== null,
    };
    this.#worker = new Worker(new URL('./worker.js', import.meta.url), {
      workerData,
      resourceLimits: { maxYoungGenerationSizeMb: YOUNG_GENERATION_MB },
    });
    let stopped = (): void => undefined;
    this.#stopped = new Promise((resolve) => {
      stopped = resolve;
    });
    this.listening = new Promise((resolve, reject) => {
      this.#worker.on('message', (message: FromWorker) => {
        if (message.kind === 'listening') resolve();
        else if (message.kind === 'stopped') stopped();
        else if (message.kind === 'ask') this.#answer(dependencies, message);
        else reject(new ServingError(message.failure.code, message.failure.message));
      });
      this.#worker.on('error', (error) => {
        reject(error);
        onCrash(error);
      });
      this.#worker.on('exit', (code) => {
        stopped();
        const error = new Error(`worker ${index} ended with code ${code}`);
        reject(error);
        if (!this.#stopping && code !== 0) onCrash(error);
      });
    });
  }

  capture(setup: CaptureSetup | null): void {
    this.#say({ kind: 'capture', setup }, setup === null ? [] : [setup.port]);
  }

  async stop(times: StopTimes): Promise<void> {
    this.#stopping = true;
    this.#say({ kind: 'stop', times });
    await this.#stopped;
  }

  #answer(dependencies: WorkersDependencies, { id, ask }: { id: number; ask: Ask }): void {
    answerTo(ask, dependencies).then(
      () => this.#say({ kind: 'done', id, failure: null }),
      (error: unknown) => this.#say({ kind: 'done', id, failure: toFailure(error) }),
    );
  }

  #say(message: ToWorker, transfer: readonly MessagePort[] = []): void {
    this.#worker.postMessage(message, transfer);
  }
}

function answerTo(ask: Ask, { reload, demand, judge }: WorkersDependencies): Promise<void> {
  switch (ask.kind) {
    case 'reload':
      return reload(Buffer.from(ask.config));
    case 'demand':
      return demand(ask.name);
    case 'judge':
      return judge?.(ask.suspect) ?? Promise.resolve();
  }
}
