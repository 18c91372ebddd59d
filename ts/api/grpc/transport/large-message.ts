import { toServingError } from '../../../errors.js';
import type { LargeBody } from '../../../native/large-body.js';
import { headOfMessage } from './messages.js';
import { CallError } from './status.js';

/** Begins a message of this many bytes outside of JavaScript's memory. */
export type OpenBody = (bytes: number) => LargeBody;

/** Messages from this size on are put together in native memory, where their method can take them from there. */
const LARGE_BYTES = 64 * 1024;

/**
 * One large message on its way into native memory.
 *
 * Kept as Buffers until it is whole, 600 kB cost V8 a collection of the whole heap every 25 messages.
 */
export class LargeMessage {
  readonly body: LargeBody;
  #missing: number;

  private constructor(body: LargeBody, bytes: number) {
    this.body = body;
    this.#missing = bytes;
  }

  /**
   * The message that begins with this chunk, if it is a large one; else null.
   *
   * @throws {CallError} `RESOURCE_EXHAUSTED` there is no memory for it
   */
  static begin(chunk: Buffer, limit: number, open: OpenBody): LargeMessage | null {
    const head = headOfMessage(chunk);
    if (head === null || head.isCompressed || head.bytes < LARGE_BYTES || head.bytes > limit) {
      return null;
    }
    return new LargeMessage(
      inMemory(() => open(head.bytes)),
      head.bytes,
    );
  }

  /** Whether all of it is there. */
  get isWhole(): boolean {
    return this.#missing === 0;
  }

  /**
   * Takes what is its own of the stream's bytes; returns what comes after it, null for nothing.
   *
   * @throws {CallError} `RESOURCE_EXHAUSTED` there is no memory for it
   */
  take(bytes: Buffer): Buffer | null {
    const missing = this.#missing;
    if (bytes.length <= missing) {
      this.#missing = missing - bytes.length;
      this.#write(bytes);
      return null;
    }
    if (missing > 0) {
      this.#missing = 0;
      this.#write(bytes.subarray(0, missing));
    }
    return bytes.subarray(missing);
  }

  #write(part: Buffer): void {
    inMemory(() => this.body.write(part));
  }
}

function inMemory<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    const { code, message } = toServingError(error);
    throw new CallError(code, message);
  }
}
