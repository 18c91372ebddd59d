import type { NativeQueue } from './binding.js';
import { attempt } from './completions.js';
import { addon, call } from './load.js';

/** The native queue as far as a large body needs it. */
export type BodyStore = Pick<NativeQueue, 'openBody' | 'writeBody' | 'readBody' | 'closeBody'>;

/** Smaller parts are left to the garbage collector. */
const FREED_BYTES = 4096;

/** Frees the memory of an ArrayBuffer at once; all that stands on it is empty afterwards. */
export function freeArrayBuffer(buffer: ArrayBufferLike): void {
  attempt(() => addon().freeArrayBuffer(buffer as ArrayBuffer));
}

/**
 * A request's body that comes in parts and lies in native memory.
 *
 * As a `Buffer` of JavaScript's it would cost part of a whole garbage collection, which V8 starts every 64 MiB of them, and its
 * memory would stay taken until the next one; so would the parts, if their memory were not freed as they are written. Closing this frees it at once, or when the last run that reads it ends.
 */
export class LargeBody {
  /** The store's number. */
  readonly id: number;
  readonly #store: BodyStore;
  #closed = false;
  #bytes = 0;

  /** @throws {ServingError} `RESOURCE_EXHAUSTED` there is no memory for it */
  constructor(store: BodyStore, expectedBytes: number) {
    this.#store = store;
    this.id = call(() => store.openBody(expectedBytes));
  }

  /**
   * Appends a part, which is copied. One that has an ArrayBuffer of its own is empty afterwards: its memory is free again.
   *
   * @throws {ServingError} `RESOURCE_EXHAUSTED` there is no memory for it
   */
  write(part: Buffer): void {
    if (this.#closed) return;
    const { length } = part;
    call(() => this.#store.writeBody(this.id, part));
    this.#bytes += length;
    if (length >= FREED_BYTES && length === part.buffer.byteLength) freeArrayBuffer(part.buffer);
  }

  /** How long it has become. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A copy of all parts; none can be added from now on. */
  read(): Buffer {
    return this.#store.readBody(this.id);
  }

  /** Lets it go. Safe to call twice. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    attempt(() => this.#store.closeBody(this.id));
  }
}
