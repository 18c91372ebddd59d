import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import type { RunningServer } from '../support/server.js';

/** Time between looks at an instance's health, in milliseconds: a balancer's. */
const LOOK_MS = 100;

interface Instance {
  readonly server: RunningServer;
  ready: boolean;
  timer: NodeJS.Timeout | null;
}

/** A TCP balancer: new connections go to instances that say they are ready, in turn; open ones stay where they are. */
export class Balancer {
  readonly #instances: Instance[] = [];
  readonly #fronts: Server[] = [];
  readonly #sockets = new Set<Socket>();
  #turn = 0;

  /** Opens a port that stands for a port of every instance. */
  async front(portOf: (server: RunningServer) => number): Promise<number> {
    const front = createServer({ noDelay: true }, (client) => this.#join(client, portOf));
    this.#fronts.push(front);
    await new Promise<void>((resolve) => front.listen(0, '127.0.0.1', resolve));
    return (front.address() as AddressInfo).port;
  }

  /** Takes an instance in; resolves once it is ready. */
  async add(server: RunningServer): Promise<void> {
    const instance: Instance = { server, ready: false, timer: null };
    this.#instances.push(instance);
    await new Promise<void>((resolve) => {
      const look = async (): Promise<void> => {
        instance.ready = await isReady(server);
        if (instance.ready) resolve();
        instance.timer = setTimeout(look, LOOK_MS);
      };
      void look();
    });
  }

  /** Forgets an instance that has gone. */
  remove(server: RunningServer): void {
    const at = this.#instances.findIndex((it) => it.server === server);
    const [gone] = this.#instances.splice(at, 1);
    if (gone?.timer) clearTimeout(gone.timer);
  }

  close(): void {
    for (const { server } of [...this.#instances]) this.remove(server);
    for (const front of this.#fronts) front.close();
    for (const socket of this.#sockets) socket.destroy();
  }

  #join(client: Socket, portOf: (server: RunningServer) => number): void {
    const ready = this.#instances.filter((it) => it.ready);
    this.#turn += 1;
    const instance = ready[this.#turn % ready.length];
    if (instance === undefined) {
      client.destroy();
      return;
    }
    const server = connect({ port: portOf(instance.server), host: '127.0.0.1', noDelay: true });
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.on('close', () => this.#sockets.delete(socket));
    }
    client.on('error', () => server.destroy());
    server.on('error', () => client.destroy());
    client.pipe(server).pipe(client);
  }
}

async function isReady({ rest }: RunningServer): Promise<boolean> {
  try {
    return (await fetch(`${rest}/healthz/ready`, { headers: { connection: 'close' } })).ok;
  } catch {
    return false;
  }
}
