import { performance } from 'node:perf_hooks';
import { DeadlineTimer } from '../deadline-timer.js';
import { Code, ServingError } from '../errors.js';
import { type Answer, settle, toStages } from './answer.js';
import type { NativeQueue } from './binding.js';
import { attempt, type Completions, completions } from './completions.js';
import { LargeBody } from './large-body.js';
import { addon, call, nativeError } from './load.js';
import type { Done, Target } from './target.js';

export type * from './target.js';

/** Settings of one queue. All have defaults. */
export interface InferQueueOptions {
  /** Larger bodies always go to the pool. Default 65536, which is also the most. */
  maxInlineBodyBytes?: number;
  /** Time that inline runs may take of one event-loop turn, in microseconds. Default 2000; 0 sends everything to the pool. */
  turnBudgetUs?: number;
  /** gRPC answers carry `tensor_content` instead of typed fields (`--enable_serialization_as_tensor_content`). */
  asTensorContent?: boolean;
  /** Refuse signatures whose method name is another method's (`--enable_signature_method_name_check`). */
  checkMethodName?: boolean;
  /** Deepest nesting of JSON values that are used. Default 256. */
  maxJsonDepth?: number;
  /** Most elements of a tensor in a request. Default 2^28. */
  maxTensorElements?: number;
  /** Tell `done` how long the parts of each request took. Default false. */
  stages?: boolean;
  /** Whoever asks has models loaded that are not there yet, and counts with `refuse` what fails for it. Default false. */
  onDemand?: boolean;
}

/** What the addon's `infer` returns when it is not a reply's length. */
const QUEUED = -1;
const REPLY_IN_HAND = -2;
const FAILED = -3;
const LATER = -100;
const BATCHED = -101;

/**
 * So many requests do not wait for the end of the event loop's turn. With a thousand connections a turn brings as many requests,
 * and all that JavaScript makes for each would live long enough to be moved by the garbage collector.
 */
const BATCH = 32;

/** Requests of this thread with the pool from which on it may be full. */
const MANY_POOLED = 16;

const ARENA_BYTES = 128 * 1024;
/** Replies up to this size are written into the arena; larger ones come as a buffer of their own. */
const ARENA_MIN_FREE = 16 * 1024;
const MAX_INLINE_BODY_BYTES = 64 * 1024;
/** The text TensorFlow Serving answers with when a run outlives its deadline. */
const TIMED_OUT = 'Timed out waiting for notification';
/** And with this one, when the deadline comes before the run. */
const TIMED_OUT_IN_QUEUE = 'Run() timeout exceeded while waiting in batching queue';

interface Waiting {
  readonly ticket: number;
  readonly target: number;
  readonly body: Buffer | LargeBody;
  readonly deadlineMs: number;
  readonly arrivedMs: number;
  readonly done: Done;
}

/** A request that is with the pool. */
interface Pooled {
  readonly target: number;
  readonly deadlineMs: number;
  readonly done: Done;
  readonly job: number;
}

/** Places in the array that is shared with the addon. */
const VERSION = 0;
const QUEUED_US = 1;
const FIRST_STAGE = 2;
const SLOTS = 7;

/**
 * The inference requests of one thread.
 *
 * Requests of one event-loop turn are collected and run back to back; tiny models run on this thread within a budget, the
 * rest goes to the engine's pool. `done` is called once, never from within `infer`.
 */
export class InferQueue {
  readonly #native: NativeQueue;
  readonly #completions: Completions;
  readonly #waiting: Waiting[] = [];
  readonly #pooled = new Map<number, Pooled>();
  readonly #targets = new Map<string, number>();
  /** Targets whose last request went to the pool. */
  readonly #pooledTargets = new Set<number>();
  readonly #state = new Float64Array(SLOTS);
  readonly #tellsStages: boolean;
  #arena: Buffer;
  #arenaUsed = 0;
  #nextTicket = 1;
  #scheduled = false;
  /** A request of this turn waits in a batching queue, and no thread was woken for it yet. */
  #batched = false;
  readonly #deadlines = new DeadlineTimer((now) => this.#expire(now));
  #idle: (() => void)[] = [];
  #closed = false;

