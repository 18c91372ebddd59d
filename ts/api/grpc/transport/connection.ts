import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { Code } from '../../../errors.js';
import { Call } from './call.js';
import type { Deadlines } from './deadlines.js';
import type { Guard, Method } from './method.js';
import { type TransportSettings, timer } from './settings.js';
import { respondWithStatus, type Status, WITHOUT_BODY } from './status.js';

/** What the connections of a server share. */
export interface ConnectionContext {
  readonly methods: ReadonlyMap<string, Method>;
  /** Null where every call may come in. */
  readonly guard: Guard | null;
  readonly settings: TransportSettings;
  readonly deadlines: Deadlines;
}

/** HTTP's own word for each. */
const UNSUPPORTED_MEDIA_TYPE = { ':status': 415 } as const;
const METHOD_NOT_ALLOWED = { ':status': 405, allow: 'POST' } as const;
/** What a client may send ahead, in bytes, on a call and on all of a connection. With HTTP/2's 64 KiB a large request comes in many turns. */
const STREAM_WINDOW = 512 * 1024;
const CONNECTION_WINDOW = 1024 * 1024;
/** The largest stream number: no call is refused yet. */
const LAST_STREAM = 2 ** 31 - 1;

const STOPPING: Status = { code: Code.UNAVAILABLE, details: 'The server is shutting down' };

function onStreamError(): void {
  // The stream is closed too.
}

/** One client's connection. */
export class Connection {
  readonly socket: Socket;
  readonly settings: TransportSettings;
  readonly deadlines: Deadlines;
  readonly #methods: ReadonlyMap<string, Method>;
  readonly #guard: Guard | null;
  readonly #session: ServerHttp2Session;
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
    const session = performServerHandshake(socket, {
      maxSendHeaderBlockLength: Number.MAX_SAFE_INTEGER,
      maxSessionMemory: settings.maxSessionMemory,
      // Each open stream costs 8 kB, and without a limit one connection may open as many as it likes; clients queue above it.
      settings: {
        maxConcurrentStreams: settings.maxConcurrentStreams,
        initialWindowSize: STREAM_WINDOW,
      },
    });
    if (!session.destroyed) session.setLocalWindowSize(CONNECTION_WINDOW);
    this.#session = session;
    session.on('stream', (stream, headers) => this.#accept(stream, headers));
    // What has broken it is the client's affair; Node closes it.
    session.on('error', () => undefined);
    session.on('close', () => {
      for (const each of [this.#keepalive, this.#idle, this.#age]) if (each) clearTimeout(each);
      ended(this);
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
    if (!this.#session.closed) this.#session.close();
  }

  /** Cuts the connection off with the calls on it. */
  destroy(): void {
    this.#session.destroy(undefined, constants.NGHTTP2_CANCEL);
    // After a `close` Node waits for the client to close its side too.
    setImmediate(() => this.socket.destroy());
  }

  /** A call of this connection is no more. */
  ended(call: Call): void {
    if (call.method.kind === 'serverStream') this.#endless.delete(call);
    this.#calls -= 1;
    if (this.#calls === 0 && this.#idle !== null) this.#idleSince = performance.now();
  }

  #accept(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const type = headers['content-type'];
    if (type === undefined || !type.startsWith('application/grpc')) {
      stream.on('error', onStreamError);
      stream.respond(UNSUPPORTED_MEDIA_TYPE, WITHOUT_BODY);
      return;
    }
    if (headers[':method'] !== 'POST') {
      stream.on('error', onStreamError);
      stream.respond(METHOD_NOT_ALLOWED, WITHOUT_BODY);
      return;
    }
    const path = headers[':path'] ?? '';
    const method = this.#methods.get(path);
    if (method === undefined) {
      stream.on('error', onStreamError);
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
    if (this.#session.destroyed) return;
    const cut = (): void => this.destroy();
    this.#keepalive = timer(cut, keepaliveTimeoutMs);
    const answered = (error: Error | null): void => {
      if (this.#keepalive !== null) clearTimeout(this.#keepalive);
      if (error !== null) cut();
      else this.#keepalive = timer(this.#ping, keepaliveTimeMs);
    };
    try {
      if (!this.#session.ping(answered)) cut();
    } catch {
      cut();
    }
  };

  /** The client is told first, so that no call is lost which it sends meanwhile. */
  readonly #retire = (): void => {
    if (this.#session.closed || this.#session.destroyed) return;
    this.#session.goaway(constants.NGHTTP2_NO_ERROR, LAST_STREAM, Buffer.from('max_age'));
    this.close();
    this.#age = timer(() => this.destroy(), this.settings.maxAgeGraceMs);
  };
}
