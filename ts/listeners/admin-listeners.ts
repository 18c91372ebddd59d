import { createServer } from 'node:net';
import type { Admin } from '../api/admin/admin.js';
import { Door } from '../api/door.js';
import type { Logger } from '../logger.js';
import type { Security } from '../security/security.js';
import { Acceptor, type ListenOn } from './acceptor.js';
import { handTo } from './connections.js';

/** What the admin API listens on. */
export interface AdminSockets {
  readonly sockets: readonly ListenOn[];
  /** The port can be reached from this machine only. */
  readonly isLocal: boolean;
}

/** The listeners of the admin API, on the main thread: it changes what only that may change. */
export class AdminListeners {
  readonly #close: () => Promise<void>;
  #closing: Promise<void> | null = null;

  private constructor(close: () => Promise<void>) {
    this.#close = close;
  }

  /** Accepts connections; resolves once it does. */
  static async start(
    admin: Admin,
    { sockets, isLocal }: AdminSockets,
    logger: Logger,
    security: Security,
  ): Promise<AdminListeners> {
    const { createAdminServer } = await import('../api/admin/server.js');
    const started = await Promise.all(
      sockets.map(async (on) => {
        // A Unix socket has no host name that a page could be rebound to; its clients may send any.
        const app = await createAdminServer({
          admin,
          logger,
          isLocal: isLocal && on.path === null,
          door: Door.of(security, logger),
        });
        const hand = handTo(app.server);
        const next = on.path === null ? security.secure('admin', hand) : hand;
        const acceptor = new Acceptor(
          createServer({ noDelay: true, allowHalfOpen: true }, next),
          on,
          null,
        );
        await acceptor.listen();
        return { app, acceptor };
      }),
    );
    return new AdminListeners(async () => {
      for (const { acceptor } of started) acceptor.stop();
      for (const { app } of started) app.server.closeAllConnections();
      await Promise.all(started.map(({ app }) => app.close()));
    });
  }

  /** Accepts no more and ends what is open. Safe to call twice. */
  stop(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }
}
