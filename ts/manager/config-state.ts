import { stat } from 'node:fs/promises';
import { writeAtomically } from '../atomic-file.js';
import type { Logger } from '../logger.js';
import type { ModelManager } from './manager.js';
import type { ModelConfig } from './model-config.js';

/** What a manager tells of its config. */
export type ConfiguredManager = Pick<ModelManager, 'configs' | 'events'>;

/** How the state file fares. */
export interface ConfigStateReport {
  readonly file: string;
  /** Why the config in force is not in it; null when it is, or when nothing has been changed yet. */
  readonly error: string | null;
}

/** Only this server's user may read or write it: whoever can write it chooses what is loaded. */
const MODE = 0o600;

/**
 * Keeps the config in force in a file, so that what was changed over the network is there after a restart.
 *
 * The file is a ModelServerConfig in JSON as `--model_config_file` reads it. It is replaced as a whole: a server that dies in the middle of
 * a write leaves the previous one.
 */
export class ConfigState {
  readonly #file: string;
  readonly #logger: Logger;
  #writing: Promise<void> | null = null;
  /** What has to be written after the write under way. */
  #next: readonly ModelConfig[] | null = null;
  #error: string | null = null;

  /** @param file absolute path that ends in `.json` */
  constructor(file: string, logger: Logger) {
    this.#file = file;
    this.#logger = logger;
  }

  /**
   * The config that was in force at the last change; null when there is no file.
   *
   * @throws {ServingError} `INVALID_ARGUMENT` naming the file, and line and column of what is wrong in it
   */
  async read(): Promise<readonly ModelConfig[] | null> {
    const exists = await stat(this.#file).then(
      () => true,
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
    );
    if (!exists) return null;
    const [{ rereadModelConfigFile }, { ServingError }] = await Promise.all([
      import('./source/model-config.js'),
      import('../errors.js'),
    ]);
    const configs = await rereadModelConfigFile(this.#file);
    if (configs !== null) return configs;
    const message = `${this.#file}: line 1, column 1: no model_config_list`;
    throw new ServingError('INVALID_ARGUMENT', message);
  }

  /** Writes every config that comes into force from now on. */
  follow(manager: ConfiguredManager): void {
    manager.events.on('config', () => {
      this.#next = manager.configs();
      this.#writing ??= this.#write();
    });
  }

  /** Resolves when no change waits to be written; a write that failed is in the report. */
  async written(): Promise<void> {
    await this.#writing;
  }

  /** How it fares. */
  report(): ConfigStateReport {
    return { file: this.#file, error: this.#error };
  }

  async #write(): Promise<void> {
    const { configDocument } = await import('./source/config-json.js');
    while (this.#next !== null) {
      const configs = this.#next;
      this.#next = null;
      try {
        const text = `${JSON.stringify(configDocument(configs), null, 1)}\n`;
        await writeAtomically(this.#file, text, { temporary: `${this.#file}.new`, mode: MODE });
        this.#tell(null);
      } catch (error) {
        this.#tell(error instanceof Error ? error.message : String(error));
      }
    }
    this.#writing = null;
  }

  #tell(error: string | null): void {
    if (error !== null) {
      const lost = 'the config in force could not be kept and would be lost at a restart';
      this.#logger.error({ file: this.#file, error }, `--model_config_state_file: ${lost}`);
    } else if (this.#error !== null) {
      this.#logger.info({ file: this.#file }, '--model_config_state_file: kept again');
    }
    this.#error = error;
  }
}
