import type { Socket } from 'node:net';
import { freeArrayBuffer } from '../../../native/large-body.js';
import { FrameReader, type FrameSink } from './frame-reader.js';
import {
  DEFAULT_WINDOW,
  ErrorCode,
  Flag,
  FrameType,
  frame,
  goAway,
  Http2Error,
  MAX_31_BITS,
  numberFrame,
  wrongLength,
} from './frames.js';
import { HpackError } from './hpack/hpack-error.js';
import { Outbox } from './outbox.js';
import { PeerSettings } from './peer-settings.js';
import type { RequestHeaders } from './request-headers.js';
import { type Http2Stream, STREAM_WINDOW } from './stream.js';
import { CONNECTION_WINDOW, MAX_HEADER_BYTES, Streams, type StreamsHost } from './streams.js';

/** What a connection needs from whoever opens it. */
export interface Http2Options {
  /** Requests under way; more are refused. */
  readonly maxConcurrentStreams: number;
  /** Takes a request: sets the stream's handler or answers at once. */
  readonly accept: (stream: Http2Stream, headers: RequestHeaders) => void;
  /** The connection is no more. Called once. */
  readonly closed: () => void;
}

const SETTING = { MAX_CONCURRENT_STREAMS: 3, INITIAL_WINDOW_SIZE: 4, MAX_HEADER_LIST_SIZE: 6 };
const EMPTY = Buffer.alloc(0);

/** Reads of this size and more are freed by hand once all of it was copied. */
const WORTH_FREEING = 16 * 1024;
/** A client gets so long to show that it has heard of the end, and to close its side. */
const LINGER_MS = 1000;

/**
 * The server's side of an HTTP/2 connection, RFC 9113, for answers of a body and trailers: no pushes, no priorities, no upgrade.
 *
 * All that a client can make it hold is bounded: by windows, by the number of streams, by what goes out unread, and by budgets for frames
 * that cost it nothing.
 */
export class Http2Connection implements StreamsHost, FrameSink {
  readonly socket: Socket;
  readonly peer = new PeerSettings();
  readonly maxConcurrentStreams: number;
  readonly #accept: (stream: Http2Stream, headers: RequestHeaders) => void;
  readonly #reader = new FrameReader(this);
  readonly #streams = new Streams(this);
  readonly #outbox: Outbox;
  /** What is to be done when a PING with this number comes back. */
  readonly #pings = new Map<number, () => void>();
  #nextPing = 1;
  /** Something of the part that is being read was kept. */
  #isKept = false;
  #isClosing = false;
  /** The client knows which streams are the last. */
  #isLimited = false;
  #isClosed = false;
  #timer: NodeJS.Timeout | null = null;

