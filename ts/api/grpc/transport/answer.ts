import { performance } from 'node:perf_hooks';
import { Code } from '../../../errors.js';
import type { Observation } from '../../../observe/observer.js';
import type { RequestHeaders } from '../http2/request-headers.js';
import type { Http2Stream } from '../http2/stream.js';
import type { Connection } from './connection.js';
import { timeoutMs } from './deadlines.js';
import { HEAD_BYTES, headOf } from './messages.js';
import type { CallWatcher, Method } from './method.js';
import { answerBlock, OK_TRAILERS, respondWithStatus, type Status, trailersOf } from './status.js';

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
  protected readonly stream: Http2Stream;
  readonly #headers: RequestHeaders;
  #cancel: (() => void) | null = null;
  #hasHeaders = false;
  #isOver = false;

  constructor(
    stream: Http2Stream,
    headers: RequestHeaders,
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
    return this.#headers[name];
  }

  /** Calls `listener` if the call ends before it is answered: the client has left, or its time is up. */
  onCancel(listener: () => void): void {
    this.#cancel = listener;
  }

  /** Sends the answer's headers now, with initial metadata: lower-case names, printable ASCII values. */
  sendHeaders(metadata: Readonly<Record<string, string>> | null): void {
    if (this.#hasHeaders || this.isGone()) return;
    this.#hasHeaders = true;
    this.stream.respond(answerBlock(metadata));
  }

  /** Answers with one message and the status OK. */
  reply(message: Buffer): void {
    if (this.isGone() || !this.#canSend(message)) return;
    this.#over(Code.OK, message.length);
    const head = headOf(message);
    if (this.#hasHeaders) {
      this.stream.write(head, message, null);
      this.stream.end(OK_TRAILERS);
    } else this.stream.respondWhole(answerBlock(null), head, message, OK_TRAILERS);
  }

  /** Sends one message of several; `sent` is called once it is on its way, and never if the call ends before. */
  write(message: Buffer, sent: (() => void) | null = null): void {
    if (this.isGone() || !this.#canSend(message)) return;
    this.sendHeaders(null);
    this.stream.write(headOf(message), message, sent);
  }

  /** Ends a stream of messages with the status OK. */
  end(): void {
    if (this.isGone()) return;
    this.#over(Code.OK, 0);
    if (this.#hasHeaders) this.stream.end(OK_TRAILERS);
    else respondWithStatus(this.stream, { code: Code.OK, details: '' });
  }

  /** Ends the call with a status that is not OK. */
  fail(status: Status): void {
    if (this.isGone()) return;
    this.#over(status.code, 0);
    // The rest of the request is thrown away. A reset would tell the client to stop, but overtakes the status on a slow connection.
    if (this.#hasHeaders) this.stream.end(trailersOf(status));
    else respondWithStatus(this.stream, status);
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

  /** Answered, or nobody is there to be answered. The stream knows that before it says so. */
  protected isGone(): boolean {
    return this.#isOver || this.stream.isClosed;
  }

  /** Reads the client's deadline; the call fails of one that is none. */
  protected readDeadline(): void {
    const given = this.#headers['grpc-timeout'];
    if (given === undefined) return;
    const timeout = timeoutMs(given);
    if (timeout === null) {
      this.fail({ code: Code.INTERNAL, details: `Invalid grpc-timeout value "${given}"` });
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
