import { performance } from 'node:perf_hooks';
import { ServingError, toServingError } from '../errors.js';
import type { Done, InferQueue, Target } from '../native/infer-queue.js';
import type { LargeBody } from '../native/large-body.js';
import { Admission } from '../security/admission.js';

/** The native queue of one thread, as far as the protocols use it. */
export type Engine = Pick<
  InferQueue,
  'target' | 'openBody' | 'infer' | 'refuse' | 'cancel' | 'inFlight' | 'isOverloaded'
>;

/** A request's bytes. */
export type RequestBody = Buffer | LargeBody;

/** The bytes themselves; of a large body a copy, to which nothing is added from now on. */
export function bytesOf(body: RequestBody): Buffer {
  return Buffer.isBuffer(body) ? body : body.read();
}

/** Sees answered requests, for the request log: `done` itself for those it leaves. */
export interface Recorder {
  wrap(target: Target, body: RequestBody, done: Done): Done;
}

/** So many targets are remembered for the recorder; past that the oldest half is forgotten, and not recorded. */
const MAX_TARGETS = 65_536;

/** The ticket of a request that was never queued: there is nothing to cancel. */
const NO_TICKET = 0;

/** Has a model loaded that waits for its first request; resolves once it answers, rejects with why it does not. */
export type DemandModel = (name: string) => Promise<void>;

/** A request that ran when an earlier process died; the engine knows it by its fingerprint. */
export interface Suspect {
  readonly fingerprint: bigint;
  readonly target: Target;
  readonly body: Uint8Array;
}

/** Has a suspect tried out elsewhere; resolves once it has shown to be harmless, rejects with why it is refused. */
export type JudgeSuspect = (suspect: Suspect) => Promise<void>;

/** A request whose model is being loaded for it. */
interface Waiting {
  /** Of the run under way; `NO_TICKET` while the model loads. */
  ticket: number;
  cancelled: boolean;
}

/** The engine's answer for a version that is known but not in memory, with the model's name. */
const NOT_LOADED =
  /^Servable is still loading for request: (?:Latest\((.*)\)|Specific\((.*), -?\d+\))$/s;

/** What the engine says of a suspect in place of running it. */
const SUSPECT = /^servable suspect ([0-9a-f]{16})$/;

/**
 * The one spine both protocols send inference through: target and raw body in, reply bytes or a `ServingError` out.
 *
 * Owned by one thread. Requests that arrive in one turn of the event loop run back to back after it.
 */
export class Inference {
  readonly admission: Admission;
  readonly #engine: Engine;
  readonly #demand: DemandModel | null;
  readonly #judge: JudgeSuspect | null;
  /** By the ticket their caller knows. */
  readonly #waiting = new Map<number, Waiting>();
  /** What targets stand for. */
  readonly #targets = new Map<number, Target>();
  #recorder: Recorder | null = null;

  /**
   * @param demand where models are loaded on demand; else null, and requests for a model that is not loaded fail at once
   * @param judge where an earlier process died of one of its requests; else null
   * @param admission counts the requests of this thread; callers count theirs in before they read a body, and out when it is answered
   */
  constructor(
    engine: Engine,
    demand: DemandModel | null = null,
    judge: JudgeSuspect | null = null,
    admission: Admission = new Admission({ total: 0, perModel: 0 }),
  ) {
    this.#engine = engine;
    this.#demand = demand;
    this.#judge = judge;
    this.admission = admission;
  }

