import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Code } from '../../../errors.js';
import { Http2Connection } from '../http2/connection.js';
import { encodeBlock } from '../http2/hpack/encoder.js';
import type { RequestHeaders } from '../http2/request-headers.js';
import type { Http2Stream } from '../http2/stream.js';
import { Call } from './call.js';
import type { Deadlines } from './deadlines.js';
import type { Guard, Method } from './method.js';
import { type TransportSettings, timer } from './settings.js';
import { respondWithStatus, type Status } from './status.js';

/** What the connections of a server share. */
export interface ConnectionContext {
  readonly methods: ReadonlyMap<string, Method>;
  /** Null where every call may come in. */
  readonly guard: Guard | null;
  readonly settings: TransportSettings;
  readonly deadlines: Deadlines;
}

/** HTTP's own word for each. */
const UNSUPPORTED_MEDIA_TYPE = encodeBlock({ ':status': 415 });
const METHOD_NOT_ALLOWED = encodeBlock({ ':status': 405, allow: 'POST' });

const STOPPING: Status = { code: Code.UNAVAILABLE, details: 'The server is shutting down' };

/** One client's connection. */
export class Connection {
  readonly socket: Socket;
  readonly settings: TransportSettings;
  readonly deadlines: Deadlines;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #guard: Guard | null;
  readonly #http2: Http2Connection;
  /** Streams of answers to one message. */
  readonly #endless = new Set<Call>();
  #peer: string | null = null;
  #calls = 0;
  #idleSince = 0;
  #keepalive: NodeJS.Timeout | null = null;
  #idle: NodeJS.Timeout | null = null;
  #age: NodeJS.Timeout | null = null;

  /**
   * @param socket accepted, decrypted, and not read from
   * @param ended is called when the connection is no more
   */
  constructor(socket: Socket, context: ConnectionContext, ended: (it: Connection) => void) {
    const { methods, guard, settings, deadlines } = context;
    this.socket = socket;
    this.settings = settings;
    this.deadlines = deadlines;
    this.#methods = methods;
    this.#guard = guard;
    this.#http2 = new Http2Connection(socket, {
      // Without a limit one connection may open as many as it likes; clients queue above it.
      maxConcurrentStreams: settings.maxConcurrentStreams,
      accept: (stream, headers) => this.#accept(stream, headers),
      closed: () => {
        for (const each of [this.#keepalive, this.#idle, this.#age]) if (each) clearTimeout(each);
        ended(this);
      },
    });
    if (Number.isFinite(settings.maxIdleMs)) this.#idleSince = performance.now();
    this.#watchIdle(settings.maxIdleMs);
    this.#keepalive = timer(this.#ping, settings.keepaliveTimeMs);
    // Not all at once that were opened at once.
    this.#age = timer(this.#retire, settings.maxAgeMs * (0.9 + Math.random() * 0.2));
  }

  /** `ADDRESS:PORT` of the other side; `unknown` on a Unix socket. */
  get peer(): string {
    if (this.#peer === null) {
      const { remoteAddress, remotePort } = this.socket;
      if (remoteAddress === undefined) return 'unknown';
      this.#peer = remotePort ? `${remoteAddress}:${remotePort}` : remoteAddress;
    }
    return this.#peer;
  }

  /** The server stops: ends the streams that have no end of their own, then as `close`. */
  drain(): void {
    this.close();
    for (const each of this.#endless) each.stop(STOPPING);
  }

  /** Takes no more calls, tells the client so, and is closed when those under way have ended. */
  close(): void {
    this.#http2.close();
  }

  /** Cuts the connection off with the calls on it. */
  destroy(): void {
    this.#http2.destroy();
  }

  /** A call of this connection is no more. */
  ended(call: Call): void {
    if (call.method.kind === 'serverStream') this.#endless.delete(call);
    this.#calls -= 1;
    if (this.#calls === 0 && this.#idle !== null) this.#idleSince = performance.now();
  }

  #accept(stream: Http2Stream, headers: RequestHeaders): void {
    const type = headers['content-type'];
    if (type === undefined || !type.startsWith('application/grpc')) {
      stream.respondAlone(UNSUPPORTED_MEDIA_TYPE);
      return;
    }
    if (headers[':method'] !== 'POST') {
      stream.respondAlone(METHOD_NOT_ALLOWED);
      return;
    }
    const path = headers[':path'] ?? '';
    const method = this.#methods.get(path);
    if (method === undefined) {
      respondWithStatus(stream, {
        code: Code.UNIMPLEMENTED,
        details: `The server does not implement the method ${path}`,
      });
      return;
    }
    this.#calls += 1;
    const call = new Call(stream, headers, method, this);
    if (method.kind === 'serverStream') this.#endless.add(call);
    call.start(this.#guard);
  }

  #watchIdle(afterMs: number): void {
    this.#idle = timer(() => {
      const { maxIdleMs } = this.settings;
      const left = this.#calls > 0 ? maxIdleMs : this.#idleSince + maxIdleMs - performance.now();
      if (left <= 0) this.close();
      else this.#watchIdle(Math.ceil(left));
    }, afterMs);
  }

  readonly #ping = (): void => {
    const { keepaliveTimeMs, keepaliveTimeoutMs } = this.settings;
    this.#keepalive = timer(() => this.destroy(), keepaliveTimeoutMs);
    this.#http2.ping(() => {
      if (this.#keepalive !== null) clearTimeout(this.#keepalive);
      this.#keepalive = timer(this.#ping, keepaliveTimeMs);
    });
  };

  readonly #retire = (): void => {
    if (this.#http2.isClosing) return;
    this.#http2.close('max_age');
    this.#age = timer(() => this.destroy(), this.settings.maxAgeGraceMs);
  };
}
