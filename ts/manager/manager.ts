import { EventEmitter } from 'node:events';
import { ServingError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { Clock } from './clock.js';
import { checkConfigs } from './config-check.js';
import { logEvents } from './event-log.js';
import type { ManagerEvents } from './events.js';
import { LastUse, type RequestCounts } from './last-use.js';
import { Limiter } from './limiter.js';
import type { LoadSummary } from './load-summary.js';
import { MemoryBudget } from './memory.js';
import { ServedModel } from './model.js';
import { type ModelConfig, sameConfig } from './model-config.js';
import type { CatalogWriter, LoadModel, ModelDeps, WarmUp } from './model-deps.js';
import { type ModelReport, modelReport } from './model-report.js';
import type { ManagerOptions } from './options.js';
import { FileSystemSource } from './source/file-system.js';
import type { Stores } from './store/stores.js';

/** What the manager works with; all of it is handed in. */
export interface ManagerDeps {
  readonly catalog: CatalogWriter;
  readonly loadModel: LoadModel;
  /** Without it no model is warmed up. */
  readonly warmUp?: WarmUp;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly options: ManagerOptions;
  /** Remote stores and archives; without them only local folders are served. */
  readonly stores?: Stores;
  /** Requests each model has had; without it every model counts as never used. */
  readonly requestCounts?: RequestCounts;
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
  readonly #memory: MemoryBudget;
  readonly #lastUse: LastUse;
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
    this.#memory = new MemoryBudget({
      limitBytes: options.totalModelMemoryLimitBytes,
      evict: (name) => this.#evict(name),
      freed: () => this.#retryUnfitting(),
    });
    this.#lastUse = new LastUse(deps.clock, deps.requestCounts ?? (() => new Map()));
    this.#modelDeps = {
      ...deps,
      events: this.events,
      loads: new Limiter(() => this.#loadThreads()),
      unloads: new Limiter(() => unloads),
      memory: this.#memory,
      warn,
      changed: () => this.#settle(),
    };
    this.#source = new FileSystemSource({
      clock: deps.clock,
      pollWaitSeconds: options.fileSystemPollWaitSeconds,
      storePollWaitSeconds: options.storePollWaitSeconds,
      stores: deps.stores,
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
    if (this.#deps.options.modelLoading === 'on_demand') this.#lastUse.start();
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

  /**
   * Loads a model that waits for its first request; resolves once it answers.
   *
   * @throws {ServingError} `NOT_FOUND` no such model; the error of its load when it does not load
   */
  async demand(name: string): Promise<void> {
    const config = this.#current.get(name);
    const model = this.#models.get(name);
    if (config === undefined || model === undefined) throw noModel(name);
    this.#lastUse.touch(name);
    model.demand();
    const summary = await this.#settled([config]);
    this.#lastUse.touch(name);
    const [{ available, failed, error } = { available: [], failed: [], error: null }] =
      summary.models;
    if (available.length > 0) return;
    throw failed[0]?.error ?? error ?? noModel(name);
  }

  /**
   * Loads a model again that failed, or that waits for its first request; resolves once it has settled, with what became of it.
   *
   * @throws {ServingError} `NOT_FOUND` no such model
   */
  async load(name: string): Promise<LoadSummary> {
    const config = this.#current.get(name);
    const model = this.#models.get(name);
    if (config === undefined || model === undefined) throw noModel(name);
    this.#lastUse.touch(name);
    model.retryFailed(null);
    model.demand();
    return await this.#settled([config]);
  }

  /**
   * Unloads a model that is loaded on demand until its next request.
   *
   * @returns false for a model that is not loaded on demand: it would have to leave the config
   * @throws {ServingError} `NOT_FOUND` no such model
   */
  rest(name: string): boolean {
    const model = this.#models.get(name);
    if (!this.#current.has(name) || model === undefined) throw noModel(name);
    if (!model.onDemand) return false;
    model.rest();
    return true;
  }

  /** Every model of the config in force, with its versions and the memory they are taken to need. */
  list(): ModelReport[] {
    return [...this.#current.values()].flatMap((config) => {
      const model = this.#models.get(config.name);
      return model === undefined ? [] : [modelReport(config, model)];
    });
  }

  /** Bytes set aside for models, and the limit; 0 is none. */
  memory(): { readonly usedBytes: number; readonly limitBytes: number } {
    const { usedBytes, limitBytes } = this.#memory;
    return { usedBytes, limitBytes };
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
    this.#lastUse.stop();
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
      ...(this.#deps.options.logging === undefined ? {} : { logging: this.#deps.options.logging }),
      forceLabels: this.#deps.options.forceAllowAnyVersionLabelsForUnavailableModels,
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

  /** Unloads the model that was used longest ago of those that need not be in memory. */
  #evict(except: string): boolean {
    this.#lastUse.look();
    const candidates = [...this.#models.values()]
      .filter((it) => it.name !== except && it.evictable)
      .sort((a, b) => this.#lastUse.of(a.name) - this.#lastUse.of(b.name));
    const [model] = candidates;
    if (model === undefined) return false;
    this.#deps.logger.info({ model: model.name }, 'unloading to make room');
    model.rest();
    return true;
  }

  /** Memory is free again: what did not fit is tried once more. */
  #retryUnfitting(): void {
    for (const model of this.#models.values()) model.retryFailed('RESOURCE_EXHAUSTED');
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

function noModel(name: string): ServingError {
  return new ServingError('NOT_FOUND', `Could not find any versions of model ${name}`);
}
