import { FRAME_HEAD_BYTES, FrameType, writeHead, writeHeaders } from './frames.js';
import { headerFrames, SendQueue } from './send-queue.js';
import { ReceiveWindow } from './windows.js';

/** What a client may send ahead on one stream, in bytes. With HTTP/2's 64 KiB a large request comes in many turns. */
export const STREAM_WINDOW = 512 * 1024;

/** Learns what becomes of a stream. */
export interface StreamHandler {
  /** Some of the request's body; whether it is kept after the call: else its memory may be freed. */
  received(chunk: Buffer): boolean;
  /** The client sends nothing more. */
  inputEnded(): void;
  /** The stream is no more: both sides have ended, or one has broken it off. Called once. */
  closed(): void;
}

/** What a stream needs of its connection. */
export interface StreamOwner {
  readonly maxFrame: number;
  /** What may still be sent on all streams together. */
  sendWindow: number;
  /** What all streams together have not sent yet. */
  queuedBytes: number;
  /** So much waits to be written that DATA should wait. */
  readonly isFull: boolean;
  push(bytes: Buffer): void;
  /** A header block as it goes out next. */
  headerBlock(block: Buffer): Buffer;
  /** Bytes of a body wait for their stream to be read; below 0: they are read. */
  holds(bytes: number): void;
  /** Bytes of a stream are done with: the client may send as many more. */
  consumed(stream: Http2Stream, bytes: number): void;
  /** The stream has something to send, but no window or no room for it. */
  waits(stream: Http2Stream): void;
  /** Both sides have ended. */
  ended(stream: Http2Stream): void;
}

/** One request and its answer. */
export class Http2Stream {
  readonly id: number;
  /** Set by whoever accepts the stream; what comes for none is thrown away. */
  handler: StreamHandler | null = null;
  /** What may still be sent; below 0 after the client has made its windows smaller. */
  sendWindow: number;
  readonly window = new ReceiveWindow(STREAM_WINDOW);
  /** The client sends nothing more. */
  hasInputEnded = false;
  /** Bytes of the body that the client has announced and not sent; null where it has announced none. */
  expectedBytes: number | null = null;
  readonly #owner: StreamOwner;
  #isReading = false;
  #held: Buffer[] = [];
  #wasEndTold = false;
  #queue: SendQueue | null = null;
  #hasOutputEnded = false;
  #isClosed = false;

