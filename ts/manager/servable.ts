import { ServingError } from '../errors.js';
import type { State, VersionStatus } from '../native/catalog.js';
import type { LoadedModel } from '../native/model.js';
import type { Timer } from './clock.js';
import type { Grant } from './memory.js';
import type { FetchedVersion } from './store/stores.js';

const NEXT: Readonly<Record<State, readonly State[]>> = {
  START: ['LOADING', 'END'],
  LOADING: ['AVAILABLE', 'END'],
  AVAILABLE: ['UNLOADING'],
  UNLOADING: ['END'],
  END: ['START'],
};

/** What lies in a version directory: equal contents have equal keys. */
export interface Content {
  /** The version directory, or the path or URI of what is fetched and unpacked first. */
  readonly path: string;
  /** Sizes and times or tags of its files; changes when the content is replaced. */
  readonly fingerprint: string;
}

/**
 * One version of one model and the state it is in: START → LOADING → AVAILABLE → UNLOADING → END, and from END to START again when
 * it is tried or wanted once more. A failure is END with the error as health.
 */
export class Servable {
  readonly version: bigint;
  /** The source wants it served. */
  aspired = false;
  /** What its directory holds now, or what was there last. */
  content: Content | null = null;
  /** What is in memory. */
  loaded: Content | null = null;
  /** What failed to load; another attempt needs other content or a planned retry. */
  failed: Content | null = null;
  /** Attempts at this content so far. */
  attempts = 0;
  /** The planned retry. */
  retry: Timer | null = null;
  /** What requests find. */
  model: LoadedModel | null = null;
  /** The memory set aside for what is in memory. */
  grant: Grant | null = null;
  /** The local files of what is in memory, where they had to be fetched. */
  fetched: FetchedVersion | null = null;
  /** Ends the fetch under way. */
  fetch: AbortController | null = null;
  /** How far the fetch is, for status answers; empty when there is none. */
  progress = '';
  /** A load or reload waits for a free place or runs. */
  busy = false;
  /** When it ended, on the manager's clock; `null` while it has not. */
  endedAt: number | null = null;

  #state: State = 'START';
  #health: ServingError | null = null;

  constructor(version: bigint) {
    this.version = version;
  }

  get state(): State {
    return this.#state;
  }

  /** Why it ended, or `null` when nothing went wrong. */
  get health(): ServingError | null {
    return this.#health;
  }

  /**
   * Goes to the next state.
   *
   * @throws {ServingError} `INTERNAL` when `state` cannot follow the present one
   */
  enter(state: State, health: ServingError | null = null): void {
    if (!NEXT[this.#state].includes(state)) {
      throw new ServingError(
        'INTERNAL',
        `version ${this.version}: ${state} cannot follow ${this.#state}`,
      );
    }
    this.#state = state;
    this.#health = health;
    if (state !== 'END') this.endedAt = null;
  }

  /** What status answers say. */
  status(): VersionStatus {
    return {
      version: this.version,
      state: this.#state,
      code: this.#health?.number ?? 0,
      message: this.#health?.message ?? (this.#state === 'LOADING' ? this.progress : ''),
    };
  }

  /** Gives up the planned retry. */
  cancelRetry(): void {
    this.retry?.cancel();
    this.retry = null;
  }
}

/** Whether two directories hold the same, as far as sizes and times tell. */
export function sameContent(a: Content | null, b: Content | null): boolean {
  return a?.path === b?.path && a?.fingerprint === b?.fingerprint;
}
