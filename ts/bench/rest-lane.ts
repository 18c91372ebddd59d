import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { AnswerReader } from './answer-reader.js';
import { type Endpoint, failureOf, type Lane, OK, type Outcome } from './lane.js';

/** One HTTP request. */
export interface RestRequest {
  readonly path: string;
  readonly contentType: string;
  readonly body: Buffer;
}

/** The bytes of one keep-alive POST. */
export function postBytes({ host, port, headers }: Endpoint, request: RestRequest): Buffer {
  const { path, contentType, body } = request;
  const name = host.includes(':') ? `[${host}]` : host;
  const lines = [
    `POST ${path} HTTP/1.1`,
    `Host: ${name}:${port}`,
    `Content-Type: ${contentType}`,
    `Content-Length: ${body.length}`,
    ...Object.entries(headers).map(([key, value]) => `${key}: ${value}`),
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), body]);
}

/** A keep-alive connection that sends one POST again and again. */
export class RestLane implements Lane {
  readonly #endpoint: Endpoint;
  readonly #bytes: Buffer;
  #socket: Socket | null = null;
  #settle: ((outcome: Outcome) => void) | null = null;
  readonly #timer: NodeJS.Timeout;

  constructor(endpoint: Endpoint, request: RestRequest) {
    this.#endpoint = endpoint;
    this.#bytes = postBytes(endpoint, request);
    this.#timer = setTimeout(() => this.#drop('timeout'), endpoint.timeoutMs);
    clearTimeout(this.#timer);
  }

  send(): Promise<Outcome> {
    return new Promise((resolve) => {
      this.#settle = resolve;
      this.#timer.refresh();
      this.#socket ??= this.#open();
      this.#socket.write(this.#bytes);
    });
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#socket?.destroy();
    this.#socket = null;
  }

  #open(): Socket {
    const { host, port, tls } = this.#endpoint;
    const servername = isIP(host) === 0 ? { servername: host } : {};
    const socket = tls
      ? connectTls({ host, port, ...servername, ALPNProtocols: ['http/1.1'] })
      : connectPlain({ host, port });
    socket.setNoDelay(true);
    const reader = new AnswerReader(({ status, keepAlive }) => {
      const outcome = status >= 200 && status < 300 ? OK : String(status);
      if (keepAlive) this.#answer(outcome);
      else this.#drop(outcome);
    });
    socket.on('data', (chunk) => reader.push(chunk));
    socket.on('error', (error) => {
      if (this.#socket === socket) this.#drop(failureOf(error));
    });
    socket.on('close', () => {
      if (reader.end() || this.#socket !== socket) return;
      this.#drop('connection closed');
    });
    return socket;
  }

  #answer(outcome: Outcome): void {
    clearTimeout(this.#timer);
    const settle = this.#settle;
    this.#settle = null;
    settle?.(outcome);
  }

  /** Ends the connection, and the request on it. */
  #drop(outcome: Outcome): void {
    this.#socket?.destroy();
    this.#socket = null;
    this.#answer(outcome);
  }
}
