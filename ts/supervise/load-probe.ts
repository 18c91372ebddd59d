import { ServingError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { LoadOptions } from '../native/model.js';
import { endingText, type HelperProcess, startHelper } from './child-process.js';
import type { Ending } from './serving-process.js';
import type { HelperRuntime, ToProbe } from './trial-messages.js';

/** What a probe needs. */
export interface LoadProbeDependencies {
  readonly runtime: () => Promise<HelperRuntime>;
  readonly logger: Logger;
}

/** Models often come several at a time; opening TensorFlow takes longer than most loads. */
const IDLE_MS = 5000;

/**
 * Loads models in a process of its own, so that one that ends its process does not end the server.
 *
 * One at a time. Only an end counts: what a load fails with is told by the server's own, which comes next.
 */
export class LoadProbe {
  readonly #deps: LoadProbeDependencies;
  #helper: HelperProcess | null = null;
  #heard: (() => void) | null = null;
  #idle: NodeJS.Timeout | null = null;
  #last: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(deps: LoadProbeDependencies) {
    this.#deps = deps;
  }

  /**
   * Resolves when the process that tried to load the model is still there.
   *
   * @throws {ServingError} `FAILED_PRECONDITION` it ended; `RESOURCE_EXHAUSTED` it was killed, as happens where memory runs out
   */
  check(load: LoadOptions): Promise<void> {
    const probe = this.#last.then(() => this.#check(load));
    this.#last = probe.catch(() => undefined);
    return probe;
  }

  /** Ends the process there may be. */
  stop(): void {
    this.#stopped = true;
    this.#end();
  }

  async #check(load: LoadOptions): Promise<void> {
    const runtime = await this.#deps.runtime();
    if (this.#stopped) throw new ServingError('CANCELLED', 'Loading of servable cancelled');
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#helper ??= startHelper(new URL('./probe-process.js', import.meta.url), () =>
      this.#heard?.(),
    );
    const helper = this.#helper;
    const begun = performance.now();
    const answered = new Promise<null>((resolve) => {
      this.#heard = () => resolve(null);
    });
    helper.say({ runtime, load } satisfies ToProbe);
    const ending = await Promise.race([answered, helper.ended]);
    if (ending !== null) {
      this.#helper = null;
      throw this.#failure(load, ending, helper.lastFatal());
    }
    this.#idle = setTimeout(() => this.#end(), IDLE_MS).unref();
    const ms = Math.round(performance.now() - begun);
    this.#deps.logger.debug({ path: load.exportDir, ms }, 'probed');
  }

  #failure({ exportDir }: LoadOptions, ending: Ending, fatal: string | null): ServingError {
    if (this.#stopped) return new ServingError('CANCELLED', 'Loading of servable cancelled');
    const reason = fatal === null ? '' : `: ${fatal}`;
    return new ServingError(
      ending.signal === 'SIGKILL' ? 'RESOURCE_EXHAUSTED' : 'FAILED_PRECONDITION',
      `${exportDir}: loading it ended the process that tried (${endingText(ending)})${reason}`,
    );
  }

  #end(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = null;
    this.#helper?.end();
    this.#helper = null;
  }
}
