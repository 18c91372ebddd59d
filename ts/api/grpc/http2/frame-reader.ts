import {
  Flag,
  FRAME_HEAD_BYTES,
  FrameType,
  Http2Error,
  MAX_31_BITS,
  MAX_FRAME_BYTES,
  PREFACE,
} from './frames.js';

/** Takes what {@link FrameReader} finds. What it throws ends the reading. */
export interface FrameSink {
  /** A whole frame of any type but DATA. The payload is good for the call only. */
  frame(type: number, flags: number, stream: number, payload: Buffer): void;
  /** A DATA frame begins; `length` bytes count against the windows, padding included. */
  dataBegins(flags: number, stream: number, length: number): void;
  /** Some bytes of its message, as they came; `padding` more that are none. */
  data(chunk: Buffer, padding: number): void;
  dataEnds(): void;
}

const EMPTY = Buffer.alloc(0);

/**
 * Cuts what a client sends into frames, wherever its parts end.
 *
 * DATA is handed on as it comes, without a copy. All else is small, and is put together first.
 */
export class FrameReader {
  readonly #sink: FrameSink;
  /** Bytes of the preface that have come. */
  #preface = 0;
  readonly #head = Buffer.alloc(FRAME_HEAD_BYTES);
  #headBytes = 0;
  #type = 0;
  #flags = 0;
  #stream = 0;
  #length = 0;
  /** Of the payload that is being put together, and how much of it there is; null while there is none. */
  #payload: Buffer | null = null;
  #payloadBytes = 0;
  /** Bytes to come of a DATA frame that is handed on in parts. */
  #dataLeft = 0;
  #isFirst = true;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /**
   * Reads one part.
   *
   * @throws {Http2Error} for a preface that is none, and for frames that are too large
   */
  push(chunk: Buffer): void {
    let at = this.#preface < PREFACE.length ? this.#readPreface(chunk) : 0;
    const end = chunk.length;
    while (at < end) {
      if (this.#dataLeft > 0) at = this.#readData(chunk, at);
      else if (this.#payload !== null) at = this.#fill(this.#payload, chunk, at);
      else if (this.#headBytes === 0 && end - at >= FRAME_HEAD_BYTES) {
        this.#readHead(chunk, at);
        at = this.#begin(chunk, at + FRAME_HEAD_BYTES);
      } else {
        const part = Math.min(FRAME_HEAD_BYTES - this.#headBytes, end - at);
        chunk.copy(this.#head, this.#headBytes, at, at + part);
        at += part;
        this.#headBytes += part;
        if (this.#headBytes < FRAME_HEAD_BYTES) return;
        this.#headBytes = 0;
        this.#readHead(this.#head, 0);
        at = this.#begin(chunk, at);
      }
    }
  }

  #readPreface(chunk: Buffer): number {
    const part = Math.min(PREFACE.length - this.#preface, chunk.length);
    const { length } = PREFACE;
    if (PREFACE.compare(chunk, 0, part, this.#preface, this.#preface + part) !== 0) {
      throw new Http2Error('PROTOCOL_ERROR', `the first ${length} bytes are no HTTP/2 preface`);
    }
    this.#preface += part;
    return part;
  }

  #readHead(bytes: Buffer, at: number): void {
    const length = bytes.readUIntBE(at, 3);
    if (length > MAX_FRAME_BYTES) {
      throw new Http2Error('FRAME_SIZE_ERROR', `a frame of ${length} bytes`);
    }
    this.#length = length;
    this.#type = bytes[at + 3] as number;
    this.#flags = bytes[at + 4] as number;
    // The first bit says nothing.
    this.#stream = bytes.readUInt32BE(at + 5) & MAX_31_BITS;
    if (this.#isFirst) {
      this.#isFirst = false;
      if (this.#type !== FrameType.SETTINGS || (this.#flags & Flag.ACK) !== 0) {
        throw new Http2Error('PROTOCOL_ERROR', 'the first frame is no SETTINGS frame');
      }
    }
  }

  /** Begins the frame whose payload is at `at`, as far as it is there; returns where what comes after begins. */
  #begin(chunk: Buffer, at: number): number {
    const length = this.#length;
    if (this.#type === FrameType.DATA && (this.#flags & Flag.PADDED) === 0) {
      this.#sink.dataBegins(this.#flags, this.#stream, length);
      if (length === 0) this.#sink.dataEnds();
      this.#dataLeft = length;
      return at;
    }
    if (chunk.length - at >= length) {
      this.#whole(length === 0 ? EMPTY : chunk.subarray(at, at + length));
      return at + length;
    }
    this.#payload = Buffer.allocUnsafe(length);
    this.#payloadBytes = 0;
    return at;
  }

  #readData(chunk: Buffer, at: number): number {
    const part = Math.min(this.#dataLeft, chunk.length - at);
    this.#dataLeft -= part;
    const isLast = this.#dataLeft === 0;
    const isAll = part === chunk.length;
    this.#sink.data(isAll ? chunk : chunk.subarray(at, at + part), 0);
    if (isLast) this.#sink.dataEnds();
    return at + part;
  }

  #fill(payload: Buffer, chunk: Buffer, at: number): number {
    const part = Math.min(payload.length - this.#payloadBytes, chunk.length - at);
    chunk.copy(payload, this.#payloadBytes, at, at + part);
    this.#payloadBytes += part;
    if (this.#payloadBytes === payload.length) {
      this.#payload = null;
      this.#whole(payload);
    }
    return at + part;
  }

  #whole(payload: Buffer): void {
    if (this.#type !== FrameType.DATA) {
      this.#sink.frame(this.#type, this.#flags, this.#stream, payload);
      return;
    }
    const padding = payload[0];
    if (padding === undefined || padding >= payload.length) {
      throw new Http2Error('PROTOCOL_ERROR', 'a DATA frame with more padding than bytes');
    }
    this.#sink.dataBegins(this.#flags, this.#stream, payload.length);
    this.#sink.data(payload.subarray(1, payload.length - padding), padding + 1);
    this.#sink.dataEnds();
  }
}
