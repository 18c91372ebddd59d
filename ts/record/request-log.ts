import { isDeepStrictEqual } from 'node:util';
import { MessageChannel, Worker } from 'node:worker_threads';
import type { Logger } from '../logger.js';
import { type LoggingPlace, type LoggingRule, loggingRule } from '../manager/logging-rule.js';
import type { ModelConfig } from '../manager/model-config.js';
import type { CaptureSetup } from './capture.js';
import type { LogWriterSettings } from './log-writer.js';
import type { FromWriter, ToWriter, WriterData } from './writer-thread.js';

/** How requests are logged. */
export interface RequestLogSettings {
  readonly place: LoggingPlace;
  readonly writer: LogWriterSettings;
  /** Past so many bytes on their way to the writer requests are counted instead of logged. */
  readonly queueBytes: number;
}

/** Hands each thread that answers requests what it captures with: null is nothing. Called anew at every change. */
export type SetUpCapture = (makeSetup: () => CaptureSetup | null) => void;

/** A writer that ended by itself is started again after this time. */
const RESTART_MS = 5000;

/** The request log of a server: one thread that writes, for all that answer. Lives on the main thread. */
export class RequestLog {
  readonly #settings: RequestLogSettings;
  readonly #logger: Logger;
  #rules: readonly LoggingRule[] = [];
  #writer: Worker | null = null;
  #setUp: SetUpCapture | null = null;
  #queued = new SharedArrayBuffer(4);
  #restart: NodeJS.Timeout | null = null;
  #isStopping = false;

  constructor(settings: RequestLogSettings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
  }

  /** Tells the threads what to capture, now and after each change of the rules. */
  serve(setUp: SetUpCapture): void {
    this.#setUp = setUp;
    if (this.#rules.length > 0) this.#apply();
  }

  /** Follows the `logging_config` of these models from now on. They have been checked by the manager. */
  configure(configs: readonly ModelConfig[]): void {
    const rules = configs.flatMap((config) => loggingRule(config, this.#settings.place) ?? []);
    if (isDeepStrictEqual(rules, this.#rules)) return;
    this.#rules = rules;
    this.#apply();
  }

  /** Writes what was captured and ends; the threads that answer must have ended. Resolves after `deadlineMs` at the latest. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    if (this.#restart !== null) clearTimeout(this.#restart);
    const writer = this.#writer;
    if (writer === null) return;
    const ended = new Promise<void>((resolve) => {
      writer.once('exit', () => resolve());
    });
    this.#say({ kind: 'stop' });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadlineMs);
    });
    await Promise.race([ended, late]);
    clearTimeout(timer);
  }

  #apply(): void {
    if (this.#isStopping) return;
    const rules = this.#rules;
    if (rules.length > 0) this.#writer ??= this.#start();
    // Before the ports, so that what comes through them finds the rules.
    this.#say({ kind: 'rules', rules });
    const rates = new Map(rules.map(({ model, rate }) => [model, rate]));
    const { queueBytes } = this.#settings;
    this.#setUp?.(() => {
      if (rules.length === 0) return null;
      const { port1, port2 } = new MessageChannel();
      this.#say({ kind: 'port', port: port2 });
      return { rates, port: port1, queued: this.#queued, queueBytes };
    });
  }

  #say(message: ToWriter): void {
    this.#writer?.postMessage(message, message.kind === 'port' ? [message.port] : []);
  }

  #start(): Worker {
    // What was on its way to an earlier writer is lost, and must not count for ever.
    this.#queued = new SharedArrayBuffer(4);
    const workerData: WriterData = { settings: this.#settings.writer, queued: this.#queued };
    const writer = new Worker(new URL('./writer-thread.js', import.meta.url), { workerData });
    // The server lives by its listeners; `stop` waits for what is to be written.
    writer.unref();
    writer.on('message', (message: FromWriter) => {
      if (message.kind === 'warn') this.#logger.warn(message.fields, message.text);
    });
    writer.on('error', (error) => this.#logger.error({ err: error }, 'request log failed'));
    writer.on('exit', () => {
      if (this.#writer !== writer) return;
      this.#writer = null;
      if (this.#isStopping) return;
      this.#setUp?.(() => null);
      this.#restart = setTimeout(() => this.#apply(), RESTART_MS).unref();
    });
    return writer;
  }
}
