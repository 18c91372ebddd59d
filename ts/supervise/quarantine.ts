import { ServingError } from '../errors.js';
import type { Logger } from '../logger.js';
import type { Catalog } from '../native/catalog.js';
import { clearSuspect } from '../native/flight.js';
import type { Target } from '../native/infer-queue.js';
import { type LoadOptions, loadedWith } from '../native/model.js';
import { endingText, type HelperProcess, startHelper } from './child-process.js';
import { fingerprintText } from './flight-file.js';
import type { FromServing } from './messages.js';
import type { Suspects } from './suspects.js';
import type { FromQuarantine, HelperRuntime, ToQuarantine, TrialModel } from './trial-messages.js';

/** A request that may have ended an earlier process. */
export interface SuspectRequest {
  readonly fingerprint: bigint;
  readonly target: Target;
  readonly body: Uint8Array;
}

/** What a quarantine needs. */
export interface QuarantineDependencies {
  readonly suspects: Suspects;
  /** The server's TensorFlow library, once it is open. */
  readonly runtime: () => Promise<HelperRuntime>;
  readonly idleMs: number;
  readonly logger: Logger;
  /** Tells the supervisor. */
  readonly say: (message: FromServing) => void;
}

/** A trial that takes longer says nothing: its process is ended. */
const LONGEST_TRIAL_MS = 120_000;

/**
 * Tries out requests that ran when an earlier process died: in a process of their own with the same model loaded.
 *
 * One at a time, so that a death can be laid to its request. Started on demand, ended when nobody needs it.
 */
export class Quarantine {
  readonly #deps: QuarantineDependencies;
  readonly #published = new Map<string, Map<bigint, LoadOptions>>();
  readonly #labels = new Map<string, TrialModel['labels']>();
  readonly #trials = new Map<bigint, Promise<void>>();
  #last: Promise<void> = Promise.resolve();
  #process: TrialProcess | null = null;
  #idle: NodeJS.Timeout | null = null;

  constructor(deps: QuarantineDependencies) {
    this.#deps = deps;
  }

  /** The catalog, seen by this: it learns there what is published. */
  watching(catalog: Catalog): Catalog {
    return {
      ...catalog,
      setLabels: (name, labels) => {
        catalog.setLabels(name, labels);
        this.#labels.set(name, labels);
      },
      withdraw: (name, version) => {
        this.#published.get(name)?.delete(version);
        return catalog.withdraw(name, version);
      },
      publish: (name, version, model) => {
        catalog.publish(name, version, model);
        const versions = this.#published.get(name) ?? new Map<bigint, LoadOptions>();
        this.#published.set(name, versions.set(version, loadedWith(model)));
      },
    };
  }

  /**
   * Resolves when the request has shown to be harmless: it may run here.
   *
   * @throws {ServingError} `INVALID_ARGUMENT` it ended its trial, now or before; `UNAVAILABLE` it cannot be tried out now
   */
  judge(request: SuspectRequest): Promise<void> {
    const { fingerprint } = request;
    const { suspects } = this.#deps;
    const suspect = suspects.get(fingerprint);
    if (suspect === undefined) {
      clearSuspect(fingerprint);
      return Promise.resolve();
    }
    if (suspect.refusedUntil > Date.now()) {
      return Promise.reject(refusal(fingerprint, suspect.model, suspect.refusedUntil));
    }
    // The same request from many clients is tried once.
    const running = this.#trials.get(fingerprint);
    if (running !== undefined) return running;
    const trial = this.#last.then(() => this.#try(request, suspect.model));
    this.#last = trial.catch(() => undefined);
    this.#trials.set(fingerprint, trial);
    void this.#last.then(() => this.#trials.delete(fingerprint));
    return trial;
  }

  /** Ends the process there may be. */
  stop(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#process?.end();
    this.#process = null;
  }

