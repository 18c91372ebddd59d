import { ServingError, toServingError } from '../errors.js';
import type { State } from '../native/catalog.js';
import { fetchContent, type LocalContent, mustFetch } from './fetching.js';
import { type OpenedModel, openModel } from './loading.js';
import type { ModelConfig } from './model-config.js';
import type { ModelDeps } from './model-deps.js';
import { retryDelayMs } from './retry.js';
import { type Content, type Servable, sameContent } from './servable.js';

/** The model whose servables are loaded and unloaded. */
export interface TaskOwner {
  readonly name: string;
  readonly config: ModelConfig;
  /** It is to be in memory. */
  readonly demanded: boolean;
  /** Moves a servable to its next state and tells the catalog. */
  enter(servable: Servable, state: State, health?: ServingError | null): void;
  /** The progress of a fetch is another now. */
  progressed(): void;
  /** Looks what is to be done next. */
  reconcile(): void;
}

/** Loads, reloads and unloads the servables of one model: one step each, begun by the model. */
export class ServableTasks {
  readonly #model: TaskOwner;
  readonly #deps: ModelDeps;

  constructor(model: TaskOwner, deps: ModelDeps) {
    this.#model = model;
    this.#deps = deps;
  }

  /** Loads a version that is wanted and not in memory; a failure is its END. */
  async load(servable: Servable): Promise<void> {
    const local = await this.#fetch(servable, false);
    if (local === 'failed') return;
    await this.#deps.loads.run(() => this.#loadLocal(servable, local));
  }

  /** Brings what lies in a store or an archive to the local disk. Takes no place of the loads: a slow store must not hold up other models. */
  async #fetch(servable: Servable, reload: boolean): Promise<LocalContent | null | 'failed'> {
    if (!(await mustFetch(servable, this.#deps))) return null;
    const { content } = servable;
    const state = reload ? 'AVAILABLE' : 'START';
    if (!servable.aspired || content === null || servable.state !== state) return null;
    this.#attempt(servable, reload);
    if (!reload) this.#model.enter(servable, 'LOADING');
    const { name } = this.#model;
    try {
      return await fetchContent(servable, content, {
        name,
        deps: this.#deps,
        progressed: () => this.#model.progressed(),
      });
    } catch (error) {
      this.#fail(servable, content, toServingError(error), true);
      return 'failed';
    }
  }

  async #loadLocal(servable: Servable, local: LocalContent | null): Promise<void> {
    const { version } = servable;
    const content = local?.content ?? servable.content;
    if (local === null) {
      // What is wanted may have changed while it waited for a place.
      if (!servable.aspired || content === null || servable.state !== 'START') return;
      this.#model.enter(servable, 'LOADING');
    }
    if (content === null) return;
    let opened: OpenedModel | null = null;
    try {
      const begun = this.#deps.clock.now();
      opened = await this.#open(servable, content, local, false);
      if (!servable.aspired) {
        throw new ServingError('CANCELLED', 'Loading of servable cancelled');
      }
      this.#deps.catalog.publish(this.#model.name, version, opened.model);
      this.#accept(servable, content, local, opened);
      this.#model.enter(servable, 'AVAILABLE');
      this.#loaded(version, begun, false);
    } catch (error) {
      this.#fail(servable, content, toServingError(error));
      await opened?.discard();
      local?.fetched.release();
    }
  }

  /** Loads what has replaced the content of an available version; until then, and when it fails, the old content serves. */
  async reload(servable: Servable): Promise<void> {
    const local = await this.#fetch(servable, true);
    if (local === 'failed') return;
    await this.#deps.loads.run(() => this.#reloadLocal(servable, local));
  }

  async #reloadLocal(servable: Servable, local: LocalContent | null): Promise<void> {
    const { version, fetched, grant, model: old } = servable;
    const content = local?.content ?? servable.content;
    if (!servable.aspired || content === null || servable.state !== 'AVAILABLE') {
      local?.fetched.release();
      return;
    }
    const begun = this.#deps.clock.now();
    let opened: OpenedModel;
    try {
      opened = await this.#open(servable, content, local, true);
    } catch (error) {
      this.#fail(servable, content, toServingError(error));
      local?.fetched.release();
      return;
    }
    if (!servable.aspired) {
      await opened.discard();
      local?.fetched.release();
      return;
    }
    this.#deps.catalog.publish(this.#model.name, version, opened.model);
    this.#accept(servable, content, local, opened);
    this.#loaded(version, begun, true);
    grant?.leaving();
    // Its last request may still run.
    await old?.close();
    fetched?.release();
    grant?.release();
  }

