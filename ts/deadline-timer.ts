import { performance } from 'node:perf_hooks';

/** The longest time a timer of Node's can be set to. */
export const MAX_TIMER_MS = 0x7fff_ffff;

/** One timer for the deadlines of many, on this thread's `performance.now()` clock: most end long before theirs, so that most cost none. */
export class DeadlineTimer {
  readonly #expire: (now: number) => number;
  #timer: NodeJS.Timeout | null = null;
  #at = Number.POSITIVE_INFINITY;

  /** @param expire ends what is due at `now`; returns the next deadline, `Infinity` for none */
  constructor(expire: (now: number) => number) {
    this.#expire = expire;
  }

  /** Fires at `deadlineMs` at the latest. */
  await(deadlineMs: number): void {
    if (deadlineMs >= this.#at) return;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#at = deadlineMs;
    const delay = Math.max(1, Math.ceil(deadlineMs - performance.now()));
    this.#timer = setTimeout(this.#fire, Math.min(delay, MAX_TIMER_MS)).unref();
  }

  readonly #fire = (): void => {
    this.#timer = null;
    this.#at = Number.POSITIVE_INFINITY;
    this.await(this.#expire(performance.now()));
  };
}
