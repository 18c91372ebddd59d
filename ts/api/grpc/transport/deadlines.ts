import { performance } from 'node:perf_hooks';

/** What has a time at which it is over. */
export interface Expiring {
  /** On this thread's `performance.now()` clock. */
  readonly deadlineMs: number;
  expire(): void;
}

/** The longest time a timer of Node's can be set to. */
export const MAX_TIMER_MS = 0x7fff_ffff;

/** Watches over the deadlines of many with one timer: most end long before theirs, so that most cost no timer at all. */
export class Deadlines {
  readonly #waiting = new Set<Expiring>();
  #timer: NodeJS.Timeout | null = null;
  #timerAt = Number.POSITIVE_INFINITY;

  /** Calls `expire` at the deadline, unless `forget` comes first. */
  await(one: Expiring): void {
    this.#waiting.add(one);
    if (one.deadlineMs < this.#timerAt) this.#arm(one.deadlineMs);
  }

  forget(one: Expiring): void {
    this.#waiting.delete(one);
  }

  #arm(at: number): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timerAt = at;
    const delay = Math.max(1, Math.ceil(at - performance.now()));
    this.#timer = setTimeout(this.#look, Math.min(delay, MAX_TIMER_MS)).unref();
  }

  readonly #look = (): void => {
    this.#timer = null;
    this.#timerAt = Number.POSITIVE_INFINITY;
    const now = performance.now();
    let next = Number.POSITIVE_INFINITY;
    for (const one of this.#waiting) {
      if (one.deadlineMs <= now) {
        this.#waiting.delete(one);
        one.expire();
      } else if (one.deadlineMs < next) next = one.deadlineMs;
    }
    if (next < this.#timerAt) this.#arm(next);
  };
}

const UNIT_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** Milliseconds in a `grpc-timeout`; null for what is none. */
export function timeoutMs(text: string): number | null {
  const match = /^(\d{1,8})([HMSmun])$/.exec(text);
  return match === null ? null : Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? 0);
}
