import type { Clock, Timer } from './clock.js';

/** How often the counters are looked at: finer than that, two models were last used at the same time. */
const LOOK_MS = 1000;

/** Requests each model has had since the process began. */
export type RequestCounts = () => ReadonlyMap<string, number>;

/**
 * When each model was last used, to a second.
 *
 * Requests are counted by the threads that answer them; here only the counts are compared, so that a request costs nothing more.
 */
export class LastUse {
  readonly #clock: Clock;
  readonly #counts: RequestCounts;
  readonly #seen = new Map<string, { count: number; at: number }>();
  #timer: Timer | null = null;

  constructor(clock: Clock, counts: RequestCounts) {
    this.#clock = clock;
    this.#counts = counts;
  }

  /** Looks from now on until `stop`. */
  start(): void {
    this.look();
    this.#timer = this.#clock.after(LOOK_MS, () => this.start());
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = null;
  }

  /** Compares the counts with those of the last look. */
  look(): void {
    const at = this.#clock.now();
    for (const [name, count] of this.#counts()) {
      if (this.#seen.get(name)?.count !== count) this.#seen.set(name, { count, at });
    }
  }

  /** The model was asked for now. */
  touch(name: string): void {
    const count = this.#seen.get(name)?.count ?? 0;
    this.#seen.set(name, { count, at: this.#clock.now() });
  }

  /** Milliseconds on the clock; before everything for a model that was never used. */
  of(name: string): number {
    return this.#seen.get(name)?.at ?? Number.NEGATIVE_INFINITY;
  }
}