  #attempt(servable: Servable, reload: boolean): void {
    servable.cancelRetry();
    servable.attempts += 1;
    servable.failed = null;
    const { version, attempts: attempt } = servable;
    this.#deps.events.emit('loading', { name: this.#model.name, version, attempt, reload });
  }

  async #open(
    servable: Servable,
    content: Content,
    local: LocalContent | null,
    reload: boolean,
  ): Promise<OpenedModel> {
    // A fetch is part of the attempt and has begun it.
    if (local === null) this.#attempt(servable, reload);
    const path = local?.fetched.path ?? content.path;
    return await openModel(this.#model.config, servable.version, path, this.#deps);
  }

  #accept(
    servable: Servable,
    content: Content,
    local: LocalContent | null,
    { model, grant }: OpenedModel,
  ): void {
    grant.loaded();
    servable.model = model;
    servable.grant = grant;
    servable.loaded = content;
    servable.fetched = local?.fetched ?? null;
    servable.failed = null;
    servable.attempts = 0;
  }

  #loaded(version: bigint, begun: number, reload: boolean): void {
    const loadMs = this.#deps.clock.now() - begun;
    this.#deps.events.emit('loaded', { name: this.#model.name, version, loadMs, reload });
  }

  /** A step ended in a way nobody expected: without an end of its own it would begin again at once, for ever. */
  crash(servable: Servable, error: unknown): void {
    const { content, state } = servable;
    if (content !== null) this.#fail(servable, content, toServingError(error));
    if (state === 'START') this.#model.enter(servable, 'END', toServingError(error));
  }

  #fail(servable: Servable, content: Content, error: ServingError, fetching = false): void {
    const { clock, events, options } = this.#deps;
    servable.failed = content;
    const replaced = !sameContent(servable.content, content);
    const retryInMs =
      servable.aspired && !replaced
        ? retryDelayMs(error.code, fetching, servable.attempts, options)
        : null;
    if (retryInMs !== null) servable.retry = clock.after(retryInMs, () => this.retry(servable));
    if (servable.state === 'LOADING') this.#model.enter(servable, 'END', error);
    events.emit('failed', { name: this.#model.name, version: servable.version, error, retryInMs });
    if (replaced && servable.aspired && servable.state === 'END') {
      servable.attempts = 0;
      this.#model.enter(servable, 'START');
    }
  }

  /** Tries a failed version again now. */
  retry(servable: Servable): void {
    servable.retry = null;
    servable.failed = null;
    if (!servable.aspired) return;
    if (servable.state === 'END') this.#model.enter(servable, 'START');
    this.#model.reconcile();
  }

  /** Takes a version out of service that is not wanted any more, and out of memory after its last request. */
  async unload(servable: Servable): Promise<void> {
    const isWanted = servable.aspired && this.#model.demanded;
    if (isWanted || servable.state !== 'AVAILABLE') return;
    this.#model.enter(servable, 'UNLOADING');
    servable.grant?.leaving();
    let health: ServingError | null = null;
    try {
      await this.#deps.catalog.withdraw(this.#model.name, servable.version);
    } catch (error) {
      health = toServingError(error);
    }
    servable.loaded = null;
    servable.model = null;
    servable.fetched?.release();
    servable.fetched = null;
    servable.grant?.release();
    servable.grant = null;
    this.#model.enter(servable, 'END', health);
    if (servable.aspired) this.#model.enter(servable, 'START');
  }
}
