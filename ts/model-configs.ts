import { resolve } from 'node:path';
import { toServingError } from './errors.js';
import type { Logger } from './logger.js';
import { systemClock } from './manager/clock.js';
import { ConfigPoller } from './manager/config-poll.js';
import { ConfigState } from './manager/config-state.js';
import type { ModelManager } from './manager/manager.js';
import type { ModelConfig } from './manager/model-config.js';
import { initialModels, type ServerModel } from './models.js';
import type { Options } from './options/options.js';

/** What a server's configs come from. */
export interface ModelConfigSources {
  /** The program's models; then no file says anything. */
  readonly given: readonly ServerModel[] | undefined;
  readonly options: Options;
  readonly logger: Logger;
}

/** Where the configs of a server come from, and where those in force are kept. */
export class ModelConfigs {
  /** Reads the model config file again; null where the models come from elsewhere. */
  readonly reread: (() => Promise<readonly ModelConfig[] | null>) | null;
  /** Null where changes last as long as the process. */
  readonly state: ConfigState | null;
  readonly #given: readonly ServerModel[] | undefined;
  readonly #options: Options;
  readonly #logger: Logger;
  #first: readonly ModelConfig[] = [];
  #isKept = false;
  #poller: ConfigPoller | null = null;
  #stopped = false;

  constructor({ given, options, logger }: ModelConfigSources) {
    const { modelConfigFile: file, modelConfigStateFile: kept } = options;
    this.#given = given;
    this.#options = options;
    this.#logger = logger;
    this.reread =
      file === '' || given !== undefined
        ? null
        : async () => {
            const { rereadModelConfigFile } = await import('./manager/source/model-config.js');
            return rereadModelConfigFile(file);
          };
    this.state = kept === '' || given !== undefined ? null : new ConfigState(resolve(kept), logger);
    if (kept !== '' && given !== undefined) {
      logger.warn({}, '--model_config_state_file has no effect: the program names the models');
    }
  }

  /** Reads the first config. @throws {ServingError} as `initialModels` does */
  async read(): Promise<void> {
    this.#first = (await this.#readKept()) ?? (await initialModels(this.#given, this.#options));
  }

  /**
   * Brings the config that was read into force; from then on changes of it are kept and the config file is polled.
   *
   * @throws {ServingError} with TensorFlow Serving's text when it is refused
   */
  async start(manager: ModelManager): Promise<void> {
    try {
      manager.start(this.#first);
    } catch (error) {
      if (!this.#isKept) throw error;
      this.#giveUp(error);
      this.#first = await initialModels(this.#given, this.#options);
      manager.start(this.#first);
    }
    this.state?.follow(manager);
    await this.#poll(manager);
  }

  /** Stops reading; resolves when every change is kept. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#poller?.stop();
    await this.state?.written();
  }

  async #readKept(): Promise<readonly ModelConfig[] | null> {
    if (this.state === null) return null;
    try {
      const configs = await this.state.read();
      if (configs === null) return null;
      this.#isKept = true;
      const { file } = this.state.report();
      const how = 'models as they were last changed; remove the file to start as configured';
      this.#logger.info({ file, models: configs.map(({ name }) => name) }, how);
      return configs;
    } catch (error) {
      this.#giveUp(error);
      return null;
    }
  }

  #giveUp(error: unknown): void {
    this.#isKept = false;
    const text = `--model_config_state_file is not used, the models are those configured: ${toServingError(error).message}`;
    this.#logger.warn({}, text);
  }

  /** Reads the model config file again and again, where there is one and it was asked for. */
  async #poll(manager: ModelManager): Promise<void> {
    const read = this.reread;
    const waitSeconds = this.#options.modelConfigFilePollWaitSeconds;
    if (read === null || waitSeconds === 0) return;
    // Started as it was left: what the file says now is what it said before.
    const seen = this.#isKept ? await read().catch(() => null) : this.#first;
    if (this.#stopped) return;
    this.#poller = new ConfigPoller({
      clock: systemClock,
      logger: this.#logger,
      waitSeconds,
      read,
      ...(this.state === null ? {} : { seen: seen ?? [] }),
      current: () => manager.configs(),
      apply: (configs) => manager.apply(configs),
    });
    this.#poller.start();
  }
}
