import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { ServingError } from '../errors.js';
import { bindListener, closeFd, dupFd, type Listener } from '../native/listener.js';
import type { Options } from '../options/options.js';
import type { ListenOn } from './acceptor.js';
import type { AdminSockets } from './admin-listeners.js';

/** Everything a server listens on: bound, and not accepting yet. */
export interface BoundSockets {
  readonly rest: readonly ListenOn[];
  readonly grpc: readonly ListenOn[];
  readonly admin: AdminSockets;
  /** The descriptors of the ports; whoever does not listen on one closes it. */
  readonly bound: readonly number[];
}

/** Descriptors that somebody else has bound for this process; null where the port is off. */
export interface GivenSockets {
  readonly grpc: number | null;
  readonly rest: number | null;
  readonly admin: number | null;
}

/**
 * Binds the ports of the options; their Unix sockets are only named.
 *
 * @param given takes these in place of binding
 * @throws {ServingError} `UNAVAILABLE` port in use; `INVALID_ARGUMENT` a host that has no address
 */
export async function bindSockets(
  options: Options,
  given: GivenSockets | null,
): Promise<BoundSockets> {
  const host = await address('--host', options.host);
  const adminHost = options.adminPort === 0 ? '' : await address('--admin_host', options.adminHost);
  const bound: number[] = [];
  const on = (
    at: string,
    port: number,
    path: string,
    inherited: number | null | undefined,
  ): ListenOn[] => {
    const list: ListenOn[] = [];
    if (port !== 0) {
      const fd = inherited == null ? bind(at, port).fd : adopt(inherited);
      bound.push(fd);
      list.push({ fd, path: null });
    }
    if (path !== '') list.push({ fd: null, path });
    return list;
  };
  try {
    const grpc = on(host, options.port, options.grpcSocketPath, given?.grpc);
    const rest = on(host, options.restApiPort, options.restApiSocketPath, given?.rest);
    const sockets = on(adminHost, options.adminPort, options.adminSocketPath, given?.admin);
    // A process that died left its Unix sockets behind.
    if (given !== null) await freeSocketPaths([...grpc, ...rest]);
    return { grpc, rest, admin: { sockets, isLocal: isLoopback(adminHost) }, bound };
  } catch (error) {
    for (const fd of bound) closeFd(fd);
    throw error;
  }
}

/** An inherited descriptor under a number that is closed on exec: processes that are started here must not hold the port open. */
function adopt(fd: number): number {
  const own = dupFd(fd);
  closeFd(fd);
  return own;
}

async function freeSocketPaths(sockets: readonly ListenOn[]): Promise<void> {
  const { freeSocketPath } = await import('../api/admin/server.js');
  for (const { path } of sockets) if (path !== null) await freeSocketPath(path);
}

/** Whether only this machine reaches an address; true for none. */
function isLoopback(host: string): boolean {
  return host === '' || host === '::1' || /^127\./.test(host);
}

/** The IP address to bind for a host name or address. */
async function address(flag: string, host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  try {
    return (await lookup(host)).address;
  } catch (cause) {
    const message = `${flag}: got "${host}", wanted an IP address or a name that resolves to one`;
    throw new ServingError('INVALID_ARGUMENT', message, { cause });
  }
}

/** Binds `host`; where there is no IPv6, "any address" means any IPv4 address. */
function bind(host: string, port: number): Listener {
  try {
    return bindListener({ host, port });
  } catch (error) {
    const isInUse = error instanceof ServingError && error.code !== 'INVALID_ARGUMENT';
    if (host !== '::' || (isInUse && /in use/.test((error as Error).message))) throw error;
    return bindListener({ host: '0.0.0.0', port });
  }
}
