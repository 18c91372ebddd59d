import { EventEmitter } from 'node:events';
import { ServingError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { Clock } from './clock.js';
import { checkConfigs } from './config-check.js';
import { logEvents } from './event-log.js';
import type { ManagerEvents } from './events.js';
import { Limiter } from './limiter.js';
import type { LoadSummary } from './load-summary.js';
import { ServedModel } from './model.js';
import { type ModelConfig, sameConfig } from './model-config.js';
import type { CatalogWriter, LoadModel, ModelDeps } from './model-deps.js';
import type { ManagerOptions } from './options.js';
import { FileSystemSource } from './source/file-system.js';

/** What the manager works with; all of it is handed in. */
export interface ManagerDeps {
  readonly catalog: CatalogWriter;
  readonly loadModel: LoadModel;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: ManagerOptions;
}

interface Waiter {
  readonly names: readonly string[];
  readonly resolve: (summary: LoadSummary) => void;
}

/**
 * Keeps the configured models in memory: finds their versions, loads and unloads them and tells the catalog.
 *
 * Lives on the main thread. Models are independent: one that is missing, broken or slow holds up no other.
 */
export class ModelManager {
  /** What happens, as it happens. */
  readonly events = new EventEmitter<ManagerEvents>();
  readonly #deps: ManagerDeps;
  readonly #modelDeps: ModelDeps;
  readonly #source: FileSystemSource;
  /** Every model of the config in force, and those that left it and are not forgotten yet. */
  readonly #models = new Map<string, ServedModel>();
  #current: ReadonlyMap<string, ModelConfig> = new Map();
  #waiters: Waiter[] = [];
  #initial: Promise<LoadSummary> | null = null;
  #initialDone = false;
  #stopped: Promise<void> | null = null;
  /** Looks whether `stop` can end. */
  #whenIdle: (() => void) | null = null;

  constructor(deps: ManagerDeps) {
    this.#deps = deps;
    const { options, logger } = deps;
    this.events.setMaxListeners(0);
    logEvents(this.events, logger);
    const warn = (name: string, text: string) => logger.warn({ model: name }, text);
    const unloads = options.numUnloadThreads > 0 ? options.numUnloadThreads : Number.MAX_VALUE;
    this.#modelDeps = {
      ...deps,
      events: this.events,
      loads: new Limiter(() => this.#loadThreads()),
      unloads: new Limiter(() => unloads),
      warn,
      changed: () => this.#settle(),
    };
    this.#source = new FileSystemSource({
      clock: deps.clock,
      pollWaitSeconds: options.fileSystemPollWaitSeconds,
      onSighting: (name, sighting) => this.#models.get(name)?.see(sighting),
      warn,
    });
  }

  /**
   * Brings the first config into force and returns at once; `initialLoad` tells what became of it.
   *
   * @throws {ServingError} with TensorFlow Serving's text when the config is refused
   */
  start(configs: readonly ModelConfig[]): void {
    this.#check(configs, true);
    this.#enforce(configs);
    this.#initial = this.#settled(configs).then((summary) => {
      this.#initialDone = true;
      return summary;
    });
  }

  /** Resolves when every model of the first config has reached AVAILABLE or END, or has nothing to load. */
  initialLoad(): Promise<LoadSummary> {
    return this.#initial ?? Promise.resolve({ models: [] });
  }

  /**
   * Replaces the config: models not listed are unloaded, new ones loaded, unchanged ones left alone.
   *
   * Resolves when every new model has settled, with what became of those; what fails then fails alone, the rest is in force.
   *
   * @throws {ServingError} with TensorFlow Serving's text when the config is refused; the one in force then stays
   */
  async apply(configs: readonly ModelConfig[]): Promise<LoadSummary> {
    if (this.#stopped !== null) throw new ServingError('UNAVAILABLE', 'the server is stopping');
    this.#check(configs, false);
    const added = configs.filter(({ name }) => !this.#current.has(name));
    this.#enforce(configs);
    return await this.#settled(added);
  }

  /** The config in force. */
  configs(): ModelConfig[] {
    return [...this.#current.values()];
  }

  /** The state of every model of the config in force. */
  summary(): LoadSummary {
    return this.#summarize([...this.#current.keys()]);
  }

  /** Looks for new versions of every model now; resolves when all have been looked at. */
  async poll(): Promise<void> {
    await this.#source.lookAtAll();
  }

  /**
   * Stops looking, lets the requests in flight end and unloads every model.
   *
   * @param deadlineMs resolves then at the latest, with what still holds on left to the end of the process
   */
  stop(deadlineMs: number): Promise<void> {
    this.#stopped ??= this.#stop(deadlineMs);
    return this.#stopped;
  }

  async #stop(deadlineMs: number): Promise<void> {
    this.#source.stop();
    const models = [...this.#models.values()];
    for (const model of models) model.retire();
    await new Promise<void>((resolve) => {
      const timer = this.#deps.clock.after(deadlineMs, () => {
        const names = models.filter((it) => !it.idle).map((it) => it.name);
        this.#deps.logger.warn({ models: names }, 'models still busy at the deadline');
        resolve();
      });
      this.#whenIdle = () => {
        if (!models.every((it) => it.idle)) return;
        timer.cancel();
        resolve();
      };
      this.#whenIdle();
    });
    this.#whenIdle = null;
    for (const model of models) model.dispose();
  }

  #check(configs: readonly ModelConfig[], initial: boolean): void {
    checkConfigs(configs, {
      current: this.#current,
      initial,
      isAvailable: (name, version) => this.#models.get(name)?.isAvailable(version) ?? false,
      allowUnavailableLabels: this.#deps.options.allowVersionLabelsForUnavailableModels,
    });
  }

  #enforce(configs: readonly ModelConfig[]): void {
    const before = this.#current;
    this.#current = new Map(configs.map((config) => [config.name, config]));
    for (const name of before.keys()) {
      if (this.#current.has(name)) continue;
      this.#source.unwatch(name);
      this.#models.get(name)?.retire();
    }
    for (const config of configs) {
      const old = before.get(config.name);
      if (old !== undefined && sameConfig(old, config)) continue;
      const model = this.#models.get(config.name);
      if (model === undefined) {
        this.#models.set(config.name, new ServedModel(config, this.#modelDeps));
      } else {
        model.configure(config);
      }
      this.#source.watch(config);
    }
    this.events.emit('config', { names: [...this.#current.keys()] });
  }

  #loadThreads(): number {
    const { numInitialLoadThreads, numLoadThreads } = this.#deps.options;
    return Math.max(this.#initialDone ? numLoadThreads : numInitialLoadThreads, 1);
  }

  #settled(configs: readonly ModelConfig[]): Promise<LoadSummary> {
    const names = configs.map(({ name }) => name);
    return new Promise((resolve) => {
      this.#waiters.push({ names, resolve });
      this.#settle();
    });
  }

  /** Answers those who wait for models that have settled, and drops models that are gone. */
  #settle(): void {
    this.#whenIdle?.();
    for (const [name, model] of this.#models) {
      if (!model.gone) continue;
      model.dispose();
      this.#models.delete(name);
      this.#deps.catalog.remove(name);
    }
    const ready = (waiter: Waiter) =>
      waiter.names.every((name) => this.#models.get(name)?.settled ?? true);
    const done = this.#waiters.filter(ready);
    if (done.length === 0) return;
    this.#waiters = this.#waiters.filter((waiter) => !done.includes(waiter));
    for (const { names, resolve } of done) resolve(this.#summarize(names));
  }

  #summarize(names: readonly string[]): LoadSummary {
    return {
      models: names.flatMap((name) => this.#models.get(name)?.summary() ?? []),
    };
  }
}
