import type { Socket } from 'node:net';
import { Connection, type ConnectionContext } from './connection.js';
import { Deadlines } from './deadlines.js';
import type { Guard, Method } from './method.js';
import type { TransportSettings } from './settings.js';

/** gRPC over HTTP/2 for connections that somebody else accepts: messages are bytes, in and out. */
export class Transport {
  readonly #context: ConnectionContext;
  readonly #connections = new Set<Connection>();
  #isStopping = false;
  #drained: (() => void) | null = null;

  /** @param guard decides which calls come in; null where all do */
  constructor(methods: readonly Method[], settings: TransportSettings, guard: Guard | null) {
    this.#context = {
      methods: new Map(methods.map((method) => [method.path, method])),
      guard,
      settings,
      deadlines: new Deadlines(),
    };
  }

  /** Serves one accepted connection: a TCP, Unix or TLS socket. */
  accept(socket: Socket): void {
    if (this.#isStopping) {
      socket.destroy();
      return;
    }
    this.#connections.add(new Connection(socket, this.#context, this.#forget));
  }

  /** Tells clients to go elsewhere and waits for running calls; after `deadlineMs` they are cut off. */
  async stop(deadlineMs: number): Promise<void> {
    this.#isStopping = true;
    if (this.#connections.size === 0) return;
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      this.#drained = resolve;
      timer = setTimeout(resolve, deadlineMs);
      for (const each of this.#connections) each.drain();
    });
    clearTimeout(timer);
    for (const each of this.#connections) each.destroy();
  }

  readonly #forget = (connection: Connection): void => {
    this.#connections.delete(connection);
    if (this.#connections.size === 0) this.#drained?.();
  };
}