  /** An id for what `target` names; kept by the callers per path or RPC. */
  target(target: Target): number {
    const id = this.#engine.target(target);
    if (this.#targets.size >= MAX_TARGETS) {
      for (const old of [...this.#targets.keys()].slice(0, MAX_TARGETS / 2))
        this.#targets.delete(old);
    }
    this.#targets.set(id, target);
    return id;
  }

  /** Begins a body that comes in parts, as `InferQueue.openBody`. Whoever opened it closes it once `done` was called. */
  openBody(expectedBytes: number): LargeBody {
    return this.#engine.openBody(expectedBytes);
  }

  /**
   * Answers one inference request; `done` is called once and never before this returns, unless the request is cancelled.
   *
   * @param body UTF-8 JSON or a serialized request message, handed over as it arrived and not copied
   * @param deadlineMs when to answer `DEADLINE_EXCEEDED`, on this thread's `performance.now()` clock; 0 is never
   * @returns a ticket for {@link cancel}
   */
  run(target: number, body: RequestBody, deadlineMs: number, done: Done): number {
    if (this.#recorder !== null)
      return this.#recorded(this.#recorder, target, body, deadlineMs, done);
    return this.#start(target, body, deadlineMs, done);
  }

  /** Has answered requests recorded from now on; null: no more. */
  record(recorder: Recorder | null): void {
    this.#recorder = recorder;
  }

  #recorded(
    recorder: Recorder,
    target: number,
    body: RequestBody,
    deadlineMs: number,
    done: Done,
  ): number {
    const known = this.#targets.get(target);
    const wrapped = known === undefined ? done : recorder.wrap(known, body, done);
    return this.#start(target, body, deadlineMs, wrapped);
  }

  #start(target: number, body: RequestBody, deadlineMs: number, done: Done): number {
    if (this.#demand !== null || this.#judge !== null) {
      return this.#runAfter(target, body, deadlineMs, done);
    }
    return this.#run(target, body, deadlineMs, done);
  }

  /**
   * Reads something of a model, after loading it where that waits for its first request.
   *
   * @param deadlineMs as in {@link run}; the first failure is thrown then
   * @throws what `read` throws, or why the model does not load
   */
  async read<T>(read: () => T, deadlineMs: number): Promise<T> {
    for (;;) {
      try {
        return read();
      } catch (error) {
        const demand = this.#demand;
        const name = demand === null ? null : notLoaded(error);
        if (demand === null || name === null) throw error;
        if (!(await before(deadlineMs, demand(name)))) throw error;
      }
    }
  }

  #run(target: number, body: RequestBody, deadlineMs: number, done: Done): number {
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
    const waiting = this.#waiting.get(ticket);
    if (waiting !== undefined) waiting.cancelled = true;
    this.#waiting.delete(ticket);
    const running = waiting?.ticket ?? ticket;
    if (running !== NO_TICKET) this.#engine.cancel(running);
  }

  /** Whether a request for `target` would be refused, as far as is known before its body is read. */
  isOverloaded(target: number): boolean {
    return this.#engine.isOverloaded(target);
  }

  /** Requests that have not been answered. */
  inFlight(): number {
    let loading = 0;
    for (const { ticket } of this.#waiting.values()) if (ticket === NO_TICKET) loading += 1;
    return this.#engine.inFlight() + loading;
  }

  /** Runs a request, and once more each time its model had to be loaded or it had to be tried out first. */
  #runAfter(target: number, body: RequestBody, deadlineMs: number, done: Done): number {
    const waiting: Waiting = { ticket: NO_TICKET, cancelled: false };
    let first = NO_TICKET;
    const answer: Done = (failure, reply, version, stages) => {
      const preparation = failure === null ? null : this.#whatFirst(failure, target, body);
      if (preparation === null) {
        this.#waiting.delete(first);
        done(failure, reply, version, stages);
        return;
      }
      waiting.ticket = NO_TICKET;
      before(deadlineMs, preparation()).then(
        (isLoaded) => {
          if (waiting.cancelled) return;
          if (isLoaded) waiting.ticket = this.#run(target, body, deadlineMs, answer);
          else finish(failure);
        },
        (error: unknown) => finish(toServingError(error)),
      );
    };
    const finish = (failure: ServingError | null): void => {
      this.#waiting.delete(first);
      if (failure !== null) this.#engine.refuse(target, failure);
      if (!waiting.cancelled) done(failure, null, 0);
    };
    first = this.#run(target, body, deadlineMs, answer);
    waiting.ticket = first;
    if (first !== NO_TICKET) this.#waiting.set(first, waiting);
    return first;
  }

  /** What has to be done before a request that failed like this is run once more; null when it has failed for good. */
  #whatFirst(failure: ServingError, id: number, body: RequestBody): (() => Promise<void>) | null {
    const demand = this.#demand;
    const name = demand === null ? null : notLoaded(failure);
    if (demand !== null && name !== null) return () => demand(name);
    const judge = this.#judge;
    const match = judge !== null && failure.code === 'ABORTED' && SUSPECT.exec(failure.message);
    const target = this.#targets.get(id);
    if (judge === null || !match || target === undefined) return null;
    const bytes = bytesOf(body);
    return () => judge({ fingerprint: BigInt(`0x${match[1]}`), target, body: bytes });
  }
}

/** Whether `work` is done before the deadline. */
async function before(deadlineMs: number, work: Promise<void>): Promise<boolean> {
  const done = work.then(() => true);
  if (deadlineMs === 0) return done;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(resolve, Math.max(deadlineMs - performance.now(), 0), false);
  });
  try {
    return await Promise.race([done, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The name of the model that a failure says is not loaded yet, or null for any other failure. */
function notLoaded(failure: unknown): string | null {
  if (!(failure instanceof ServingError) || failure.code !== 'UNAVAILABLE') return null;
  const match = NOT_LOADED.exec(failure.message);
  return match === null ? null : (match[1] ?? match[2] ?? null);
}

/** The deadline `timeoutMs` from now, for {@link Inference.run}; 0 (never) for no timeout. */
export function deadlineIn(timeoutMs: number): number {
  return timeoutMs > 0 ? performance.now() + timeoutMs : 0;
}
