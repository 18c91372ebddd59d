import { Flag, Http2Error, MAX_31_BITS } from './frames.js';

/** So many bytes may a header block have as it is sent, and so many frames beside the first. */
const MAX_BLOCK_BYTES = 65_536;
const MAX_CONTINUATIONS = 16;

/** Puts the header blocks of a connection together: HEADERS, and any CONTINUATION after it. */
export class HeaderBlocks {
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #stream = 0;
  #endsStream = false;
  #isOpen = false;

  /** A block has begun and its end has not come: nothing else may. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Of the block whose end came last: the stream it is on. */
  get stream(): number {
    return this.#stream;
  }

  /** Of the same: the client sends nothing after it. */
  get endsStream(): boolean {
    return this.#endsStream;
  }

  /**
   * Takes a HEADERS frame; returns its block where that is all of it.
   *
   * @throws {Http2Error} for padding or priority that do not fit, and for a stream that depends on itself
   */
  begin(flags: number, stream: number, payload: Buffer): Buffer | null {
    let start = 0;
    let end = payload.length;
    if ((flags & Flag.PADDED) !== 0) {
      start = 1;
      end -= payload[0] ?? 0;
    }
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - start >= 5) checkDependency(stream, payload, start);
      start += 5;
    }
    if (start > end || start > payload.length) {
      throw new Http2Error('PROTOCOL_ERROR', 'a HEADERS frame with more padding than bytes');
    }
    this.#stream = stream;
    this.#endsStream = (flags & Flag.END_STREAM) !== 0;
    const part = payload.subarray(start, end);
    if ((flags & Flag.END_HEADERS) !== 0) return part;
    this.#isOpen = true;
    this.#keep(part);
    return null;
  }

  /**
   * Takes a CONTINUATION frame; returns the block where that is its end.
   *
   * @throws {Http2Error} for one that continues nothing, and for a block that gets too large
   */
  continue(flags: number, stream: number, payload: Buffer): Buffer | null {
    if (!this.#isOpen || stream !== this.#stream) {
      throw new Http2Error('PROTOCOL_ERROR', 'a CONTINUATION frame that continues nothing');
    }
    this.#keep(payload);
    if ((flags & Flag.END_HEADERS) === 0) return null;
    const block = Buffer.concat(this.#parts, this.#bytes);
    this.#parts.length = 0;
    this.#bytes = 0;
    this.#isOpen = false;
    return block;
  }

  /** The payload is the reader's, so it is copied. */
  #keep(part: Buffer): void {
    this.#bytes += part.length;
    if (this.#bytes > MAX_BLOCK_BYTES || this.#parts.length > MAX_CONTINUATIONS) {
      throw new Http2Error('ENHANCE_YOUR_CALM', 'a header block without an end');
    }
    this.#parts.push(Buffer.from(part));
  }
}

/**
 * A PRIORITY frame, or what stands for one in HEADERS: of no use here, but it must be one.
 *
 * @throws {Http2Error} for a stream that depends on itself
 */
export function checkDependency(stream: number, payload: Buffer, at: number): void {
  if ((payload.readUInt32BE(at) & MAX_31_BITS) === stream) {
    throw new Http2Error('PROTOCOL_ERROR', `stream ${stream} depends on itself`);
  }
}
