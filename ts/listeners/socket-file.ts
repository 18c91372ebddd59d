import { lstatSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { ServingError } from '../errors.js';
import { bindUnixListener } from '../native/listener.js';

/** A Unix socket that this process has bound, and its file. */
export interface SocketFile {
  /** The descriptor that listens; whoever owns it closes it. */
  readonly fd: number;
  readonly path: string;
  /** Removes the file, unless another server has put its own in that place. */
  remove(): void;
}

/**
 * Binds a Unix socket. A file that a dead server left at the path is removed first.
 *
 * @param mode the file's permissions; without it the umask's
 * @throws {ServingError} `UNAVAILABLE` a server answers on the path, or something else lies there; and as `bindUnixListener`
 */
export async function bindSocketFile(path: string, mode?: number): Promise<SocketFile> {
  await freePath(path);
  const fd = bindUnixListener(path, mode);
  const own = identity(path);
  return {
    fd,
    path,
    remove() {
      if (identity(path) === own) rmSync(path, { force: true });
    },
  };
}

/** Of the file at a path; file systems use the number of a removed file again, so its time belongs to it. */
function identity(path: string): string | null {
  const stats = lstatSync(path, { throwIfNoEntry: false, bigint: true });
  return stats === undefined ? null : `${stats.dev} ${stats.ino} ${stats.birthtimeNs}`;
}

async function freePath(path: string): Promise<void> {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isSocket()) throw new ServingError('UNAVAILABLE', `${path}: exists and is no socket`);
  const isAlive = await new Promise<boolean>((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    // What may not be connected to may be another user's server; one that has just stopped takes its file along.
    socket.once('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    );
  });
  if (isAlive) throw new ServingError('UNAVAILABLE', `${path}: another server answers on it`);
  rmSync(path, { force: true });
}
