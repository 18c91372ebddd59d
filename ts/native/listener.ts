import { addon, call } from './load.js';

/** A bound, listening TCP socket that no event loop owns yet. */
export interface Listener {
  /** File descriptor; the owner closes it with {@link closeFd} or hands it to `server.listen({ fd })`. */
  readonly fd: number;
  /** The port in use, also where 0 was asked for. */
  readonly port: number;
  /** The address bound, such as `::`. */
  readonly address: string;
}

/**
 * Binds and listens, without accepting.
 *
 * `host` is an IP address (callers resolve names). `::` takes IPv4 too unless `ipv6Only`.
 *
 * @throws {ServingError} `UNAVAILABLE` port in use, `PERMISSION_DENIED` privileged port, `INVALID_ARGUMENT` bad address
 */
export function bindListener(options: {
  host: string;
  port: number;
  backlog?: number;
  ipv6Only?: boolean;
}): Listener {
  return call(() =>
    addon().bindListener(
      options.host,
      options.port,
      options.backlog ?? BACKLOG,
      options.ipv6Only ?? false,
    ),
  );
}

/**
 * Binds a Unix socket and listens on it, without accepting.
 *
 * @param mode its permissions, from the beginning; without it the umask's
 * @returns its descriptor; the path stays until somebody removes it
 * @throws {ServingError} `UNAVAILABLE` something lies at the path, `NOT_FOUND` no such folder, `PERMISSION_DENIED`,
 * `INVALID_ARGUMENT` a path that is too long for a socket
 */
export function bindUnixListener(path: string, mode?: number): number {
  return call(() => addon().bindUnixListener(path, BACKLOG, mode ?? null));
}

/**
 * Connections that may wait to be accepted; the system takes less where `net.core.somaxconn` says so.
 *
 * Node's default of 511 made bursts slow: past it the system drops handshakes, and clients try again after 1, 3, 7 and 15 seconds.
 */
export const BACKLOG = 4096;

/** A second descriptor of the same socket, closed on exec; each worker owns its own. */
export function dupFd(fd: number): number {
  return call(() => addon().dupFd(fd));
}

/** Closes a descriptor that no event loop owns. */
export function closeFd(fd: number): void {
  call(() => addon().closeFd(fd));
}
