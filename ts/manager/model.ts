import { isDeepStrictEqual } from 'node:util';
import { ServingError, toServingError } from '../errors.js';
import type { State, VersionStatus } from '../native/catalog.js';
import type { LoadedModel } from '../native/model.js';
import type { Timer } from './clock.js';
import { forgetEnded } from './history.js';
import { labelList } from './labels.js';
import type { Limiter } from './limiter.js';
import type { FailedVersion, ModelSummary } from './load-summary.js';
import type { ModelConfig } from './model-config.js';
import type { ModelDeps } from './model-deps.js';
import { retryDelayMs } from './retry.js';
import { type Content, Servable, sameContent } from './servable.js';
import type { FoundVersion, Sighting } from './source/sighting.js';
import { checkVersionDirectory } from './source/version-directory.js';
import { nextStep } from './transition.js';
import { descending } from './version-policy.js';

/**
 * One served model: brings what is in memory to what its source wants, one step at a time, and tells the catalog.
 *
 * A version is published before the one it replaces is withdrawn, and a withdrawn version is closed after its last request.
 */
export class ServedModel {
  readonly name: string;
  readonly #deps: ModelDeps;
  readonly #servables = new Map<bigint, Servable>();
  #config: ModelConfig;
  #sighting: Sighting | null = null;
  #error: ServingError | null = null;
  #retired = false;
  #expiry: Timer | null = null;
  #published: string | null = null;

  constructor(config: ModelConfig, deps: ModelDeps) {
    this.name = config.name;
    this.#config = config;
    this.#deps = deps;
    this.#publishStatus();
    deps.catalog.setLabels(this.name, labelList(config));
  }

  get config(): ModelConfig {
    return this.#config;
  }

