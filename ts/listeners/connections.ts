import type { Server as HttpServer } from 'node:http';
import type { Socket } from 'node:net';

/** Time a refused client gets to read why, in milliseconds. */
const LINGER_MS = 1000;

const DOCUMENT = '{\n    "error": "Too many connections (--max_connections)"\n}';
/** What a REST client reads that is one too many. */
export const TOO_MANY = [
  'HTTP/1.1 503 Service Unavailable',
  'Content-Type: application/json',
  `Content-Length: ${DOCUMENT.length}`,
  'Retry-After: 1',
  'Connection: close',
  '',
  DOCUMENT,
].join('\r\n');

/** Counts the connections of a listener, and with those of all listeners and workers refuses what is too many. */
export class Connections {
  readonly #all: Int32Array;
  readonly #most: number;
  readonly #farewell: string | null;
  #open = 0;

  /**
   * @param all one number that all threads share
   * @param farewell what a refused client is sent; null for a protocol that has no words for it
   */
  constructor(all: Int32Array, most: number, farewell: string | null) {
    this.#all = all;
    this.#most = most;
    this.#farewell = farewell;
  }

  /** Connections of this listener in this thread. */
  get open(): number {
    return this.#open;
  }

  /** Hands a connection on unless it is one too many. */
  take(socket: Socket, hand: (socket: Socket) => void): void {
    const open = Atomics.add(this.#all, 0, 1) + 1;
    this.#open += 1;
    socket.once('close', () => {
      this.#open -= 1;
      Atomics.sub(this.#all, 0, 1);
    });
    if (open > this.#most) refuse(socket, this.#farewell);
    else hand(socket);
  }
}

/** Lets an HTTP server that does not listen itself serve the connections it is handed. */
export function handTo(server: HttpServer): (socket: Socket) => void {
  // Node starts its watch over slow clients when a server begins to listen, which this one never does.
  server.emit('listening');
  return (socket) => void server.emit('connection', socket);
}

function refuse(socket: Socket, farewell: string | null): void {
  // What becomes of a connection that is refused is of no interest.
  socket.on('error', () => socket.destroy());
  if (farewell === null) {
    socket.destroy();
    return;
  }
  socket.resume().end(farewell);
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  socket.once('close', () => clearTimeout(timer));
}
