import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { ServingError } from '../errors.js';
import { bindListener, closeFd, dupFd, type Listener } from '../native/listener.js';
import type { Options } from '../options/options.js';
import type { ListenOn } from './acceptor.js';
import type { AdminSockets } from './admin-listeners.js';
import { bindSocketFile, type SocketFile } from './socket-file.js';

/** Only the server's own user may connect to the admin API's Unix socket. */
const ADMIN_MODE = 0o600;

/** Everything a server listens on: bound, and not accepting yet. */
export interface BoundSockets {
  readonly rest: readonly ListenOn[];
  readonly grpc: readonly ListenOn[];
  readonly admin: AdminSockets;
  /** All their descriptors; whoever does not listen on one closes it. */
  readonly bound: readonly number[];
  /** The Unix sockets that were bound here. */
  readonly files: readonly SocketFile[];
}

/** Descriptors of one listener that somebody else has bound for this process; null for what is off. */
export interface GivenPair {
  readonly port: number | null;
  readonly unix: number | null;
}

/** The same of all listeners. */
export interface GivenSockets {
  readonly grpc: GivenPair;
  readonly rest: GivenPair;
  readonly admin: GivenPair;
}

interface Wanted {
  readonly host: string;
  readonly port: number;
  readonly path: string;
  readonly mode?: number;
  readonly given: GivenPair | undefined;
}

/**
 * Binds the ports and Unix sockets of the options.
 *
 * @param given takes these in place of binding
 * @throws {ServingError} `UNAVAILABLE` port or path in use; `INVALID_ARGUMENT` a host that has no address, a path that is too long for a
 * socket; `NOT_FOUND` a path in no folder; `PERMISSION_DENIED`
 */
export async function bindSockets(
  options: Options,
  given: GivenSockets | null,
): Promise<BoundSockets> {
  const host = await address('--host', options.host);
  const adminHost = options.adminPort === 0 ? '' : await address('--admin_host', options.adminHost);
  const bound: number[] = [];
  const files: SocketFile[] = [];
  const on = async (wanted: Wanted): Promise<ListenOn[]> => {
    const list: ListenOn[] = [];
    const add = (fd: number, path: string | null): void => {
      bound.push(fd);
      list.push({ fd, path });
    };
    const { port, unix } = wanted.given ?? { port: null, unix: null };
    if (wanted.port !== 0) {
      add(port === null ? bind(wanted.host, wanted.port).fd : adopt(port), null);
    }
    if (wanted.path !== '' && unix !== null) add(adopt(unix), wanted.path);
    else if (wanted.path !== '') {
      const file = await bindSocketFile(wanted.path, wanted.mode);
      files.push(file);
      add(file.fd, file.path);
    }
    return list;
  };
  try {
    const grpc = await on({
      host,
      port: options.port,
      path: options.grpcSocketPath,
      given: given?.grpc,
    });
    const rest = await on({
      host,
      port: options.restApiPort,
      path: options.restApiSocketPath,
      given: given?.rest,
    });
    const sockets = await on({
      host: adminHost,
      port: options.adminPort,
      path: options.adminSocketPath,
      mode: ADMIN_MODE,
      given: given?.admin,
    });
    return { grpc, rest, admin: { sockets, isLocal: isLoopback(adminHost) }, bound, files };
  } catch (error) {
    closeSockets(bound, files);
    throw error;
  }
}

/** Closes descriptors that nobody listens on, and removes the Unix sockets that were bound here. */
export function closeSockets(bound: readonly number[], files: readonly SocketFile[]): void {
  for (const fd of bound) closeFd(fd);
  for (const file of files) file.remove();
}

/** An inherited descriptor under a number that is closed on exec: processes that are started here must not hold the port open. */
function adopt(fd: number): number {
  const own = dupFd(fd);
  closeFd(fd);
  return own;
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
