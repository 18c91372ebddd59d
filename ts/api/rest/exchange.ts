import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Observation } from '../../observe/observer.js';
import { requestId } from '../../request-id.js';

/** What answers look at of a request: fastify's, or an {@link Exchange}. */
export interface Asked {
  readonly raw: IncomingMessage;
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
}

/** What an answer is written to: fastify's reply, or an {@link Exchange}. */
export interface Answered {
  statusCode: number;
  /** Sets a header; its name is in lower case. */
  header(name: string, value: string): unknown;
  hasHeader(name: string): boolean;
  /** Sends the body, once. */
  send(body: Buffer): unknown;
}

/**
 * One request under `/v1/` and its answer.
 *
 * These do not go through fastify: its routing, hooks and reply cost a fifth of a small inference (ARCHITECTURE.md has the figures).
 */
export class Exchange implements Asked, Answered {
  readonly raw: IncomingMessage;
  readonly response: ServerResponse;
  /** The client's `x-request-id`, or one made here. */
  readonly id: string;
  statusCode = 200;
  /** Null where nothing watches. */
  observation: Observation | null = null;
  /** Bytes of the answer's body; 0 until it is sent. */
  bytesSent = 0;
  /** Names and values in turn, which Node writes as they are. */
  readonly #headers: string[];

  constructor(raw: IncomingMessage, response: ServerResponse) {
    this.raw = raw;
    this.response = response;
    this.id = requestId(raw.headers['x-request-id']);
    this.#headers = ['x-request-id', this.id];
  }

  get method(): string {
    return this.raw.method ?? '';
  }

  get headers(): IncomingHttpHeaders {
    return this.raw.headers;
  }

  /** Sets a header, in place of an earlier one of that name; `vary` gathers its values. */
  header(name: string, value: string): void {
    const headers = this.#headers;
    for (let i = 0; i < headers.length; i += 2) {
      if (headers[i] !== name) continue;
      headers[i + 1] = name === 'vary' ? `${headers[i + 1]}, ${value}` : value;
      return;
    }
    headers.push(name, value);
  }

  hasHeader(name: string): boolean {
    const headers = this.#headers;
    for (let i = 0; i < headers.length; i += 2) if (headers[i] === name) return true;
    return false;
  }

  /** Sends the answer; nothing where there is one already. */
  send(body: Buffer): void {
    const { response } = this;
    if (response.headersSent) return;
    this.bytesSent = body.length;
    this.#headers.push('content-length', String(body.length));
    response.writeHead(this.statusCode, this.#headers);
    response.end(body);
  }
}
