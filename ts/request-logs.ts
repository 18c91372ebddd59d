import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Logger } from './logger.js';
import type { LoggingPlace } from './manager/logging-rule.js';
import type { ModelManager } from './manager/manager.js';
import type { ModelConfig } from './manager/model-config.js';
import type { Options } from './options/options.js';
import type { SessionSettings } from './options/session-config.js';
import type { CaptureSetup } from './record/capture.js';
import type { RequestLog, RequestLogSettings } from './record/request-log.js';

/** The threads that answer requests. */
export interface Capturing {
  /** Has every thread capture with what `makeSetup` gives it, which is asked once a thread; null is no more. */
  capture(makeSetup: () => CaptureSetup | null): void;
}

/** The request log of a server, loaded once a model asks for one. */
export class RequestLogs {
  readonly #settings: RequestLogSettings;
  readonly #logger: Logger;
  #log: Promise<RequestLog> | null = null;
  #front: Capturing | null = null;

  constructor(settings: RequestLogSettings, logger: Logger) {
    this.#settings = settings;
    this.#logger = logger;
  }

  /** The request log of the models that a manager serves, now and after each change of its config. */
  static follow(
    manager: Pick<ModelManager, 'events' | 'configs'>,
    options: Options,
    { savedModelTags }: SessionSettings,
    logger: Logger,
  ): RequestLogs {
    const logs = new RequestLogs(requestLogSettings(options, savedModelTags), logger);
    manager.events.on('config', () => logs.configure(manager.configs()));
    return logs;
  }

  /** Follows the `logging_config` of these models, which the manager has checked. */
  configure(configs: readonly ModelConfig[]): void {
    if (this.#log === null && configs.every(({ logging }) => logging === undefined)) return;
    this.#log ??= this.#load();
    this.#change((log) => log.configure(configs));
  }

  /** The threads that answer are there. */
  serve(front: Capturing): void {
    this.#front = front;
    this.#change((log) => log.serve((makeSetup) => front.capture(makeSetup)));
  }

  /** Writes what was captured; the threads that answer must have ended. */
  async stop(deadlineMs: number): Promise<void> {
    await (await this.#log)?.stop(deadlineMs);
  }

  async #load(): Promise<RequestLog> {
    const { RequestLog } = await import('./record/request-log.js');
    const log = new RequestLog(this.#settings, this.#logger);
    const front = this.#front;
    if (front !== null) log.serve((makeSetup) => front.capture(makeSetup));
    return log;
  }

  #change(change: (log: RequestLog) => void): void {
    this.#log?.then(change).catch((error: unknown) => {
      this.#logger.error({ err: error }, 'request log not set up');
    });
  }
}

/** Where requests may be logged, and as which task. */
export function loggingPlace(options: Options, tags: readonly string[]): LoggingPlace {
  // TensorFlow Serving's configs need name no file: https://specifications.freedesktop.org/basedir-spec/latest/
  const state = process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state');
  const fallbackDir = join(state, 'servable', 'requests');
  return { dir: options.requestLogDir, fallbackDir, task: options.requestLogTask, tags };
}

/** The request log's part of the options. */
function requestLogSettings(options: Options, tags: readonly string[]): RequestLogSettings {
  return {
    place: loggingPlace(options, tags),
    queueBytes: options.requestLogQueueBytes,
    writer: {
      limits: {
        rotateBytes: options.requestLogRotateBytes,
        rotateSeconds: options.requestLogRotateSeconds,
        maxFiles: options.requestLogMaxFiles,
        maxTotalBytes: options.requestLogMaxBytes,
        maxAgeSeconds: options.requestLogMaxAgeSeconds,
      },
      redact: options.requestLogRedact,
      redaction: options.requestLogRedaction,
    },
  };
}
