import { Server as NetServer, type Socket } from 'node:net';
import { BACKLOG, closeFd, dupFd } from '../native/listener.js';

/** A bound socket that listens. */
export interface ListenOn {
  readonly fd: number;
  /** Of a Unix socket; null for a port. */
  readonly path: string | null;
}

/** How far above the mean a worker may be before it lets the others accept, and for how long. */
const SHARE = { factor: 2, spare: 8, pauseMs: 50 } as const;

/**
 * Connections per worker, in memory that all workers share.
 *
 * Every worker accepts from its own duplicate of one listening socket, so the kernel wakes whichever is free; a worker that has
 * gathered far more than its share stops accepting for a moment.
 */
export class Balance {
  readonly #counts: Int32Array;
  readonly #index: number;

  /** @param memory 4 bytes a worker */
  constructor(memory: SharedArrayBuffer, index: number) {
    this.#counts = new Int32Array(memory);
    this.#index = index;
  }

  add(connections: number): void {
    Atomics.add(this.#counts, this.#index, connections);
  }

  isFarAbove(): boolean {
    let total = 0;
    for (let i = 0; i < this.#counts.length; i++) total += Atomics.load(this.#counts, i);
    const mean = total / this.#counts.length;
    return Atomics.load(this.#counts, this.#index) > mean * SHARE.factor + SHARE.spare;
  }
}

/** Accepts connections for one server of this thread. */
export class Acceptor {
  readonly #server: NetServer;
  readonly #on: ListenOn;
  #resume: NodeJS.Timeout | null = null;
  #stopped = false;

  /** @param balance shared with the other workers; null for the only one */
  constructor(server: NetServer, on: ListenOn, balance: Balance | null) {
    this.#server = server;
    this.#on = on;
    if (balance !== null) server.on('connection', (socket: Socket) => this.#count(socket, balance));
  }

  /** Starts to accept; rejects with Node's error. */
  listen(): Promise<void> {
    return new Promise((resolve, reject) => {
      const failed = (error: Error): void => reject(error);
      this.#server.once('error', failed);
      const listening = (): void => {
        this.#server.off('error', failed);
        resolve();
      };
      // Node closes what it listens on, so it gets a duplicate and this thread keeps the descriptor. It sets the backlog anew, and for
      // descriptors takes it as an argument only: `{ fd, backlog }` means 511.
      this.#server.listen({ fd: dupFd(this.#on.fd) }, BACKLOG, listening);
    });
  }

  /** Accepts no more; connections stay. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    if (this.#resume !== null) clearTimeout(this.#resume);
    this.#closeHandle();
    closeFd(this.#on.fd);
  }

  #count(socket: Socket, balance: Balance): void {
    balance.add(1);
    socket.once('close', () => balance.add(-1));
    if (this.#resume !== null || !balance.isFarAbove()) return;
    this.#closeHandle();
    this.#resume = setTimeout(() => {
      this.#resume = null;
      if (!this.#stopped) void this.listen();
    }, SHARE.pauseMs);
  }

  /** Closes the listening handle alone: an HTTP server's own `close` would end idle connections too. */
  #closeHandle(): void {
    if (this.#server.listening) NetServer.prototype.close.call(this.#server);
  }
}
