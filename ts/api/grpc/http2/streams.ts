import { performance } from 'node:perf_hooks';
import {
  DEFAULT_WINDOW,
  ErrorCode,
  Flag,
  FrameType,
  Http2Error,
  MAX_31_BITS,
  numberFrame,
  wrongLength,
} from './frames.js';
import { checkDependency, HeaderBlocks } from './header-block.js';
import { HeaderDecoder } from './hpack/decoder.js';
import type { PeerSettings } from './peer-settings.js';
import { contentLength, HeaderReader, type RequestHeaders } from './request-headers.js';
import { Http2Stream, type StreamOwner } from './stream.js';
import { Budget, ReceiveWindow } from './windows.js';

/** What the streams of a connection need of it. */
export interface StreamsHost {
  readonly peer: PeerSettings;
  readonly maxConcurrentStreams: number;
  /** So much waits to be written that DATA should wait. */
  readonly isFull: boolean;
  push(bytes: Buffer): void;
  /** Takes a request: sets the stream's handler or answers at once. */
  accept(stream: Http2Stream, headers: RequestHeaders): void;
  /** The last stream has ended. */
  emptied(): void;
}

/** What a client may send ahead on all streams together, in bytes. */
export const CONNECTION_WINDOW = 1024 * 1024;
/** Of a request's headers, by HPACK's measure. */
export const MAX_HEADER_BYTES = 65_536;
const MAX_HEADER_FIELDS = 256;

/** So many streams are remembered that were reset here: what the client has sent on them before it knew is ignored. */
const MAX_RESET = 1000;
/** No more requests are taken from a client that leaves so much of its answers untaken. */
const MAX_QUEUED_BYTES = 256 * 1024 * 1024;
/** A stream that nobody reads holds up no other, until so much lies unread on a connection. */
const MAX_HELD_BYTES = 16 * 1024 * 1024;
/** Says that we use no header table at all. */
const NO_TABLE = Buffer.from([0x20]);

/** Streams that are broken off before they are answered: by the client (CVE-2023-44487), or here for its faults (CVE-2025-8671). */
const BROKEN = { burst: 1000, perSecond: 100 };
/** Frames that do nothing. */
const IDLE_FRAMES = { burst: 1000, perSecond: 100 };