  /** @param socket accepted, decrypted, and not read from */
  constructor(socket: Socket, options: Http2Options) {
    const { maxConcurrentStreams, accept, closed } = options;
    this.socket = socket;
    this.maxConcurrentStreams = maxConcurrentStreams;
    this.#accept = accept;
    this.#outbox = new Outbox(socket, () => this.#streams.sendWaiting());
    socket.setNoDelay();
    // A socket that breaks is closed too.
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => this.#read(chunk));
    socket.on('end', () => this.destroy());
    socket.on('close', () => {
      this.#isClosed = true;
      this.#streams.closeAll();
      if (this.#timer !== null) clearTimeout(this.#timer);
      closed();
    });
    this.push(frame(FrameType.SETTINGS, 0, 0, ownSettings(maxConcurrentStreams)));
    this.push(numberFrame(FrameType.WINDOW_UPDATE, 0, CONNECTION_WINDOW - DEFAULT_WINDOW));
  }

  /** No new requests are taken, or will not be before long. */
  get isClosing(): boolean {
    return this.#isClosing || this.#isClosed;
  }

  get isFull(): boolean {
    return this.#outbox.isFull;
  }

  /** Asks the client for a sign of life; `answered` is called when it comes. */
  ping(answered: () => void): void {
    if (this.#isClosed) return;
    const number = this.#nextPing++;
    const payload = Buffer.alloc(8);
    payload.writeUInt32BE(number, 4);
    this.#pings.set(number, answered);
    this.push(frame(FrameType.PING, 0, 0, payload));
  }

  /**
   * Takes no more requests and ends when those under way have.
   *
   * The client is told first; only when it has heard of it are requests refused, so that none is lost that it sends meanwhile.
   *
   * @param why for the client's log
   */
  close(why = ''): void {
    if (this.isClosing) return;
    this.#isClosing = true;
    this.push(goAway(MAX_31_BITS, ErrorCode.NO_ERROR, why));
    const refuse = (): void => this.#refuseMore();
    this.ping(refuse);
    this.#timer = setTimeout(refuse, LINGER_MS).unref();
  }

  /** Cuts the connection off with the requests on it. */
  destroy(): void {
    this.#fail(ErrorCode.CANCEL, '');
    setImmediate(() => this.socket.destroy());
  }

  push(bytes: Buffer): void {
    this.#outbox.push(bytes);
  }

  accept(stream: Http2Stream, headers: RequestHeaders): void {
    this.#accept(stream, headers);
  }

  emptied(): void {
    if (this.#isLimited && !this.#isClosed) this.#finish();
  }

  frame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (this.#isClosed) return;
    const streams = this.#streams;
    if (streams.isInsideHeaders && type !== FrameType.CONTINUATION) throw insideHeaders();
    if (type === FrameType.HEADERS) streams.onHeaders(flags, stream, payload);
    else if (type === FrameType.WINDOW_UPDATE) streams.onWindowUpdate(stream, payload);
    else if (type === FrameType.RST_STREAM) streams.onReset(stream, payload);
    else if (type === FrameType.CONTINUATION) streams.onContinuation(flags, stream, payload);
    else if (type === FrameType.PRIORITY) streams.onPriority(stream, payload);
    else this.#onOwnFrame(type, flags, stream, payload);
  }

  dataBegins(flags: number, stream: number, length: number): void {
    if (this.#isClosed) return;
    if (this.#streams.isInsideHeaders) throw insideHeaders();
    this.#streams.onDataBegin(flags, stream, length);
  }

  data(chunk: Buffer, padding: number): void {
    if (!this.#isClosed && this.#streams.onData(chunk, padding)) this.#isKept = true;
  }

  dataEnds(): void {
    if (!this.#isClosed) this.#streams.onDataEnd();
  }

  #read(chunk: Buffer): void {
    if (this.#isClosed) return;
    this.#isKept = false;
    try {
      this.#reader.push(chunk);
    } catch (error) {
      const isTheirs = error instanceof Http2Error || error instanceof HpackError;
      // What else is thrown is a defect, and tells clients nothing.
      this.#fail(codeOf(error), isTheirs ? error.message : '');
    }
    // V8 would collect the whole heap for every 64 MiB of these.
    if (this.#isKept || chunk.length < WORTH_FREEING) return;
    if (chunk.length === chunk.buffer.byteLength) freeArrayBuffer(chunk.buffer);
  }

  /** A frame of the connection itself. */
  #onOwnFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    const { PING, SETTINGS, GOAWAY, PUSH_PROMISE } = FrameType;
    if (type === PUSH_PROMISE) {
      throw new Http2Error('PROTOCOL_ERROR', 'a PUSH_PROMISE frame of a client');
    }
    if (type !== PING && type !== SETTINGS && type !== GOAWAY) {
      this.#streams.countIdle();
      return;
    }
    if (stream !== 0) {
      throw new Http2Error(
        'PROTOCOL_ERROR',
        `a frame of type ${type}, for all streams, on stream ${stream}`,
      );
    }
    if (type === PING) this.#onPing(flags, payload);
    else if (type === SETTINGS) this.#onSettings(flags, payload);
    else if (payload.length < 8) throw wrongLength('GOAWAY', payload);
    // The client opens no more streams; those under way are answered.
    else this.#refuseMore();
  }

  #onPing(flags: number, payload: Buffer): void {
    if (payload.length !== 8) throw wrongLength('PING', payload);
    if ((flags & Flag.ACK) === 0) {
      this.push(frame(FrameType.PING, Flag.ACK, 0, payload));
      return;
    }
    const number = payload.readUInt32BE(4);
    const answered = this.#pings.get(number);
    this.#pings.delete(number);
    answered?.();
  }

  #onSettings(flags: number, payload: Buffer): void {
    if ((flags & Flag.ACK) !== 0) {
      if (payload.length > 0) throw wrongLength('SETTINGS', payload);
      return;
    }
    this.#streams.countIdle();
    const before = this.peer.initialWindow;
    this.peer.read(payload);
    this.push(frame(FrameType.SETTINGS, Flag.ACK, 0, EMPTY));
    const change = this.peer.initialWindow - before;
    if (change !== 0) this.#streams.initialWindowChanged(change);
  }

  /** Streams that the client opens from now on are ignored: it was told, and sends them elsewhere. */
  #refuseMore(): void {
    if (this.#isClosed || this.#isLimited) return;
    this.#isClosing = true;
    this.#isLimited = true;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#streams.refuseMore();
    this.push(goAway(this.#streams.lastStream, ErrorCode.NO_ERROR, ''));
    if (this.#streams.size === 0) this.#finish();
  }

  /** Something is wrong with the connection itself: says so and ends it. */
  #fail(code: number, text: string): void {
    if (this.#isClosed) return;
    this.push(goAway(this.#streams.lastStream, code, text));
    this.#finish();
    this.#streams.closeAll();
  }

  /** Closes this side, and before long all of it. What the client still sends is read and thrown away, or it might lose our last words. */
  #finish(): void {
    this.#isClosed = true;
    this.#outbox.end();
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.socket.destroy(), LINGER_MS).unref();
  }
}

function insideHeaders(): Http2Error {
  return new Http2Error('PROTOCOL_ERROR', 'another frame inside a header block');
}

function codeOf(error: unknown): number {
  if (error instanceof Http2Error) return error.code;
  return error instanceof HpackError ? ErrorCode.COMPRESSION_ERROR : ErrorCode.INTERNAL_ERROR;
}

function ownSettings(maxConcurrentStreams: number): Buffer {
  const entries = [
    [SETTING.MAX_CONCURRENT_STREAMS, maxConcurrentStreams],
    [SETTING.INITIAL_WINDOW_SIZE, STREAM_WINDOW],
    [SETTING.MAX_HEADER_LIST_SIZE, MAX_HEADER_BYTES],
  ] as const;
  const bytes = Buffer.alloc(6 * entries.length);
  for (const [index, [id, value]] of entries.entries()) {
    bytes.writeUInt16BE(id, 6 * index);
    bytes.writeUInt32BE(value, 6 * index + 2);
  }
  return bytes;
}