  constructor(options: InferQueueOptions = {}) {
    this.#completions = completions();
    this.#tellsStages = options.stages ?? false;
    if (this.#tellsStages) this.#completions.tellStages();
    const Queue = addon().NativeQueue;
    this.#native = call(
      () =>
        new Queue(this.#completions.loop, {
          maxInlineBodyBytes: Math.min(
            options.maxInlineBodyBytes ?? MAX_INLINE_BODY_BYTES,
            MAX_INLINE_BODY_BYTES,
          ),
          turnBudgetUs: options.turnBudgetUs ?? 2000,
          asTensorContent: options.asTensorContent ?? false,
          checkMethodName: options.checkMethodName ?? false,
          maxJsonDepth: options.maxJsonDepth ?? 256,
          maxTensorElements: options.maxTensorElements ?? 2 ** 28,
          onDemand: options.onDemand ?? false,
        }),
    );
    this.#native.setState(this.#state);
    this.#arena = this.#newArena();
  }

  /**
   * A small number for a target, to be kept by the caller per path.
   *
   * The same target gives the same number. At most 65536 targets are kept; past that the oldest half is forgotten and
   * their numbers answer `NOT_FOUND`, so ask again for the number rather than keep more than a few thousand.
   */
  target(target: Target): number {
    const { nonFinite = 'token', body = 'json', signatureName = '', npyReply = false } = target;
    const key = `${target.method}\n${target.version ?? ''}\n${target.label ?? ''}\n${target.label === null}\n${nonFinite}\n${body}\n${npyReply}\n${signatureName}\n${target.name}`;
    const known = this.#targets.get(key);
    if (known !== undefined) return known;
    if (this.#targets.size >= 65536) {
      for (const [old, id] of [...this.#targets].slice(0, 32768)) {
        this.#targets.delete(old);
        this.#native.dropTarget(id);
      }
    }
    const { method, name, version, label } = target;
    const id = call(() =>
      this.#native.addTarget({
        method,
        name,
        version,
        label,
        nonFinite,
        body,
        signatureName,
        npyReply,
      }),
    );
    this.#targets.set(key, id);
    return id;
  }

  /**
   * Queues one request; returns its ticket.
   *
   * The body must not change until `done`; a large one is the caller's to close, not before then. `deadlineMs` is on this thread's `performance.now()` clock, 0 for none: at the
   * deadline the request is answered `DEADLINE_EXCEEDED` although its run goes on.
   */
  infer(target: number, body: Buffer | LargeBody, deadlineMs: number, done: Done): number {
    const ticket = this.#nextTicket;
    this.#nextTicket = ticket + 1;
    this.#waiting.push({ ticket, target, body, deadlineMs, arrivedMs: performance.now(), done });
    if (this.#waiting.length === BATCH) queueMicrotask(this.#run);
    else this.#schedule();
    return ticket;
  }

  /**
   * Begins a body that comes in parts and is kept out of JavaScript's memory.
   *
   * @param expectedBytes what it will be about
   * @throws {ServingError} `RESOURCE_EXHAUSTED` there is no memory for it
   */
  openBody(expectedBytes: number): LargeBody {
    return new LargeBody(this.#native, expectedBytes);
  }

  /** Counts a request that was answered without being run. */
  refuse(target: number, failure: ServingError): void {
    this.#native.refuse(target, failure.number);
  }

  /** The client has left: `done` is not called, and the request is not run unless it already runs. */
  cancel(ticket: number): void {
    const at = this.#waiting.findIndex((request) => request.ticket === ticket);
    if (at >= 0) {
      const [waiting] = this.#waiting.splice(at, 1);
      if (waiting !== undefined) this.#native.refuse(waiting.target, Code.CANCELLED);
    } else {
      const pooled = this.#pooled.get(ticket);
      if (pooled === undefined) return;
      const { CANCELLED } = Code;
      attempt(() => this.#native.cancel(pooled.job, pooled.target, CANCELLED, CANCELLED));
      this.#pooled.delete(ticket);
      this.#completions.forget(pooled.job);
    }
    this.#settleIdle();
  }

  /** Whether too many of the target's model wait for the pool; only asks where many of this thread do and the target's last request went there. */
  isOverloaded(target: number): boolean {
    if (this.#pooled.size < MANY_POOLED || !this.#pooledTargets.has(target)) return false;
    return this.#native.isFull(target);
  }

  /** Requests that are not answered yet. */
  inFlight(): number {
    return this.#waiting.length + this.#pooled.size;
  }

  /** Refuses new requests; resolves when all are answered and none of this thread's runs reads a body any more. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.inFlight() > 0) {
      await new Promise<void>((resolve) => {
        this.#idle.push(resolve);
      });
    }
    await this.#completions.promise((loop, ticket) => loop.whenIdle(ticket));
  }

  readonly #turn = (): void => {
    this.#scheduled = false;
    this.#run();
  };

  readonly #run = (): void => {
    if (this.#waiting.length === 0) return;
    const requests = this.#waiting.splice(0);
    attempt(() => this.#native.beginTurn());
    this.#batched = false;
    const answered: Done[] = [];
    const answers: Answer[] = [];
    let at = 0;
    for (const request of requests) {
      const answer = this.#start(request);
      if (answer === LATER) {
        this.#postpone(requests.slice(at));
        break;
      }
      at += 1;
      if (answer === null) continue;
      answered.push(request.done);
      answers.push(answer);
    }
    if (this.#batched) attempt(() => this.#native.flush());
    at = 0;
    for (const done of answered) settle(done, answers[at++] as Answer);
    this.#settleIdle();
  };

  /** The turn's budget is used up: the rest comes first in the next one, after the sockets have had theirs. */
  #postpone(requests: readonly Waiting[]): void {
    this.#waiting.unshift(...requests);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#turn);
  }

  /** Runs or queues one request; `null` when the pool has it. */
  #start(request: Waiting): Answer | typeof LATER | null {
    const { target, body, deadlineMs, arrivedMs } = request;
    if (this.#closed) {
      return this.#refusal(target, new ServingError('UNAVAILABLE', 'The server is shutting down'));
    }
    const now = performance.now();
    const remainingMs = deadlineMs > 0 ? deadlineMs - now : 0;
    if (deadlineMs > 0 && remainingMs <= 0) {
      return this.#refusal(target, new ServingError('DEADLINE_EXCEEDED', TIMED_OUT));
    }
    this.#state[QUEUED_US] = (now - arrivedMs) * 1000;
    const job = this.#completions.reserve();
    let outcome: number;
    try {
      outcome =
        body instanceof LargeBody
          ? this.#native.inferBody(target, job, body.id, remainingMs)
          : this.#native.infer(target, job, body, remainingMs);
    } catch (error) {
      const failure = new ServingError('INTERNAL', (error as Error).message, { cause: error });
      return [failure, null, 0, null];
    }
    if (outcome === QUEUED || outcome === BATCHED) {
      if (outcome === BATCHED) this.#batched = true;
      this.#await(request, job, outcome === QUEUED);
      return null;
    }
    if (outcome === LATER) return LATER;
    const stages = this.#tellsStages ? toStages(this.#state, FIRST_STAGE, arrivedMs) : null;
    if (outcome >= 0) {
      if (this.#pooledTargets.size > 0) this.#pooledTargets.delete(target);
      const start = this.#arenaUsed;
      this.#arenaUsed = start + outcome;
      const reply = this.#arena.subarray(start, this.#arenaUsed);
      if (this.#arena.length - this.#arenaUsed < ARENA_MIN_FREE) this.#arena = this.#newArena();
      return [null, reply, this.#version(), stages];
    }
    if (outcome === REPLY_IN_HAND) {
      return [null, this.#native.takeReply(), this.#version(), stages];
    }
    const failure = nativeError(FAILED - outcome, this.#native.takeError());
    return [failure, null, this.#version(), stages];
  }

  #refusal(target: number, failure: ServingError): Answer {
    this.refuse(target, failure);
    return [failure, null, 0, null];
  }

  /** @param pooled the pool has the body; a batching queue has only what was read from it */
  #await(request: Waiting, job: number, pooled: boolean): void {
    const { ticket, target, deadlineMs, arrivedMs, done } = request;
    if (pooled) this.#pooledTargets.add(target);
    this.#pooled.set(ticket, { target, deadlineMs, done, job });
    // The body is kept until the addon says that nothing reads it: small ones were copied and are not pinned.
    const { body } = request;
    if (pooled && !(body instanceof LargeBody) && body.length >= MAX_INLINE_BODY_BYTES) {
      this.#completions.pin(job, body);
    }
    this.#completions.expect(job, (code, value, version, list, at) => {
      if (!this.#pooled.delete(ticket)) return;
      const stages = this.#tellsStages ? toStages(list as number[], at, arrivedMs) : null;
      if (code === 0) settle(done, [null, value as Buffer, version, stages]);
      else settle(done, [nativeError(code, String(value)), null, version, stages]);
      this.#settleIdle();
    });
    if (deadlineMs > 0) this.#deadlines.await(deadlineMs);
  }

  /** Answers what is due; returns the next deadline. */
  #expire(now: number): number {
    let next = Number.POSITIVE_INFINITY;
    for (const [ticket, { target, deadlineMs, done, job }] of this.#pooled) {
      if (deadlineMs <= 0) continue;
      if (deadlineMs > now) {
        next = Math.min(next, deadlineMs);
        continue;
      }
      const { DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED } = Code;
      let waited = false;
      attempt(() => {
        waited = this.#native.cancel(job, target, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED);
      });
      this.#pooled.delete(ticket);
      this.#completions.forget(job);
      const failure = waited
        ? new ServingError('RESOURCE_EXHAUSTED', TIMED_OUT_IN_QUEUE)
        : new ServingError('DEADLINE_EXCEEDED', TIMED_OUT);
      settle(done, [failure, null, 0, null]);
    }
    this.#settleIdle();
    return next;
  }

  #version(): number | bigint {
    const version = this.#state[VERSION] ?? 0;
    return Number.isSafeInteger(version) ? version : this.#native.takeVersion();
  }

  #newArena(): Buffer {
    const arena = Buffer.allocUnsafeSlow(ARENA_BYTES);
    this.#native.setArena(arena);
    this.#arenaUsed = 0;
    return arena;
  }

  #settleIdle(): void {
    if (this.#idle.length === 0 || this.inFlight() > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
