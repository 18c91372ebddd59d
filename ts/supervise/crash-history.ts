/** When crashes count and how long a restart waits after them. */
export interface CrashLimits {
  /** So many within the window are too many; 0 is no limit. */
  readonly maxCrashes: number;
  readonly windowMs: number;
}

/** The pause before the second restart within the window; each further one is twice as long. */
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 30_000;

/** The crashes of the last while. */
export class CrashHistory {
  readonly #limits: CrashLimits;
  #times: number[] = [];

  constructor(limits: CrashLimits) {
    this.#limits = limits;
  }

  /**
   * Counts a crash.
   *
   * @param now on any clock, in milliseconds
   * @returns the pause before the restart: none after the first crash, doubling after that; `null` when it is to be given up
   */
  add(now: number): number | null {
    const { maxCrashes, windowMs } = this.#limits;
    this.#times = [...this.#times.filter((time) => now - time < windowMs), now];
    const crashes = this.#times.length;
    if (maxCrashes > 0 && crashes >= maxCrashes) return null;
    return crashes === 1 ? 0 : Math.min(FIRST_PAUSE_MS * 2 ** (crashes - 2), LONGEST_PAUSE_MS);
  }

  /** Crashes within the window at the last one. */
  get count(): number {
    return this.#times.length;
  }
}
