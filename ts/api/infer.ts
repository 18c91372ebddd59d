import { performance } from 'node:perf_hooks';
import { ServingError } from '../errors.js';
import type { Done, InferQueue, Target } from '../native/infer-queue.js';

/** The native queue of one thread, as far as the protocols use it. */
export type Engine = Pick<InferQueue, 'target' | 'infer' | 'cancel' | 'inFlight'>;

/** The ticket of a request that was never queued: there is nothing to cancel. */
const NO_TICKET = 0;

/**
 * The one spine both protocols send inference through: target and raw body in, reply bytes or a `ServingError` out.
 *
 * Owned by one thread. Requests that arrive in one turn of the event loop run back to back after it.
 */
export class Inference {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** An id for what `target` names; kept by the callers per path or RPC. */
  target(target: Target): number {
    return this.#engine.target(target);
  }

  /**
   * Answers one inference request; `done` is called once and never before this returns, unless the request is cancelled.
   *
   * @param body UTF-8 JSON or a serialized request message, handed over as it arrived and not copied
   * @param deadlineMs when to answer `DEADLINE_EXCEEDED`, on this thread's `performance.now()` clock; 0 is never
   * @returns a ticket for {@link cancel}
   */
  run(target: number, body: Buffer, deadlineMs: number, done: Done): number {
    try {
      return this.#engine.infer(target, body, deadlineMs, done);
    } catch (error) {
      // A closed queue or a defect: the client gets an answer in either case.
      const failure =
        error instanceof ServingError
          ? error
          : new ServingError('INTERNAL', 'the request could not be queued', { cause: error });
      setImmediate(done, failure, null, 0);
      return NO_TICKET;
    }
  }

  /** The client has left: the request does not run if it still waits, and `done` is not called. */
  cancel(ticket: number): void {
    if (ticket !== NO_TICKET) this.#engine.cancel(ticket);
  }

  /** Requests that have not been answered. */
  inFlight(): number {
    return this.#engine.inFlight();
  }
}

/** The deadline `timeoutMs` from now, for {@link Inference.run}; 0 (never) for no timeout. */
export function deadlineIn(timeoutMs: number): number {
  return timeoutMs > 0 ? performance.now() + timeoutMs : 0;
}
