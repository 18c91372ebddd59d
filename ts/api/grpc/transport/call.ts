import { Code } from '../../../errors.js';
import type { RequestBody } from '../../infer.js';
import type { RequestHeaders } from '../http2/request-headers.js';
import type { Http2Stream, StreamHandler } from '../http2/stream.js';
import { Answering } from './answer.js';
import type { Connection } from './connection.js';
import { LargeMessage } from './large-message.js';
import { decompress, HEAD_BYTES, MessageReader, wholeMessage } from './messages.js';
import type { Guard, Method, StreamReader } from './method.js';
import { CallError, type Status } from './status.js';

const EMPTY = Buffer.alloc(0);
/** What a handler throws is a defect, and tells clients nothing. */
const UNEXPECTED: Status = { code: Code.UNKNOWN, details: 'Unknown error' };

/** One RPC on its way. */
export class Call extends Answering implements StreamHandler {
  /** The message of a method that takes one; empty while {@link body} is a large one. */
  request: Buffer = EMPTY;
  /** What the guard that let it in keeps of it. */
  entered: object | null = null;
  #guard: Guard | null = null;
  #large: LargeMessage | null = null;
  #reader: MessageReader | null = null;
  #streamReader: StreamReader | null = null;
  #hasRequest = false;
  /** The next message may be looked for. */
  #wants = true;
  #isReading = false;
  /** The client has ended its side, and then: its last message was handed on. */
  #hasEnded = false;
  #hasFinished = false;

  constructor(
    stream: Http2Stream,
    headers: RequestHeaders,
    method: Method,
    connection: Connection,
  ) {
    super(stream, headers, method, connection);
    stream.handler = this;
  }

  /** The message of a method that takes one, in whichever memory it is. */
  get body(): RequestBody {
    return this.#large?.body ?? this.request;
  }

  /** How long that is. */
  get bodyBytes(): number {
    return this.#large?.body.bytes ?? this.request.length;
  }

  /** Begins to read, once the guard (null where there is none) lets the call in. */
  start(guard: Guard | null): void {
    this.readDeadline();
    if (this.isGone()) return;
    if (guard === null) {
      this.#read();
      return;
    }
    this.#guard = guard;
    try {
      const entered = guard.enter(this);
      if (entered === undefined) this.#read();
      else {
        entered.then(
          () => this.#read(),
          (error: unknown) => this.stop(guard.status(error)),
        );
      }
    } catch (error) {
      this.stop(guard.status(error));
    }
  }

  /** Asks for the next message of a client's stream; nothing more is read until then. */
  next(): void {
    this.#wants = true;
    this.#pump();
  }

  received(chunk: Buffer): boolean {
    if (this.isGone()) return false;
    const { maxReceiveBytes } = this.connection.settings;
    let bytes: Buffer | null = chunk;
    if (this.#reader === null) {
      if (this.method.kind !== 'bidiStream') {
        if (!this.#hasRequest) {
          const whole = wholeMessage(chunk, maxReceiveBytes);
          if (whole !== null) {
            this.request = whole;
            this.#hasRequest = true;
            return true;
          }
        }
        bytes = this.#receiveLarge(chunk);
        if (bytes === null) return false;
      }
      this.#reader = new MessageReader(maxReceiveBytes);
    }
    this.#reader.push(bytes);
    this.#pump();
    return true;
  }

  /** Takes what belongs to a large message; returns the rest, null for nothing. */
  #receiveLarge(chunk: Buffer): Buffer | null {
    const { method } = this;
    try {
      if (this.#large !== null) return this.#large.take(chunk);
      if (this.#hasRequest || method.kind === 'bidiStream' || method.openBody === undefined) {
        return chunk;
      }
      const { maxReceiveBytes } = this.connection.settings;
      this.#large = LargeMessage.begin(chunk, maxReceiveBytes, method.openBody);
      if (this.#large === null) return chunk;
      this.#hasRequest = true;
      return this.#large.take(chunk.subarray(HEAD_BYTES));
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.stop(error.status);
      return null;
    }
  }

  inputEnded(): void {
    this.#hasEnded = true;
    if (this.#reader === null) this.#finish();
    else this.#pump();
  }

  #read(): void {
    if (this.isGone()) return;
    const { method } = this;
    if (method.kind === 'bidiStream') {
      const isOpen = this.#run(() => {
        this.#streamReader = method.open(this);
      });
      if (!isOpen) return;
    }
    this.stream.resume();
  }

  /** Goes on with what has come for as long as messages are wanted. */
  #pump(): void {
    // A handler that asks for the next message from within this loop gets it here.
    if (this.#isReading) return;
    this.#isReading = true;
    while (this.#wants && !this.isGone()) {
      const message = this.#nextMessage();
      if (message === null) break;
      this.#wants = false;
      if (message.isCompressed) this.#decompress(message.bytes);
      else this.#take(message.bytes);
    }
    this.#isReading = false;
    if (this.isGone()) this.#reader = null;
    else if (this.#wants && this.#hasEnded) this.#finish();
    else if (this.#wants) this.stream.resume();
    else if (!this.#hasEnded) this.stream.pause();
  }

  #nextMessage() {
    try {
      return this.#reader?.next() ?? null;
    } catch (error) {
      if (!(error instanceof CallError)) throw error;
      this.stop(error.status);
      return null;
    }
  }

  #decompress(bytes: Buffer): void {
    const { maxReceiveBytes } = this.connection.settings;
    decompress(bytes, this.header('grpc-encoding'), maxReceiveBytes, (failure, message) => {
      if (failure !== null) this.stop(failure.status);
      else {
        this.#take(message);
        this.#pump();
      }
    });
  }

  #take(message: Buffer): void {
    if (this.isGone()) return;
    if (this.method.kind === 'bidiStream') {
      if (this.#lets(message)) this.#run(() => this.#streamReader?.message(message));
      return;
    }
    if (this.#hasRequest) {
      this.#refuseCount('a second');
      return;
    }
    this.request = message;
    this.#hasRequest = true;
    this.#wants = true;
  }

  /** The client has sent all it will, and all of it was read. */
  #finish(): void {
    if (this.#hasFinished || this.isGone()) return;
    this.#hasFinished = true;
    const { method } = this;
    if (this.#reader?.isEmpty === false || this.#large?.isWhole === false) {
      this.stop({ code: Code.INTERNAL, details: 'The request ended inside a message' });
    } else if (method.kind === 'bidiStream') this.#run(() => this.#streamReader?.end());
    else if (!this.#hasRequest) this.#refuseCount('no');
    else if (this.#guard === null || this.#lets(this.body)) {
      this.#reader = null;
      try {
        method.handler(this);
      } catch {
        this.stop(UNEXPECTED);
      }
    }
  }

  /** Whether the guard lets a message pass; the call is over where it does not. */
  #lets(message: RequestBody): boolean {
    const guard = this.#guard;
    if (guard === null) return true;
    try {
      guard.message(this, message);
      return true;
    } catch (error) {
      this.stop(guard.status(error));
      return false;
    }
  }

  /** Runs a part of a stream's handler; false where that has thrown. */
  #run(work: () => void): boolean {
    try {
      work();
      return true;
    } catch {
      this.stop(UNEXPECTED);
      return false;
    }
  }

  override closed(): void {
    this.connection.ended(this);
    super.closed();
  }

  protected letGo(): void {
    this.#large?.body.close();
  }

  #refuseCount(count: string): void {
    this.stop({
      code: Code.UNIMPLEMENTED,
      details: `Received ${count} request message for method ${this.method.path}`,
    });
  }
}
