import { isMainThread } from 'node:worker_threads';
import type { NativeLoop } from './binding.js';
import { addon, call, nativeError } from './load.js';

/**
 * What the addon hands over when a job ends: code 0 and a value, or a code and a text. Where {@link Completions.tellStages} was called,
 * `list` has the five numbers of its stages from `at` on.
 */
export type Settle = (
  code: number,
  value: unknown,
  version: number | bigint,
  list: readonly unknown[],
  at: number,
) => void;

/** Entries of one drained job in the addon's flat list: ticket, code, version, value. */
const STRIDE = 4;
/** The same with the five numbers of its stages. */
const TIMED_STRIDE = 9;
/** Pause before finished jobs are asked for again after the addon failed to hand them over. */
const RETRY_MS = 20;

/**
 * The jobs of this thread that run elsewhere.
 *
 * The addon keeps finished jobs in an outbox and wakes this thread once per batch; draining it here means that nothing
 * native ever holds a JavaScript value, so a thread may end at any moment.
 */
export class Completions {
  readonly loop: NativeLoop;
  readonly #pending = new Map<number, Settle>();
  /** Memory that running jobs read; released only when the addon says that nothing reads it any more. */
  readonly #pinned = new Map<number, unknown>();
  #next = 1;
  #stride = STRIDE;
  /** Keeps the event loop alive while jobs are open: the wake-up function alone does not. */
  readonly #alive = setInterval(() => undefined, 0x7fffffff).unref();

  constructor() {
    const NativeLoopClass = addon().NativeLoop;
    this.loop = call(() => new NativeLoopClass(() => this.#drain()));
    // In a worker the addon's clean-up hook does this; the main thread has none when `process.exit` is called.
    if (isMainThread) process.once('exit', (code) => addon().leaving(code));
  }

  /** A fresh ticket for a job that may end at once; {@link expect} says what to do when it does not. */
  reserve(): number {
    const ticket = this.#next;
    this.#next = ticket === 0x7fffffff ? 1 : ticket + 1;
    return ticket;
  }

  /** From now on the ends of requests come with their stages. */
  tellStages(): void {
    this.loop.setTimed();
    this.#stride = TIMED_STRIDE;
  }

  /** Calls `settle` once when the job of `ticket` ends. Keeps the event loop alive until then. */
  expect(ticket: number, settle: Settle): void {
    if (this.#pending.size === 0) this.#alive.ref();
    this.#pending.set(ticket, settle);
  }

  /** Forgets a ticket: its end is dropped. True if it was still open. */
  forget(ticket: number): boolean {
    if (!this.#pending.delete(ticket)) return false;
    if (this.#pending.size === 0) this.#alive.unref();
    return true;
  }

  /** Keeps `memory` alive until the addon reports that the job no longer reads it. */
  pin(ticket: number, memory: unknown): void {
    this.#pinned.set(ticket, memory);
  }

  /** Starts a job and waits for its end. A throw of `start` rejects at once. */
  promise(start: (loop: NativeLoop, ticket: number) => void): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const ticket = this.reserve();
      this.expect(ticket, (code, value) => {
        if (code === 0) resolve(value);
        else reject(nativeError(code, String(value)));
      });
      try {
        call(() => start(this.loop, ticket));
      } catch (error) {
        this.forget(ticket);
        throw error;
      }
    });
  }

  #drain(): void {
    let list: unknown[];
    try {
      list = this.loop.drain() as unknown[];
    } catch (error) {
      // What waits there is fetched a moment later.
      warn(error);
      setTimeout(() => this.#drain(), RETRY_MS);
      return;
    }
    for (let i = 0; i < list.length; i += this.#stride) {
      const ticket = list[i] as number;
      const code = list[i + 1] as number;
      if (code < 0) {
        this.#pinned.delete(ticket);
        continue;
      }
      const settle = this.#pending.get(ticket);
      if (settle === undefined) continue;
      this.forget(ticket);
      try {
        settle(code, list[i + 3], list[i + 2] as number | bigint, list, i + STRIDE);
      } catch (error) {
        // The other jobs of the batch must get their answers all the same.
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}

/** Makes a call into the addon whose failure is a defect that nobody waits for: it must not end the process. */
export function attempt(work: () => void): void {
  try {
    work();
  } catch (error) {
    warn(error);
  }
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error));
}

let current: Completions | null = null;

/** The completions of this thread. */
export function completions(): Completions {
  current ??= new Completions();
  return current;
}
