import { type ServingError, toServingError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { Clock, Timer } from './clock.js';
import { type LoadSummary, loadError } from './load-summary.js';
import { type ModelConfig, sameConfig } from './model-config.js';

/** What the poller needs. */
export interface ConfigPollOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly waitSeconds: number;
  /** Reads the file; null when it names no list of models, which changes nothing. */
  readonly read: () => Promise<readonly ModelConfig[] | null>;
  /**
   * What the file says already: from then on only a change of the file itself is brought into force. Left out, whatever differs from the
   * config in force is.
   */
  readonly seen?: readonly ModelConfig[];
  /** The config in force. */
  readonly current: () => readonly ModelConfig[];
  /** Brings a config into force; rejects when it is refused. */
  readonly apply: (configs: readonly ModelConfig[]) => Promise<LoadSummary>;
}

/**
 * Reads the model config file again and again and brings it into force when it says something else than what is.
 *
 * As in TensorFlow Serving the file has the last word: what was changed over the network is set back at the next read, or, where such changes
 * are kept, when the file changes. A file that cannot
 * be read, or is refused, leaves the last good config in force; it is logged once and tried again at every read.
 */
export class ConfigPoller {
  readonly #options: ConfigPollOptions;
  #timer: Timer | null = null;
  #stopped = false;
  /** What the file said when it was last brought into force; null where the config in force is what counts. */
  #seen: readonly ModelConfig[] | null;
  /** The complaint that was logged last; empty after a good file. */
  #complaint = '';

  constructor(options: ConfigPollOptions) {
    this.#options = options;
    this.#seen = options.seen ?? null;
  }

  /** The first read follows after one interval. Does nothing for an interval of 0. */
  start(): void {
    const { clock, waitSeconds } = this.#options;
    if (waitSeconds <= 0 || this.#stopped) return;
    this.#timer = clock.after(
      waitSeconds * 1000,
      () => void this.poll().finally(() => this.start()),
    );
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  /** Reads the file now; resolves once it is in force or refused, which is before new models have loaded. */
  async poll(): Promise<void> {
    let configs: readonly ModelConfig[] | null;
    try {
      configs = await this.#options.read();
    } catch (error) {
      this.#complain('Failed to read ModelServerConfig file', toServingError(error));
      return;
    }
    if (this.#stopped || configs === null) return;
    if (sameConfigs(configs, this.#seen ?? this.#options.current())) {
      this.#heal();
      return;
    }
    // A refusal comes at once; what new models come to may take as long as it likes and is told by then.
    const before = this.#seen;
    if (before !== null) this.#seen = configs;
    const told = this.#options.apply(configs).then(
      (summary) => this.#report(loadError(summary, 'model(s)')),
      (error: unknown) => {
        if (this.#seen === configs) this.#seen = before;
        this.#report(toServingError(error));
      },
    );
    await Promise.race([told, new Promise((resolve) => setImmediate(resolve))]);
  }

  #report(error: ServingError | null): void {
    if (error === null) this.#heal();
    else this.#complain('PollFilesystemAndReloadConfig failed to ReloadConfig', error);
  }

  #complain(what: string, error: ServingError): void {
    const complaint = `${what}: ${error.message}`;
    if (complaint === this.#complaint) return;
    this.#complaint = complaint;
    this.#options.logger.error({ code: error.code }, complaint);
  }

  #heal(): void {
    if (this.#complaint !== '') this.#options.logger.info({}, 'model config file is good again');
    this.#complaint = '';
  }
}

function sameConfigs(a: readonly ModelConfig[], b: readonly ModelConfig[]): boolean {
  const others = new Map(b.map((config) => [config.name, config]));
  if (a.length !== others.size) return false;
  return a.every((config) => {
    const other = others.get(config.name);
    return other !== undefined && sameConfig(config, other);
  });
}
