import { DeadlineTimer } from '../../../deadline-timer.js';

/** What has a time at which it is over. */
export interface Expiring {
  /** On this thread's `performance.now()` clock. */
  readonly deadlineMs: number;
  expire(): void;
}

/** Watches over the deadlines of many calls. */
export class Deadlines {
  readonly #waiting = new Set<Expiring>();
  readonly #timer = new DeadlineTimer((now) => this.#end(now));

  /** Calls `expire` at the deadline, unless `forget` comes first. */
  await(one: Expiring): void {
    this.#waiting.add(one);
    this.#timer.await(one.deadlineMs);
  }

  forget(one: Expiring): void {
    this.#waiting.delete(one);
  }

  #end(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const one of this.#waiting) {
      if (one.deadlineMs <= now) {
        this.#waiting.delete(one);
        one.expire();
      } else if (one.deadlineMs < next) next = one.deadlineMs;
    }
    return next;
  }
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
