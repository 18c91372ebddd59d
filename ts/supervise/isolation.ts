import type { Logger } from '../logger.js';
import type { Catalog } from '../native/catalog.js';
import type { LoadOptions } from '../native/model.js';
import type { Options } from '../options/options.js';
import { LoadProbe } from './load-probe.js';
import type { Quarantine, SuspectRequest } from './quarantine.js';
import { type Supervised, underSupervision } from './supervised.js';
import type { HelperRuntime } from './trial-messages.js';

/** What a server's isolation needs. */
export interface IsolationDependencies {
  /** The server's place under a supervisor; null where it has none. */
  readonly supervised: Supervised | null;
  readonly options: Options;
  /** Resolves to the library's path once it is open. */
  readonly library: () => Promise<string>;
  readonly logger: Logger;
}

/** What a server does in other processes, because it may end them: first loads of models, and requests that ended it before. */
export class Isolation {
  /** Has a suspect tried out; null where there are none. */
  readonly judge: ((suspect: SuspectRequest) => Promise<void>) | null;
  readonly #quarantine: Quarantine | null;
  readonly #probe: LoadProbe;
  readonly #when: (remote: boolean) => boolean;
  #isServing = false;

  constructor({ supervised, options, library, logger }: IsolationDependencies) {
    const { isolatedLoad, modelLoading, opLibrary: opLibraries } = options;
    const runtime = async (): Promise<HelperRuntime> => ({ library: await library(), opLibraries });
    const { suspectTtlSeconds, quarantineIdleSeconds } = options;
    const quarantine =
      supervised === null
        ? null
        : underSupervision(supervised, {
            suspectTtlSeconds,
            quarantineIdleSeconds,
            runtime,
            logger,
          });
    this.#quarantine = quarantine;
    this.judge = quarantine === null ? null : (suspect) => quarantine.judge(suspect);
    this.#probe = new LoadProbe({ runtime, logger });
    // A model that is loaded for a request has somebody waiting.
    const arrived = (): boolean => this.#isServing && modelLoading === 'eager';
    this.#when = (remote) =>
      isolatedLoad === 'always' || (isolatedLoad === 'auto' && (remote || arrived()));
  }

  /** The catalog, seen by the quarantine. */
  watching(catalog: Catalog): Catalog {
    return this.#quarantine?.watching(catalog) ?? catalog;
  }

  /** The first models have loaded: what is loaded from now on arrives while the server serves. */
  serving(): void {
    this.#isServing = true;
  }

  /**
   * To be awaited before a model is loaded here.
   *
   * @throws {ServingError} loading it ends the process that does so
   */
  async beforeLoad(load: LoadOptions, { remote }: { readonly remote: boolean }): Promise<void> {
    if (this.#when(remote)) await this.#probe.check(load);
  }

  /** Ends the other processes. */
  stop(): void {
    this.#quarantine?.stop();
    this.#probe.stop();
  }
}