/** The streams of one connection, and the frames that are about them. */
export class Streams implements StreamOwner {
  /** What may be sent on all together. */
  sendWindow = DEFAULT_WINDOW;
  queuedBytes = 0;
  readonly #host: StreamsHost;
  readonly #decoder = new HeaderDecoder({
    maxListBytes: MAX_HEADER_BYTES,
    maxFields: MAX_HEADER_FIELDS,
  });
  readonly #headers = new HeaderReader();
  readonly #blocks = new HeaderBlocks();
  readonly #window = new ReceiveWindow(CONNECTION_WINDOW);
  /** Of the connection's window: what waits to be read, and what is not given back because of that. */
  #heldBytes = 0;
  #owedBytes = 0;
  #saidNoTable = false;
  readonly #open = new Map<number, Http2Stream>();
  readonly #reset = new Set<number>();
  /** Streams that wait for the connection's window, or for room in what goes out. */
  readonly #waiting = new Set<Http2Stream>();
  readonly #broken = new Budget(BROKEN.burst, BROKEN.perSecond);
  readonly #idleFrames = new Budget(IDLE_FRAMES.burst, IDLE_FRAMES.perSecond);
  #lastStream = 0;
  /** Streams above it are ignored. */
  #limit = MAX_31_BITS;
  /** Of the DATA frame that is being read: its stream, null where it is thrown away. */
  #dataStream: Http2Stream | null = null;
  #dataEndsStream = false;

  constructor(host: StreamsHost) {
    this.#host = host;
  }

  /** The highest that a client has opened. */
  get lastStream(): number {
    return this.#lastStream;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Only a CONTINUATION frame may come next. */
  get isInsideHeaders(): boolean {
    return this.#blocks.isOpen;
  }

  get maxFrame(): number {
    return this.#host.peer.maxFrame;
  }

  get isFull(): boolean {
    return this.#host.isFull;
  }

  push(bytes: Buffer): void {
    this.#host.push(bytes);
  }

  headerBlock(block: Buffer): Buffer {
    if (!this.#host.peer.hasSmallerTable || this.#saidNoTable) return block;
    this.#saidNoTable = true;
    return Buffer.concat([NO_TABLE, block]);
  }

  holds(bytes: number): void {
    this.#heldBytes += bytes;
    if (this.#owedBytes === 0 || this.#heldBytes > MAX_HELD_BYTES) return;
    const owed = this.#owedBytes;
    this.#owedBytes = 0;
    this.#giveBack(owed);
  }

  consumed(stream: Http2Stream, bytes: number): void {
    const more = stream.window.give(bytes);
    if (more > 0 && !stream.hasInputEnded && !stream.isClosed) {
      this.push(numberFrame(FrameType.WINDOW_UPDATE, stream.id, more));
    }
  }

  waits(stream: Http2Stream): void {
    this.#waiting.add(stream);
  }

  ended(stream: Http2Stream): void {
    if (!this.#open.delete(stream.id)) return;
    this.#waiting.delete(stream);
    stream.close();
    if (this.#open.size === 0) this.#host.emptied();
  }

  /** Ignores what the client opens from now on. */
  refuseMore(): void {
    this.#limit = Math.min(this.#limit, this.#lastStream);
  }

  /** Ends all of them; nothing is sent. */
  closeAll(): void {
    this.#waiting.clear();
    const streams = [...this.#open.values()];
    this.#open.clear();
    for (const each of streams) each.close();
  }

  /** Lets those that wait send a frame each, in turn, for as long as there is a window and room. */
  sendWaiting(): void {
    // One that is put back comes again at the end.
    for (const stream of this.#waiting) {
      if (this.sendWindow <= 0 || this.isFull) return;
      this.#waiting.delete(stream);
      if (stream.sendOne()) this.#waiting.add(stream);
    }
  }

  /**
   * The client's windows for streams have become larger or smaller.
   *
   * @throws {Http2Error} where one overflows
   */
  initialWindowChanged(change: number): void {
    for (const stream of this.#open.values()) {
      stream.sendWindow += change;
      if (stream.sendWindow > MAX_31_BITS) {
        throw new Http2Error('FLOW_CONTROL_ERROR', `the window of stream ${stream.id} overflows`);
      }
      if (change > 0 && stream.sendOne()) this.#waiting.add(stream);
    }
    this.sendWaiting();
  }

  /** A frame that costs a client nothing: too many end the connection. */
  countIdle(): void {
    if (this.#idleFrames.spend(performance.now())) return;
    throw new Http2Error('ENHANCE_YOUR_CALM', 'too many frames that do nothing');
  }

  // Frames. What they throw ends the connection.

  onHeaders(flags: number, id: number, payload: Buffer): void {
    this.#onBlock(this.#blocks.begin(flags, onStream(id), payload));
  }

  onContinuation(flags: number, id: number, payload: Buffer): void {
    this.#onBlock(this.#blocks.continue(flags, onStream(id), payload));
  }

  onPriority(id: number, payload: Buffer): void {
    this.countIdle();
    onStream(id);
    if (payload.length === 5) checkDependency(id, payload, 0);
    else if (this.#open.has(id)) this.#breakOff(id, 'FRAME_SIZE_ERROR');
    else throw wrongLength('PRIORITY', payload);
  }

  onReset(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw wrongLength('RST_STREAM', payload);
    const stream = this.#open.get(onStream(id));
    if (stream === undefined) {
      this.#checkNotIdle(id, 'RST_STREAM');
      this.countIdle();
      return;
    }
    this.#countBroken();
    this.ended(stream);
  }

  onWindowUpdate(id: number, payload: Buffer): void {
    if (payload.length !== 4) throw wrongLength('WINDOW_UPDATE', payload);
    const more = payload.readUInt32BE(0) & MAX_31_BITS;
    if (id === 0) {
      if (more === 0) throw new Http2Error('PROTOCOL_ERROR', 'a WINDOW_UPDATE of 0');
      this.sendWindow += more;
      if (this.sendWindow > MAX_31_BITS) {
        throw new Http2Error('FLOW_CONTROL_ERROR', 'the window of the connection overflows');
      }
      this.sendWaiting();
      return;
    }
    const stream = this.#open.get(id);
    if (stream === undefined) this.#checkNotIdle(id, 'WINDOW_UPDATE');
    else if (more === 0) this.#breakOff(id, 'PROTOCOL_ERROR');
    else if (stream.sendWindow + more > MAX_31_BITS) this.#breakOff(id, 'FLOW_CONTROL_ERROR');
    else {
      stream.sendWindow += more;
      if (stream.sendOne()) this.#waiting.add(stream);
      this.sendWaiting();
    }
  }

  onDataBegin(flags: number, id: number, length: number): void {
    this.#dataStream = null;
    this.#dataEndsStream = (flags & Flag.END_STREAM) !== 0;
    if (length === 0 && !this.#dataEndsStream) this.countIdle();
    if (!this.#window.take(length)) {
      throw new Http2Error('FLOW_CONTROL_ERROR', 'more DATA than the connection has a window for');
    }
    const stream = this.#open.get(onStream(id));
    if (stream === undefined) {
      this.#checkNotIdle(id, 'DATA');
      if (!this.#reset.has(id) && id <= this.#limit) this.#breakOff(id, 'STREAM_CLOSED');
    } else if (stream.hasInputEnded) this.#breakOff(id, 'STREAM_CLOSED');
    else if (!stream.window.take(length)) this.#breakOff(id, 'FLOW_CONTROL_ERROR');
    else this.#dataStream = stream;
  }

  /** Some bytes of the frame that has begun, and `padding` that are none; whether they are kept. */
  onData(chunk: Buffer, padding: number): boolean {
    if (this.#heldBytes > MAX_HELD_BYTES) this.#owedBytes += chunk.length + padding;
    else this.#giveBack(chunk.length + padding);
    const stream = this.#dataStream;
    if (stream === null || stream.isClosed) return false;
    if (padding > 0) this.consumed(stream, padding);
    return stream.received(chunk);
  }

  onDataEnd(): void {
    const stream = this.#dataStream;
    this.#dataStream = null;
    if (stream !== null && this.#dataEndsStream && !stream.isClosed) this.#inputEnds(stream);
  }

  #onBlock(block: Buffer | null): void {
    if (block === null) return;
    const { stream: id, endsStream } = this.#blocks;
    const fields = this.#decoder.decode(block);
    const known = this.#open.get(id);
    if (known !== undefined) {
      this.#onTrailers(known, fields, endsStream);
      return;
    }
    if (id % 2 === 0) throw new Http2Error('PROTOCOL_ERROR', `a client opens stream ${id}`);
    if (id <= this.#lastStream) {
      if (this.#reset.has(id) || id > this.#limit) return;
      throw new Http2Error('STREAM_CLOSED', `headers on stream ${id}, which has ended`);
    }
    this.#lastStream = id;
    if (id > this.#limit) return;
    if (this.#open.size >= this.#host.maxConcurrentStreams || this.queuedBytes > MAX_QUEUED_BYTES) {
      this.#resetOne(id, 'REFUSED_STREAM');
    } else if (this.#decoder.isTooLarge) this.#breakOff(id, 'ENHANCE_YOUR_CALM');
    else this.#begin(id, this.#headers.request(fields), endsStream);
  }

  #begin(id: number, headers: RequestHeaders | null, endsStream: boolean): void {
    const expected = headers === null ? null : contentLength(headers);
    if (headers === null || expected === -1) {
      this.#breakOff(id, 'PROTOCOL_ERROR');
      return;
    }
    const stream = new Http2Stream(id, this, this.#host.peer.initialWindow);
    stream.expectedBytes = expected;
    this.#open.set(id, stream);
    this.#host.accept(stream, headers);
    if (endsStream && !stream.isClosed) this.#inputEnds(stream);
  }

  #onTrailers(stream: Http2Stream, fields: readonly string[], endsStream: boolean): void {
    if (stream.hasInputEnded) this.#breakOff(stream.id, 'STREAM_CLOSED');
    else if (!endsStream || !this.#headers.areTrailers(fields)) {
      this.#breakOff(stream.id, 'PROTOCOL_ERROR');
    } else this.#inputEnds(stream);
  }

  #inputEnds(stream: Http2Stream): void {
    const missing = stream.expectedBytes;
    if (missing !== null && missing !== 0) this.#breakOff(stream.id, 'PROTOCOL_ERROR');
    else stream.inputEnded();
  }

  /** Ends a stream for a fault of the client's. */
  #breakOff(id: number, code: keyof typeof ErrorCode): void {
    this.#countBroken();
    this.#resetOne(id, code);
  }

  #resetOne(id: number, code: keyof typeof ErrorCode): void {
    this.push(numberFrame(FrameType.RST_STREAM, id, ErrorCode[code]));
    const [oldest] = this.#reset;
    if (this.#reset.size >= MAX_RESET && oldest !== undefined) this.#reset.delete(oldest);
    this.#reset.add(id);
    const stream = this.#open.get(id);
    if (stream !== undefined) this.ended(stream);
  }

  #countBroken(): void {
    if (this.#broken.spend(performance.now())) return;
    throw new Http2Error('ENHANCE_YOUR_CALM', 'too many streams are broken off');
  }

  #giveBack(bytes: number): void {
    const more = this.#window.give(bytes);
    if (more > 0) this.push(numberFrame(FrameType.WINDOW_UPDATE, 0, more));
  }

  #checkNotIdle(id: number, type: string): void {
    if (id > this.#lastStream || id % 2 === 0) {
      throw new Http2Error(
        'PROTOCOL_ERROR',
        `a ${type} frame on stream ${id}, which was never opened`,
      );
    }
  }
}

function onStream(id: number): number {
  if (id === 0) throw new Http2Error('PROTOCOL_ERROR', 'a frame of a stream on stream 0');
  return id;
}
