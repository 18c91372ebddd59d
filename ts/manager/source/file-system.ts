import type { Clock, Timer } from '../clock.js';
import type { ModelConfig } from '../model-config.js';
import { isRemote } from '../store/location.js';
import type { Stores } from '../store/stores.js';
import type { Sighting } from './sighting.js';
import { VersionWatcher } from './version-watcher.js';

/** A version that may be complete is looked at again after this, even where looks are rare. */
const RECHECK_MS = 1000;
/** Multiples of the golden ratio fall evenly on an interval, however many there are. */
const GOLDEN = (Math.sqrt(5) - 1) / 2;

/** What the source needs. */
export interface FileSystemSourceOptions {
  readonly clock: Clock;
  /** Seconds between looks; 0 looks once, below 0 only when asked. */
  readonly pollWaitSeconds: number;
  /** Seconds between looks at a remote store at least, where every look is a request that costs. */
  readonly storePollWaitSeconds: number;
  /** Remote stores and archives; without them only local folders are served. */
  readonly stores?: Stores | undefined;
  /** Called after each look at a model that is still watched. */
  readonly onSighting: (name: string, sighting: Sighting) => void;
  readonly warn: (name: string, text: string) => void;
}

interface Watch {
  config: ModelConfig;
  watcher: VersionWatcher;
  timer: Timer | null;
  /** The look under way, and whether another must follow because the config changed meanwhile. */
  looking: Promise<void> | null;
  again: boolean;
  /** Share of the interval until its second look, so that models that were configured together are not looked at together. */
  phase: number;
}

/**
 * Finds the versions of models in the file system.
 *
 * Every model has its own timer and its own errors: a base path that is missing, or a mount that hangs, delays no other model.
 */
export class FileSystemSource {
  readonly #options: FileSystemSourceOptions;
  readonly #watches = new Map<string, Watch>();
  #watched = 0;

  constructor(options: FileSystemSourceOptions) {
    this.#options = options;
  }

  /** Begins to watch a model, or watches it with a new config, and looks at once unless looks come only when asked. */
  watch(config: ModelConfig): void {
    const watch = this.#watches.get(config.name);
    if (watch === undefined) {
      this.#watches.set(config.name, {
        config,
        watcher: this.#watcher(config.name),
        timer: null,
        looking: null,
        again: false,
        phase: 1 - ((this.#watched * GOLDEN) % 1),
      });
      this.#watched += 1;
    } else {
      // Another base path is another place: what is known of the old one says nothing about it.
      if (watch.config.basePath !== config.basePath) watch.watcher = this.#watcher(config.name);
      watch.config = config;
    }
    if (this.#options.pollWaitSeconds >= 0) void this.look(config.name);
  }

  /** Forgets a model. */
  unwatch(name: string): void {
    this.#watches.get(name)?.timer?.cancel();
    this.#watches.delete(name);
  }

  /** Looks at one model now; resolves when what was seen has been passed on. */
  look(name: string): Promise<void> {
    const watch = this.#watches.get(name);
    if (watch === undefined) return Promise.resolve();
    if (watch.looking !== null) {
      watch.again = true;
      return watch.looking;
    }
    watch.looking = this.#lookUntilCurrent(name, watch)
      .catch((error: unknown) => this.#options.warn(name, `look failed: ${error}`))
      .finally(() => {
        watch.looking = null;
        this.#schedule(name, watch);
      });
    return watch.looking;
  }

  /** Looks at every model now. */
  async lookAtAll(): Promise<void> {
    await Promise.all([...this.#watches.keys()].map((name) => this.look(name)));
  }

  /** Forgets every model. */
  stop(): void {
    for (const name of [...this.#watches.keys()]) this.unwatch(name);
  }

  async #lookUntilCurrent(name: string, watch: Watch): Promise<void> {
    watch.timer?.cancel();
    watch.timer = null;
    do {
      watch.again = false;
      const { config, watcher } = watch;
      const sighting = await watcher.look(config);
      if (this.#watches.get(name) !== watch) return;
      if (watch.config !== config) watch.again = true;
      else this.#options.onSighting(name, sighting);
    } while (watch.again && this.#watches.get(name) === watch);
  }

  #schedule(name: string, watch: Watch): void {
    const { clock, pollWaitSeconds, storePollWaitSeconds } = this.#options;
    if (pollWaitSeconds <= 0 || this.#watches.get(name) !== watch) return;
    const least = isRemote(watch.config.basePath) ? storePollWaitSeconds : 0;
    const interval = Math.max(pollWaitSeconds, least) * 1000;
    const delay = watch.watcher.unsettled ? Math.min(interval, RECHECK_MS) : interval;
    const { phase } = watch;
    watch.phase = 1;
    watch.timer = clock.after(delay * phase, () => this.#glance(name, watch));
  }

  /** Looks unless that would be in vain. */
  #glance(name: string, watch: Watch): void {
    if (watch.watcher.isStill(watch.config)) this.#schedule(name, watch);
    else void this.look(name);
  }

  #watcher(name: string): VersionWatcher {
    const { clock, pollWaitSeconds, stores, warn } = this.#options;
    return new VersionWatcher({
      clock,
      stores,
      once: pollWaitSeconds === 0,
      warn: (text) => warn(name, text),
    });
  }
}
