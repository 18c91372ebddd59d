import {
  Flag,
  FRAME_HEAD_BYTES,
  FrameType,
  headersLength,
  writeHead,
  writeHeaders,
} from './frames.js';

/** Called once everything written before is on its way. */
interface Milestone {
  readonly at: number;
  readonly reached: () => void;
}

const EMPTY = Buffer.alloc(0);

/** A header block as frames. */
export function headerFrames(
  block: Buffer,
  one: { stream: number; endsStream: boolean; maxFrame: number },
): Buffer {
  const bytes = Buffer.allocUnsafe(headersLength(block, one.maxFrame));
  writeHeaders(bytes, 0, block, one);
  return bytes;
}

/** The body of an answer, and its trailers, waiting for windows to open. */
export class SendQueue {
  readonly #parts: Buffer[] = [];
  /** Bytes of the first part that are gone. */
  #gone = 0;
  #bytes = 0;
  #sent = 0;
  #milestones: Milestone[] = [];
  #trailers: Buffer | null = null;
  #hasEnd = false;

  get bytes(): number {
    return this.#bytes;
  }

  /** The end was queued. */
  get hasEnd(): boolean {
    return this.#hasEnd;
  }

  add(part: Buffer): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.#bytes += part.length;
  }

  /** Calls `reached` once all that was added is on its way. */
  mark(reached: () => void): void {
    this.#milestones.push({ at: this.#sent + this.#bytes, reached });
  }

  /** Nothing comes after what was added; `trailers` is a header block. */
  end(trailers: Buffer | null): void {
    this.#hasEnd = true;
    this.#trailers = trailers;
  }

  /** Puts one DATA frame of at most `limit` bytes into `out`, and the end with what is the last; whether that was there. */
  take(
    limit: number,
    one: { stream: number; maxFrame: number },
    out: (bytes: Buffer) => void,
  ): boolean {
    const { stream, maxFrame } = one;
    const length = Math.min(this.#bytes, limit, maxFrame);
    const isEnd = this.#hasEnd && length === this.#bytes;
    const trailers = this.#trailers;
    if (length > 0 || trailers === null) {
      out(dataHead(stream, length, isEnd && trailers === null ? Flag.END_STREAM : 0));
      this.#takeBytes(length, out);
    }
    // Trailers need no window.
    if (isEnd && trailers !== null) {
      out(headerFrames(trailers, { stream, endsStream: true, maxFrame }));
    }
    return isEnd;
  }

  /** The milestones that were reached, each given once. */
  reached(): readonly Milestone[] {
    const { length } = this.#milestones;
    if (length === 0) return this.#milestones;
    const done = this.#milestones.filter(({ at }) => at <= this.#sent);
    if (done.length > 0) this.#milestones = this.#milestones.filter(({ at }) => at > this.#sent);
    return done;
  }

  #takeBytes(count: number, out: (bytes: Buffer) => void): void {
    this.#bytes -= count;
    this.#sent += count;
    let missing = count;
    let used = 0;
    while (missing > 0) {
      const part = this.#parts[used] ?? EMPTY;
      const there = part.length - this.#gone;
      if (there > missing) {
        out(part.subarray(this.#gone, this.#gone + missing));
        this.#gone += missing;
        missing = 0;
      } else {
        out(this.#gone === 0 ? part : part.subarray(this.#gone));
        this.#gone = 0;
        missing -= there;
        used += 1;
      }
    }
    this.#parts.splice(0, used);
  }
}

function dataHead(stream: number, length: number, flags: number): Buffer {
  const bytes = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
  writeHead(bytes, 0, { length, type: FrameType.DATA, flags, stream });
  return bytes;
}
