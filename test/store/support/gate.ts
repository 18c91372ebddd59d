import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** A loopback port that leads to another as long as it is open: closing it is an outage. */
export class Gate {
  open = true;
  readonly #sockets = new Set<Socket>();
  readonly #server;

  private constructor(port: number) {
    this.#server = createServer((client) => {
      if (!this.open) {
        client.destroy();
        return;
      }
      const server = connect(port, '127.0.0.1');
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        this.#sockets.add(from);
        from.on('error', () => to.destroy());
        from.on('close', () => {
          this.#sockets.delete(from);
          to.destroy();
        });
        from.pipe(to);
      }
    });
  }

  static async before(port: number): Promise<Gate> {
    const gate = new Gate(port);
    await new Promise<void>((resolve) => gate.#server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => {
      gate.close();
      gate.#server.close();
    });
    return gate;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Ends every connection and takes no more. */
  close(): void {
    this.open = false;
    for (const socket of this.#sockets) socket.destroy();
  }
}
