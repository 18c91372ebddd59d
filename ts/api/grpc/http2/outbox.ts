import type { Socket } from 'node:net';

/** Parts that are together no larger are copied into one; above it, each is a part of one system call. */
const JOIN_UP_TO = 64 * 1024;
/** No more DATA is added while so much waits for the client to read. */
const ENOUGH_BYTES = 256 * 1024;
/** Nothing more is read from a client that leaves so much unread: answers to pings and settings have no window. */
const TOO_MUCH_BYTES = 1024 * 1024;

/** What goes out on a connection: gathered for a turn of the event loop, and written at once. */
export class Outbox {
  readonly #socket: Socket;
  readonly #parts: Buffer[] = [];
  #bytes = 0;
  #isScheduled = false;
  #isEnded = false;
  #isPaused = false;

  /** @param drained is called when there is room again after {@link isFull} */
  constructor(socket: Socket, drained: () => void) {
    this.#socket = socket;
    socket.on('drain', () => {
      if (this.#isPaused) {
        this.#isPaused = false;
        socket.resume();
      }
      drained();
    });
  }

  /** So much waits already that DATA should wait elsewhere. */
  get isFull(): boolean {
    return this.#bytes + this.#socket.writableLength >= ENOUGH_BYTES;
  }

  /** Adds bytes, which must not change any more. */
  push(part: Buffer): void {
    if (this.#isEnded) return;
    this.#parts.push(part);
    this.#bytes += part.length;
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    process.nextTick(this.#flush);
  }

  /** Writes what there is, and then no more. */
  end(): void {
    if (this.#isEnded) return;
    this.#write();
    this.#isEnded = true;
    this.#socket.end();
  }

  readonly #flush = (): void => {
    this.#isScheduled = false;
    this.#write();
  };

  #write(): void {
    const parts = this.#parts;
    const socket = this.#socket;
    const [first] = parts;
    if (first === undefined) return;
    if (socket.writable) {
      if (parts.length === 1) socket.write(first);
      else if (this.#bytes <= JOIN_UP_TO) socket.write(Buffer.concat(parts, this.#bytes));
      else {
        socket.cork();
        for (const part of parts) socket.write(part);
        socket.uncork();
      }
      if (socket.writableLength > TOO_MUCH_BYTES && !this.#isPaused) {
        this.#isPaused = true;
        socket.pause();
      }
    }
    parts.length = 0;
    this.#bytes = 0;
  }
}
