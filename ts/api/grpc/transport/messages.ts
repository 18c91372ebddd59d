import { constants } from 'node:buffer';
import { gunzip, inflate } from 'node:zlib';
import { ACCEPTED_ENCODINGS, CallError } from './status.js';

/** In front of each message: whether it is compressed, and its length in 4 bytes. */
export const HEAD_BYTES = 5;

/** A message as it stands in the stream. */
export interface Framed {
  readonly bytes: Buffer;
  readonly isCompressed: boolean;
}

/** The length of a message, from the head at the start of `chunk`. */
function lengthIn(chunk: Buffer): number {
  return chunk.readUInt32BE(1);
}

/**
 * The message of a chunk that is exactly one uncompressed message, which is what small requests come as; null for all else.
 *
 * @param limit bytes of a message at most
 */
export function wholeMessage(chunk: Buffer, limit: number): Buffer | null {
  if (chunk.length < HEAD_BYTES || chunk[0] !== 0) return null;
  const length = lengthIn(chunk);
  return length === chunk.length - HEAD_BYTES && length <= limit
    ? chunk.subarray(HEAD_BYTES)
    : null;
}

/** What the head at the start of `chunk` says; null where it is not all there, or no head. */
export function headOfMessage(chunk: Buffer): { bytes: number; isCompressed: boolean } | null {
  const flag = chunk[0];
  if (chunk.length < HEAD_BYTES || flag === undefined || flag > 1) return null;
  return { bytes: lengthIn(chunk), isCompressed: flag === 1 };
}

/** Cuts the bytes of a stream into messages, wherever their chunks end. */
export class MessageReader {
  readonly #limit: number;
  #chunks: Buffer[] = [];
  #length = 0;
  /** The head of the message that is being read, once it is there. */
  #size = -1;
  #isCompressed = false;

  /** @param limit bytes of a message at most, as sent */
  constructor(limit: number) {
    this.#limit = limit;
  }

  /** Nothing of another message has come. */
  get isEmpty(): boolean {
    return this.#length === 0 && this.#size < 0;
  }

  /** Keeps the chunk; it must not change until its messages are done with. */
  push(chunk: Buffer): void {
    this.#chunks.push(chunk);
    this.#length += chunk.length;
  }

  /**
   * The next message, or null until more has come.
   *
   * @throws {CallError} `RESOURCE_EXHAUSTED` as soon as the head announces more than the limit; `INTERNAL` for what is no head
   */
  next(): Framed | null {
    if (this.#size < 0) {
      if (this.#length < HEAD_BYTES) return null;
      this.#readHead(this.#take(HEAD_BYTES));
    }
    if (this.#length < this.#size) return null;
    const bytes = this.#take(this.#size);
    this.#size = -1;
    return { bytes, isCompressed: this.#isCompressed };
  }

  #readHead(head: Buffer): void {
    const flag = head[0] as number;
    if (flag > 1) throw new CallError('INTERNAL', `Bad message frame type ${flag}`);
    const size = lengthIn(head);
    if (size > this.#limit) {
      throw new CallError(
        'RESOURCE_EXHAUSTED',
        `Received message larger than max (${size} vs ${this.#limit})`,
      );
    }
    this.#isCompressed = flag === 1;
    this.#size = size;
  }

  /** Takes `count` bytes that are there; without a copy where one chunk has them. */
  #take(count: number): Buffer {
    this.#length -= count;
    const first = this.#chunks[0];
    if (first !== undefined && first.length > count) {
      this.#chunks[0] = first.subarray(count);
      return first.subarray(0, count);
    }
    const parts: Buffer[] = [];
    let missing = count;
    let used = 0;
    while (missing > 0) {
      const chunk = this.#chunks[used] as Buffer;
      if (chunk.length > missing) {
        parts.push(chunk.subarray(0, missing));
        this.#chunks[used] = chunk.subarray(missing);
        missing = 0;
      } else {
        parts.push(chunk);
        missing -= chunk.length;
        used += 1;
      }
    }
    this.#chunks.splice(0, used);
    return parts.length === 1 ? (parts[0] as Buffer) : Buffer.concat(parts, count);
  }
}

/** The head of a message. */
export function headOf(message: Buffer): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD_BYTES);
  bytes[0] = 0;
  bytes.writeUInt32BE(message.length, 1);
  return bytes;
}

type Inflate = typeof gunzip | typeof inflate;

/** gRPC's `deflate` is zlib's format. */
const INFLATE: ReadonlyMap<string, Inflate> = new Map<string, Inflate>([
  ['gzip', gunzip],
  ['deflate', inflate],
]);

/**
 * Decompresses a message, of which no more than `limit` bytes ever exist.
 *
 * @param encoding the value of `grpc-encoding`
 * @param done gets the message or why there is none; not called before this returns
 */
export function decompress(
  bytes: Buffer,
  encoding: string | undefined,
  limit: number,
  done: (failure: CallError | null, message: Buffer) => void,
): void {
  const inflater = encoding === undefined ? undefined : INFLATE.get(encoding);
  if (inflater === undefined) {
    queueMicrotask(() => done(unreadable(encoding), bytes));
    return;
  }
  inflater(
    bytes,
    { maxOutputLength: Math.min(Math.max(1, limit), constants.MAX_LENGTH) },
    (error, message) => {
      if (error === null) {
        // Zlib has no limit of 0.
        done(message.length > limit ? tooLarge(limit) : null, message);
      } else {
        const isLimit = (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
        done(
          isLimit ? tooLarge(limit) : new CallError('INTERNAL', 'Failed to decompress message'),
          bytes,
        );
      }
    },
  );
}

function tooLarge(limit: number): CallError {
  return new CallError(
    'RESOURCE_EXHAUSTED',
    `Received message that decompresses to a size larger than ${limit}`,
  );
}

function unreadable(encoding: string | undefined): CallError {
  if (encoding === undefined || encoding === 'identity') {
    return new CallError('INTERNAL', 'Received compressed message without a grpc-encoding');
  }
  return new CallError(
    'UNIMPLEMENTED',
    `Received message compressed with unsupported encoding "${encoding}"`,
    { 'grpc-accept-encoding': ACCEPTED_ENCODINGS },
  );
}