  /** The source has looked, and every version it wants is AVAILABLE or END. */
  get settled(): boolean {
    if (this.#retired) return true;
    if (this.#sighting === null) return false;
    return this.#wanted().every((it) => it.state === 'AVAILABLE' || it.state === 'END');
  }

  /** Nothing of it is in memory, on its way in or out. */
  get idle(): boolean {
    return [...this.#servables.values()].every(
      (it) => !it.busy && (it.state === 'END' || it.state === 'START'),
    );
  }

  /** It has left the config and nothing of it is remembered. */
  get gone(): boolean {
    return this.#retired && this.#servables.size === 0;
  }

  isAvailable(version: bigint): boolean {
    return this.#servables.get(version)?.state === 'AVAILABLE';
  }

  /** Takes a new config; what it changes in the versions follows with the source's next look. */
  configure(config: ModelConfig): void {
    // Until the source has looked with the new config, what it saw with the old one says nothing about new versions.
    if (this.#retired) this.#sighting = null;
    this.#retired = false;
    if (!isDeepStrictEqual(this.#config.tags, config.tags)) {
      // Other tags mean another graph of the same directory.
      for (const servable of this.#servables.values()) servable.loaded = null;
    }
    this.#config = config;
    this.#deps.catalog.setLabels(this.name, labelList(config));
  }

  /** Wants no version any more: what is loaded is unloaded after its last request. */
  retire(): void {
    this.#retired = true;
    this.#error = null;
    this.#deps.catalog.setLabels(this.name, []);
    this.#showWaiting([]);
    this.#aspire([]);
    this.#reconcile();
  }

  /** Takes what the source saw. */
  see(sighting: Sighting): void {
    if (this.#retired) return;
    this.#sighting = sighting;
    this.#setError(sighting.error);
    if (sighting.kind === 'unreadable') {
      this.#deps.changed();
      return;
    }
    this.#showWaiting(sighting.waiting);
    if (sighting.aspired !== null && !this.#refusesToEmpty(sighting.aspired)) {
      this.#aspire(sighting.aspired);
    }
    this.#reconcile();
  }

  /** What status answers say, highest version first. */
  statuses(): VersionStatus[] {
    return [...this.#servables.values()]
      .sort((a, b) => descending(a.version, b.version))
      .map((it) => it.status());
  }

  summary(): ModelSummary {
    const servables = [...this.#servables.values()].sort((a, b) =>
      descending(a.version, b.version),
    );
    const failed = servables.filter((it) => it.aspired && it.state === 'END' && it.health !== null);
    return {
      name: this.name,
      available: servables.filter((it) => it.state === 'AVAILABLE').map((it) => it.version),
      failed: failed.map(
        (it): FailedVersion => ({
          version: it.version,
          error: it.health ?? new ServingError('UNKNOWN', 'not loaded'),
          final: it.retry === null,
        }),
      ),
      error: this.#error,
    };
  }

  /** Ends timers; called once nothing more may happen by itself. */
  dispose(): void {
    this.#expiry?.cancel();
    for (const servable of this.#servables.values()) servable.cancelRetry();
  }

  #wanted(): Servable[] {
    return [...this.#servables.values()].filter((it) => it.aspired);
  }

  #refusesToEmpty(aspired: readonly FoundVersion[]): boolean {
    if (aspired.length > 0 || !this.#deps.options.servableVersionsAlwaysPresent) return false;
    if (!this.#wanted().some((it) => it.state === 'AVAILABLE')) return false;
    this.#deps.warn(this.name, `Refusing to unload all versions for Servable: ${this.name}`);
    return true;
  }

  #setError(error: ServingError | null): void {
    const required = this.#deps.options.servableVersionsAlwaysPresent;
    const shown =
      error !== null && required && this.#sighting?.kind === 'versions'
        ? new ServingError(
            'NOT_FOUND',
            `Unable to find a numerical version path for servable ${this.name} at: ${this.#config.basePath}`,
          )
        : error;
    if (this.#error?.message === shown?.message) return;
    this.#error = shown;
    this.#deps.events.emit('source', { name: this.name, error: shown });
  }

  /** A version that is still being copied is known, but not wanted yet: START. */
  #showWaiting(waiting: readonly bigint[]): void {
    for (const version of waiting) {
      if (!this.#servables.has(version)) this.#servables.set(version, new Servable(version));
    }
    for (const [version, servable] of this.#servables) {
      const copied = waiting.includes(version);
      if (servable.state === 'START' && !servable.aspired && !servable.busy && !copied) {
        this.#servables.delete(version);
      }
    }
  }

  #aspire(aspired: readonly FoundVersion[]): void {
    const wanted = new Map(aspired.map((it) => [it.version, it]));
    for (const servable of this.#servables.values()) {
      if (wanted.has(servable.version) || !servable.aspired) continue;
      servable.aspired = false;
      servable.cancelRetry();
      if (servable.state === 'START') this.#enter(servable, 'END');
      else if (servable.state === 'END') servable.endedAt = this.#deps.clock.now();
    }
    for (const [version, content] of wanted) {
      const servable = this.#servables.get(version) ?? new Servable(version);
      this.#servables.set(version, servable);
      this.#want(servable, content);
    }
  }

  #want(servable: Servable, { path, fingerprint }: Content): void {
    const returned = !servable.aspired;
    servable.aspired = true;
    servable.endedAt = null;
    const content = { path, fingerprint };
    const changed = !sameContent(servable.content, content);
    servable.content = content;
    if (returned || changed) servable.attempts = 0;
    if (servable.state !== 'END') return;
    const failedAsIs = servable.health !== null && sameContent(servable.failed, content);
    if (failedAsIs && !returned) return;
    servable.cancelRetry();
    this.#enter(servable, 'START');
  }

  /** Does what can be done now; called after everything that changes what is wanted or what is there. */
  #reconcile(): void {
    const { unload, load } = nextStep(this.#deps.options.transitionPolicy, [
      ...this.#servables.values(),
    ]);
    for (const version of unload)
      this.#start(version, (it) => this.#unload(it), this.#deps.unloads);
    for (const version of load) this.#start(version, (it) => this.#load(it), this.#deps.loads);
    for (const { version, state, content, loaded, failed } of this.#wanted()) {
      if (state !== 'AVAILABLE' || sameContent(content, loaded)) continue;
      if (!sameContent(content, failed))
        this.#start(version, (it) => this.#reload(it), this.#deps.loads);
    }
    this.#publishStatus();
    this.#forget();
    this.#deps.changed();
  }

  /** Runs a task on a servable when `limiter` has a place; one task at a time for each. */
  #start(version: bigint, task: (servable: Servable) => Promise<void>, limiter: Limiter): void {
    const servable = this.#servables.get(version);
    if (servable === undefined || servable.busy) return;
    servable.busy = true;
    void limiter
      .run(() => task(servable))
      .catch((error: unknown) => this.#deps.warn(this.name, `version ${version}: ${error}`))
      .finally(() => {
        servable.busy = false;
        this.#reconcile();
      });
  }

  async #load(servable: Servable): Promise<void> {
    const { version, content } = servable;
    // What is wanted may have changed while it waited for a place.
    if (!servable.aspired || content === null || servable.state !== 'START') return;
    this.#enter(servable, 'LOADING');
    let model: LoadedModel | null = null;
    try {
      const begun = this.#deps.clock.now();
      model = await this.#open(servable, content, false);
      if (!servable.aspired) {
        throw new ServingError('CANCELLED', 'Loading of servable cancelled');
      }
      this.#deps.catalog.publish(this.name, version, model);
      this.#accept(servable, content);
      this.#enter(servable, 'AVAILABLE');
      this.#loaded(version, begun, false);
    } catch (error) {
      this.#fail(servable, content, toServingError(error));
      await model?.close();
    }
  }

  /** Loads what has replaced the content of an available version; until then, and when it fails, the old content serves. */
  async #reload(servable: Servable): Promise<void> {
    const { version, content } = servable;
    if (!servable.aspired || content === null || servable.state !== 'AVAILABLE') return;
    const begun = this.#deps.clock.now();
    let model: LoadedModel;
    try {
      model = await this.#open(servable, content, true);
    } catch (error) {
      this.#fail(servable, content, toServingError(error));
      return;
    }
    if (!servable.aspired) {
      await model.close();
      return;
    }
    // In one turn of the event loop: the old content is taken out and the new one put in its place.
    const old = this.#deps.catalog.withdraw(this.name, version);
    this.#deps.catalog.publish(this.name, version, model);
    this.#accept(servable, content);
    this.#loaded(version, begun, true);
    await old;
  }

  async #open(servable: Servable, { path }: Content, reload: boolean): Promise<LoadedModel> {
    const { loadModel, options, events } = this.#deps;
    servable.cancelRetry();
    servable.attempts += 1;
    servable.failed = null;
    const { version, attempts: attempt } = servable;
    events.emit('loading', { name: this.name, version, attempt, reload });
    await checkVersionDirectory(path);
    return await loadModel({
      exportDir: path,
      tags: this.#config.tags ?? options.savedModelTags,
      configProto: options.configProto,
      inputShapeCheck: options.inputShapeCheck,
    });
  }

  #accept(servable: Servable, content: Content): void {
    servable.loaded = content;
    servable.failed = null;
    servable.attempts = 0;
  }

  #loaded(version: bigint, begun: number, reload: boolean): void {
    const loadMs = this.#deps.clock.now() - begun;
    this.#deps.events.emit('loaded', { name: this.name, version, loadMs, reload });
  }

