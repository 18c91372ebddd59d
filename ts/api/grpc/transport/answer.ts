import type { IncomingHttpHeaders, ServerHttp2Stream } from 'node:http2';
import { performance } from 'node:perf_hooks';
import { Code } from '../../../errors.js';
import type { Observation } from '../../../observe/observer.js';
import type { Connection } from './connection.js';
import { timeoutMs } from './deadlines.js';
import { framed, HEAD_BYTES, headOf } from './messages.js';
import type { CallWatcher, Method } from './method.js';
import {
  ANSWER,
  type Block,
  OK_TRAILERS,
  respondWithStatus,
  type Status,
  trailersOf,
  WITH_TRAILERS,
} from './status.js';

/** Messages up to this size are sent in one piece with their head; copying larger ones costs more than a second piece. */
const COPY_UP_TO = 32 * 1024;

/** The answering side of an RPC: its one end is a status, which is sent once. */
export abstract class Answering {
  readonly method: Method;
  readonly connection: Connection;
  /** When the client gives up, on this thread's `performance.now()` clock; 0 is never. */
  deadlineMs = 0;
  /** Null where nothing watches. */
  observation: Observation | null = null;
  /** Set before the handler returns by whoever wants to know how the call ends. */
  watcher: CallWatcher | null = null;
  protected readonly stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  #trailers: Block = OK_TRAILERS;
  #cancel: (() => void) | null = null;
  #hasHeaders = false;
  #isOver = false;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    method: Method,
    connection: Connection,
  ) {
    this.stream = stream;
    this.#headers = headers;
    this.method = method;
    this.connection = connection;
  }

  /** The value of an entry of the metadata; several are joined by commas. That of a `-bin` entry is its base64. */
  header(name: string): string | undefined {
    const value = this.#headers[name];
    return typeof value === 'object' ? value.join(',') : value;
  }

  /** Calls `listener` if the call ends before it is answered: the client has left, or its time is up. */
  onCancel(listener: () => void): void {
    this.#cancel = listener;
  }

  /** Sends the answer's headers now, with initial metadata: lower-case names, printable ASCII values. */
  sendHeaders(metadata: Readonly<Record<string, string>> | null): void {
    if (this.#hasHeaders || this.isGone()) return;
    this.#hasHeaders = true;
    this.stream.respond(metadata === null ? ANSWER : { ...ANSWER, ...metadata }, WITH_TRAILERS);
  }

  /** Answers with one message and the status OK. */
  reply(message: Buffer): void {
    if (this.isGone() || !this.#canSend(message)) return;
    this.sendHeaders(null);
    this.#over(Code.OK, message.length);
    if (message.length <= COPY_UP_TO) this.stream.end(framed(message));
    else {
      this.#writeInParts(message);
      this.stream.end();
    }
  }

  /** Sends one message of several; `sent` is called once it is on its way, and never if the call ends before. */
  write(message: Buffer, sent: (() => void) | null = null): void {
    if (this.isGone() || !this.#canSend(message)) return;
    this.sendHeaders(null);
    const done = (error?: Error | null): void => {
      if (!error) sent?.();
    };
    if (message.length <= COPY_UP_TO) this.stream.write(framed(message), done);
    else this.#writeInParts(message, done);
  }

  /** Ends a stream of messages with the status OK. */
  end(): void {
    if (this.isGone()) return;
    this.#over(Code.OK, 0);
    if (this.#hasHeaders) this.stream.end();
    else respondWithStatus(this.stream, { code: Code.OK, details: '' });
  }

  /** Ends the call with a status that is not OK. */
  fail(status: Status): void {
    if (this.isGone()) return;
    this.#over(status.code, 0);
    if (this.#hasHeaders) {
      this.#trailers = trailersOf(status);
      this.stream.end();
    } else respondWithStatus(this.stream, status);
    // The rest of the request is thrown away. A reset would tell the client to stop, but overtakes the status on a slow connection.
    this.stream.resume();
  }

  /** Ends a call that its handler may be working on, and tells that. */
  stop(status: Status): void {
    if (this.isGone()) return;
    this.fail(status);
    this.#cancelled();
  }

  /** The deadline has come. */
  expire(): void {
    this.stop({ code: Code.DEADLINE_EXCEEDED, details: 'Deadline exceeded' });
  }

  /** The stream is no more. */
  closed(): void {
    if (this.#isOver) return;
    const isLate = this.deadlineMs > 0 && this.deadlineMs <= performance.now();
    this.#over(isLate ? Code.DEADLINE_EXCEEDED : Code.CANCELLED, 0);
    this.#cancelled();
  }

  /** The last message is on its way. */
  sendTrailers(): void {
    if (this.stream.destroyed || this.stream.closed) return;
    this.stream.sendTrailers(this.#trailers);
  }

  /** Answered, or nobody is there to be answered. The stream knows that before it says so. */
  protected isGone(): boolean {
    return this.#isOver || this.stream.destroyed || this.stream.closed;
  }

  /** Reads the client's deadline; the call fails of one that is none. */
  protected readDeadline(): void {
    const given = this.#headers['grpc-timeout'];
    if (given === undefined) return;
    const text = String(given);
    const timeout = timeoutMs(text);
    if (timeout === null) {
      this.fail({ code: Code.INTERNAL, details: `Invalid grpc-timeout value "${text}"` });
      return;
    }
    this.deadlineMs = performance.now() + timeout;
    this.connection.deadlines.await(this);
  }

  /** Whether a message may be sent; fails the call where it is too large. */
  #canSend(message: Buffer): boolean {
    const { maxSendBytes } = this.connection.settings;
    if (message.length <= maxSendBytes) return true;
    this.stop({
      code: Code.RESOURCE_EXHAUSTED,
      details: `Sent message larger than max (${message.length + HEAD_BYTES} vs. ${maxSendBytes})`,
    });
    return false;
  }

  #writeInParts(message: Buffer, sent?: (error?: Error | null) => void): void {
    this.stream.cork();
    this.stream.write(headOf(message));
    this.stream.write(message, sent);
    this.stream.uncork();
  }

  #cancelled(): void {
    const cancel = this.#cancel;
    this.#cancel = null;
    cancel?.();
  }

  /** The call is over: what it holds is let go. */
  protected abstract letGo(): void;

  #over(code: number, bytes: number): void {
    this.#isOver = true;
    this.letGo();
    if (this.deadlineMs > 0) this.connection.deadlines.forget(this);
    this.watcher?.ended(code, bytes);
  }
}