  constructor(id: number, owner: StreamOwner, sendWindow: number) {
    this.id = id;
    this.#owner = owner;
    this.sendWindow = sendWindow;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Hands on what has come and what comes from now on, the end included. */
  resume(): void {
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#isReading && this.#held.length > 0) {
      const chunk = this.#held.shift() as Buffer;
      this.#handOn(chunk);
      this.#owner.holds(-chunk.length);
    }
    if (this.hasInputEnded && this.#isReading) this.#tellEnd();
  }

  /** Keeps what comes from now on; the client is held back by its window. */
  pause(): void {
    this.#isReading = false;
  }

  /** Sends the answer's headers. */
  respond(block: Buffer): void {
    if (this.#isClosed) return;
    this.#sendHeaders(block, false);
  }

  /** Sends headers that are the whole answer. */
  respondAlone(block: Buffer): void {
    if (this.#isClosed) return;
    this.#sendHeaders(block, true);
    this.#outputEnded();
  }

  /** Sends headers, a body in two parts and trailers: in one piece where the windows let it. Both parts must not change any more. */
  respondWhole(block: Buffer, lead: Buffer, body: Buffer, trailers: Buffer): void {
    if (this.#isClosed) return;
    const { maxFrame, sendWindow, isFull } = this.#owner;
    const length = lead.length + body.length;
    const room = isFull ? -1 : Math.min(maxFrame, sendWindow, this.sendWindow);
    if (length > room || block.length >= maxFrame || trailers.length > maxFrame) {
      this.respond(block);
      this.write(lead, body, null);
      this.end(trailers);
      return;
    }
    const headers = this.#owner.headerBlock(block);
    const heads = headers.length + trailers.length;
    const stream = this.id;
    const bytes = Buffer.allocUnsafe(3 * FRAME_HEAD_BYTES + heads + length);
    let at = writeHeaders(bytes, 0, headers, { stream, endsStream: false, maxFrame });
    at = writeHead(bytes, at, { length, type: FrameType.DATA, flags: 0, stream });
    bytes.set(lead, at);
    bytes.set(body, at + lead.length);
    writeHeaders(bytes, at + length, trailers, { stream, endsStream: true, maxFrame });
    this.sendWindow -= length;
    this.#owner.sendWindow -= length;
    this.#owner.push(bytes);
    this.#outputEnded();
  }

  /** Sends a part of the body; `sent` is called when it is on its way, never if the stream is closed before. */
  write(lead: Buffer, body: Buffer, sent: (() => void) | null): void {
    if (this.#isClosed) return;
    this.#queue ??= new SendQueue();
    this.#queue.add(lead);
    this.#queue.add(body);
    this.#owner.queuedBytes += lead.length + body.length;
    if (sent !== null) this.#queue.mark(sent);
    this.#send();
  }

  /** Sends trailers after the body; null for none. */
  end(trailers: Buffer | null): void {
    if (this.#isClosed) return;
    this.#queue ??= new SendQueue();
    this.#queue.end(trailers);
    this.#send();
  }

  /** Sends one frame of what waits, if the windows let it; whether more waits that could go. */
  sendOne(): boolean {
    const queue = this.#queue;
    const owner = this.#owner;
    if (queue === null || this.#isClosed || (queue.bytes === 0 && !queue.hasEnd)) return false;
    const limit = Math.min(this.sendWindow, owner.sendWindow);
    if (queue.bytes > 0) {
      // Until the client opens it again.
      if (this.sendWindow <= 0) return false;
      if (limit <= 0 || owner.isFull) {
        owner.waits(this);
        return false;
      }
    }
    const before = queue.bytes;
    const { id: stream } = this;
    const isEnd = queue.take(limit, { stream, maxFrame: owner.maxFrame }, (it) => owner.push(it));
    const taken = before - queue.bytes;
    this.sendWindow -= taken;
    owner.sendWindow -= taken;
    owner.queuedBytes -= taken;
    for (const { reached } of queue.reached()) reached();
    if (!isEnd) return true;
    this.#queue = null;
    this.#outputEnded();
    return false;
  }

  /** Bytes of the request's body; whether they are kept. */
  received(chunk: Buffer): boolean {
    if (this.expectedBytes !== null) this.expectedBytes -= chunk.length;
    if (this.#isReading || this.#hasOutputEnded) return this.#handOn(chunk);
    this.#held.push(chunk);
    this.#owner.holds(chunk.length);
    return true;
  }

  /** The client has ended its side. */
  inputEnded(): void {
    this.hasInputEnded = true;
    if (this.#isReading) this.#tellEnd();
    if (this.#hasOutputEnded) this.#owner.ended(this);
  }

  /** Nothing comes and nothing goes any more. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const held = this.#held.reduce((sum, { length }) => sum + length, 0);
    if (held > 0) this.#owner.holds(-held);
    this.#held = [];
    this.#owner.queuedBytes -= this.#queue?.bytes ?? 0;
    this.#queue = null;
    this.handler?.closed();
  }

  #handOn(chunk: Buffer): boolean {
    const { handler } = this;
    const isKept = handler === null || this.#hasOutputEnded ? false : handler.received(chunk);
    this.#owner.consumed(this, chunk.length);
    return isKept;
  }

  #tellEnd(): void {
    if (this.#wasEndTold || this.#isClosed || this.#held.length > 0) return;
    this.#wasEndTold = true;
    if (!this.#hasOutputEnded) this.handler?.inputEnded();
  }

  #sendHeaders(block: Buffer, endsStream: boolean): void {
    const owner = this.#owner;
    const one = { stream: this.id, endsStream, maxFrame: owner.maxFrame };
    owner.push(headerFrames(owner.headerBlock(block), one));
  }

  #send(): void {
    while (this.sendOne());
  }

  #outputEnded(): void {
    this.#hasOutputEnded = true;
    this.resume();
    if (this.hasInputEnded) this.#owner.ended(this);
  }
}