  #fail(servable: Servable, content: Content, error: ServingError): void {
    const { clock, events, options } = this.#deps;
    servable.failed = content;
    const replaced = !sameContent(servable.content, content);
    const retryInMs =
      servable.aspired && !replaced ? retryDelayMs(error.code, servable.attempts, options) : null;
    if (retryInMs !== null) servable.retry = clock.after(retryInMs, () => this.#retry(servable));
    if (servable.state === 'LOADING') this.#enter(servable, 'END', error);
    events.emit('failed', { name: this.name, version: servable.version, error, retryInMs });
    if (replaced && servable.aspired && servable.state === 'END') {
      servable.attempts = 0;
      this.#enter(servable, 'START');
    }
  }

  #retry(servable: Servable): void {
    servable.retry = null;
    servable.failed = null;
    if (!servable.aspired) return;
    if (servable.state === 'END') this.#enter(servable, 'START');
    this.#reconcile();
  }

  async #unload(servable: Servable): Promise<void> {
    if (servable.aspired || servable.state !== 'AVAILABLE') return;
    this.#enter(servable, 'UNLOADING');
    let health: ServingError | null = null;
    try {
      await this.#deps.catalog.withdraw(this.name, servable.version);
    } catch (error) {
      health = toServingError(error);
    }
    servable.loaded = null;
    this.#enter(servable, 'END', health);
    if (servable.aspired) this.#enter(servable, 'START');
  }

  #enter(servable: Servable, state: State, health: ServingError | null = null): void {
    servable.enter(state, health);
    if (state === 'END' && !servable.aspired) servable.endedAt = this.#deps.clock.now();
    const { name } = this;
    this.#deps.events.emit('state', { name, version: servable.version, state, error: health });
    this.#publishStatus();
  }

  #publishStatus(): void {
    const statuses = this.statuses();
    const text = statuses.map((it) => `${it.version} ${it.state} ${it.code} ${it.message}`).join();
    if (text === this.#published) return;
    this.#published = text;
    this.#deps.catalog.setStatus(this.name, statuses);
  }

  /** Drops versions that ended long ago, and plans when to look again. */
  #forget(): void {
    const { clock, options, changed } = this.#deps;
    this.#expiry?.cancel();
    this.#expiry = null;
    const next = forgetEnded(this.#servables, clock.now(), options.endedVersionTtlSeconds);
    this.#publishStatus();
    if (next === null) return;
    this.#expiry = clock.after(next, () => {
      this.#forget();
      changed();
    });
  }
}
