import { freeArrayBuffer } from '../../../native/large-body.js';

/** Of the frame that a DATA chunk begins. */
const FRAME_HEAD_BYTES = 9;
/** Smaller ones are left to the garbage collector. */
const WORTH_FREEING = 16 * 1024;

/**
 * Frees what Node has read from a socket as soon as all that it holds are DATA chunks that were copied.
 *
 * Node hands DATA frames on as slices of the 64 KiB that it read, and V8 collects the whole heap for every 64 MiB of those. The read is
 * ours alone if our slices cover it but for their own frame heads: the 9 bytes in front of a chunk can only be its head, and a frame of
 * anybody else takes more than those.
 */
export class SpentReads {
  #read: ArrayBufferLike | null = null;
  #covered = 0;

  /** A chunk, in the order they came, that nobody looks at any more. */
  add({ buffer, byteOffset, length }: Buffer): void {
    // Copied and freed with its chunk already.
    if (length === 0) return;
    if (buffer !== this.#read) {
      this.#read = buffer;
      this.#covered = 0;
    }
    // After a gap `#covered` stays behind for the rest of this read.
    if (byteOffset < this.#covered || byteOffset - this.#covered > FRAME_HEAD_BYTES) return;
    this.#covered = byteOffset + length;
    if (this.#covered === buffer.byteLength && this.#covered >= WORTH_FREEING) {
      this.#read = null;
      freeArrayBuffer(buffer);
    }
  }
}
