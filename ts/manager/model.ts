import { isDeepStrictEqual } from 'node:util';
import { type CodeName, ServingError } from '../errors.js';
import type { State, VersionStatus } from '../native/catalog.js';
import type { Timer } from './clock.js';
import { forgetEnded } from './history.js';
import { labelList } from './labels.js';
import type { Limiter } from './limiter.js';
import { type ModelSummary, modelSummary } from './load-summary.js';
import type { ModelConfig } from './model-config.js';
import type { ModelDeps } from './model-deps.js';
import { type Content, Servable, sameContent } from './servable.js';
import { ServableTasks, type TaskOwner } from './servable-tasks.js';
import type { FoundVersion, Sighting } from './source/sighting.js';
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
  readonly #tasks: ServableTasks;
  readonly #servables = new Map<bigint, Servable>();
  #config: ModelConfig;
  #sighting: Sighting | null = null;
  #error: ServingError | null = null;
  #retired = false;
  /** Wanted in memory: always, unless models are loaded on demand. */
  #demanded: boolean;
  #expiry: Timer | null = null;
  #published: string | null = null;

  constructor(config: ModelConfig, deps: ModelDeps) {
    this.name = config.name;
    this.#config = config;
    this.#deps = deps;
    this.#demanded = !this.onDemand;
    this.#tasks = new ServableTasks(this.#owner(), deps);
    this.#publishStatus();
    this.#publishSource();
    deps.catalog.setLabels(this.name, labelList(config));
  }

  get config(): ModelConfig {
    return this.#config;
  }

  /** It is loaded at its first request, and may be unloaded to make room. */
  get onDemand(): boolean {
    const { modelLoading, pinnedModels } = this.#deps.options;
    return modelLoading === 'on_demand' && !pinnedModels.includes(this.name);
  }

  /** It is in memory only to be there for the next request. */
  get evictable(): boolean {
    if (!this.onDemand || !this.#demanded) return false;
    return [...this.#servables.values()].some((it) => it.state === 'AVAILABLE');
  }

  /** The source has looked, and every version it wants is AVAILABLE or END, or START where nobody has asked for it. */
  get settled(): boolean {
    if (this.#retired) return true;
    if (this.#sighting === null) return false;
    const rests = (it: Servable) => it.state === 'START' && !this.#demanded;
    return this.#wanted().every(
      (it) => it.state === 'AVAILABLE' || it.state === 'END' || rests(it),
    );
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
    this.#publishSource();
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
    this.#publishSource();
    this.#deps.catalog.setLabels(this.name, []);
    this.#showWaiting([]);
    this.#aspire([]);
    this.#reconcile();
  }

  /** Somebody asks for it: it is loaded if it is not. */
  demand(): void {
    if (this.#demanded) return;
    this.#demanded = true;
    this.#reconcile();
  }

  /** Unloads it after its last request, until somebody asks for it again. */
  rest(): void {
    if (!this.onDemand) return;
    this.#demanded = false;
    this.#reconcile();
  }

  /** Tries again now what failed; `code` tells which failures, `null` all. */
  retryFailed(code: CodeName | null): void {
    for (const servable of this.#wanted()) {
      const { state, health } = servable;
      if (state !== 'END' || health === null || (code !== null && health.code !== code)) continue;
      servable.cancelRetry();
      if (code === null) servable.attempts = 0;
      this.#tasks.retry(servable);
    }
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
    return this.#descending().map((it) => it.status());
  }

  summary(): ModelSummary {
    return modelSummary(this.name, this.#descending(), this.#error);
  }

  /** Bytes set aside for each version in memory. */
  memory(): ReadonlyMap<bigint, number> {
    const entries = [...this.#servables.values()].map(
      ({ version, grant }) => [version, grant?.bytes ?? 0] as const,
    );
    return new Map(entries.filter(([, bytes]) => bytes > 0));
  }

  /** Ends timers; called once nothing more may happen by itself. */
  dispose(): void {
    this.#expiry?.cancel();
    for (const servable of this.#servables.values()) servable.cancelRetry();
  }

  #owner(): TaskOwner {
    const model = this;
    return {
      name: this.name,
      get config() {
        return model.config;
      },
      get demanded() {
        return model.#demanded;
      },
      enter: (servable, state, health) => this.#enter(servable, state, health),
      progressed: () => this.#publishStatus(),
      reconcile: () => this.#reconcile(),
    };
  }

  #descending(): Servable[] {
    return [...this.#servables.values()].sort((a, b) => descending(a.version, b.version));
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
    this.#publishSource();
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
      servable.fetch?.abort();
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
    // What is being fetched has been replaced.
    if (changed) servable.fetch?.abort();
    if (servable.state !== 'END') return;
    const failedAsIs = servable.health !== null && sameContent(servable.failed, content);
    if (failedAsIs && !returned) return;
    servable.cancelRetry();
    this.#enter(servable, 'START');
  }

  /** Does what can be done now; called after everything that changes what is wanted or what is there. */
  #reconcile(): void {
    const views = [...this.#servables.values()].map(({ version, state, aspired }) => ({
      version,
      state,
      aspired: aspired && this.#demanded,
    }));
    const { unload, load } = nextStep(this.#deps.options.transitionPolicy, views);
    for (const version of unload)
      this.#start(version, (it) => this.#tasks.unload(it), this.#deps.unloads);
    for (const version of load) this.#start(version, (it) => this.#tasks.load(it), null);
    for (const { version, state, content, loaded, failed } of this.#wanted()) {
      if (!this.#demanded || state !== 'AVAILABLE' || sameContent(content, loaded)) continue;
      if (!sameContent(content, failed)) this.#start(version, (it) => this.#tasks.reload(it), null);
    }
    this.#publishStatus();
    this.#forget();
    this.#deps.changed();
  }

  /** Runs a task on a servable, when `limiter` has a place; one task at a time for each. */
  #start(version: bigint, task: (it: Servable) => Promise<void>, limiter: Limiter | null): void {
    const servable = this.#servables.get(version);
    if (servable === undefined || servable.busy) return;
    servable.busy = true;
    void (limiter === null ? task(servable) : limiter.run(() => task(servable)))
      .catch((error: unknown) => {
        this.#deps.warn(this.name, `version ${version}: ${error}`);
        this.#tasks.crash(servable, error);
      })
      .finally(() => {
        servable.busy = false;
        this.#reconcile();
      });
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

  #publishSource(): void {
    const error = this.#error;
    this.#deps.catalog.setSource(this.name, {
      onDemand: this.onDemand && !this.#retired,
      code: error?.number ?? 0,
      message: error?.message ?? '',
    });
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