  async #try({ fingerprint, target, body }: SuspectRequest, model: string): Promise<void> {
    const { suspects, logger, say } = this.#deps;
    const shown = fingerprintText(fingerprint);
    const trial = await this.#ready(model);
    const outcome = await trial.run(target, body);
    this.#sleepLater();
    if (outcome === null) {
      suspects.clear(fingerprint);
      clearSuspect(fingerprint);
      say({ kind: 'cleared', fingerprint: shown });
      logger.info({ model, fingerprint: shown }, 'suspect cleared');
      return;
    }
    this.#process = null;
    if (outcome === 'timeout') throw cannotTry(`its trial took over ${LONGEST_TRIAL_MS / 1000} s`);
    const until = suspects.refuse(fingerprint, Date.now());
    say({ kind: 'refused', fingerprint: shown });
    logger.error({ model, fingerprint: shown, ending: outcome }, 'suspect refused');
    throw refusal(fingerprint, model, until);
  }

  /** The process with this model loaded as it is published now. */
  async #ready(name: string): Promise<TrialProcess> {
    const versions = [...(this.#published.get(name) ?? [])]
      .map(([version, load]) => ({ version, load }))
      .sort((a, b) => (a.version < b.version ? -1 : 1));
    const model: TrialModel = { name, versions, labels: this.#labels.get(name) ?? [] };
    const key = `${name} ${versions.map((it) => `${it.version} ${it.load.exportDir}`).join()}`;
    if (this.#process?.key === key && this.#process.isAlive) return this.#process;
    this.#process?.end();
    const trial = new TrialProcess(key);
    this.#process = trial;
    const failure = await trial.load(await this.#deps.runtime(), model);
    if (failure === null) return trial;
    trial.end();
    this.#process = null;
    throw cannotTry(failure);
  }

  #sleepLater(): void {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#idle = setTimeout(() => this.stop(), this.#deps.idleMs).unref();
  }
}

/** One quarantine process. */
class TrialProcess {
  /** Model and versions that it has loaded. */
  readonly key: string;
  isAlive = true;
  readonly #helper: HelperProcess;
  #heard: ((message: FromQuarantine | string) => void) | null = null;

  constructor(key: string) {
    this.key = key;
    const script = new URL('./quarantine-process.js', import.meta.url);
    this.#helper = startHelper(script, (message) => this.#heard?.(message as FromQuarantine));
    void this.#helper.ended.then((ending) => {
      this.isAlive = false;
      this.#heard?.(endingText(ending));
    });
  }

  /** Loads a model; resolves to why that does not work, or to null. */
  async load(runtime: HelperRuntime, model: TrialModel): Promise<string | null> {
    const answer = await this.#ask({ kind: 'load', runtime, model });
    if (typeof answer === 'string') return `its process ended (${answer})`;
    return answer.kind === 'failed' ? answer.message : null;
  }

  /** Runs a request; resolves to null when the process is still there, else to how it ended. */
  async run(target: Target, body: Uint8Array): Promise<string | null> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<'timeout'>((resolve) => {
      timer = setTimeout(resolve, LONGEST_TRIAL_MS, 'timeout' as const);
    });
    const answer = await Promise.race([this.#ask({ kind: 'run', target, body }), late]);
    clearTimeout(timer);
    if (answer === 'timeout') this.end();
    return typeof answer === 'string' ? answer : null;
  }

  end(): void {
    this.#helper.end();
  }

  #ask(message: ToQuarantine): Promise<FromQuarantine | string> {
    return new Promise((resolve) => {
      this.#heard = resolve;
      this.#helper.say(message);
    });
  }
}

function refusal(fingerprint: bigint, model: string, until: number): ServingError {
  const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
  return new ServingError(
    'INVALID_ARGUMENT',
    `This request ended the serving process and then its trial in a process of its own (model "${model}", fingerprint ${fingerprintText(fingerprint)}): refused for another ${seconds} s`,
  );
}

function cannotTry(reason: string): ServingError {
  return new ServingError(
    'UNAVAILABLE',
    `This request ran when the serving process died, and cannot be tried out just now: ${reason}`,
  );
}
