import { type FSWatcher, type Stats, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

/** Watches files until it is closed. */
export interface Watch {
  close(): void;
}

/** Several writes of one change are one. */
const SETTLE_MS = 50;

/**
 * Calls `changed` after one of the files has changed, was replaced or has gone.
 *
 * Told by the system where it can, and looked for every `pollMs` besides: a network file system tells nothing, and a Kubernetes secret changes
 * by a link further up. Keeps no process alive.
 */
export function watchFiles(paths: readonly string[], pollMs: number, changed: () => void): Watch {
  let last = print(paths);
  let timer: NodeJS.Timeout | null = null;
  const look = (): void => {
    timer = null;
    const now = print(paths);
    if (now === last) return;
    last = now;
    changed();
  };
  const soon = (): void => {
    timer ??= setTimeout(look, SETTLE_MS).unref();
  };
  const watchers = [...new Set(paths.map((path) => dirname(path)))].flatMap((folder) => {
    const watcher = tryWatch(folder, soon);
    return watcher === null ? [] : [watcher];
  });
  const poll = setInterval(look, pollMs).unref();
  return {
    close() {
      clearInterval(poll);
      if (timer !== null) clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}

/** What tells one state of the files from another. */
function print(paths: readonly string[]): string {
  return paths
    .map((path) => {
      try {
        const { ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
        return `${ino} ${size} ${mtimeNs} ${ctimeNs}`;
      } catch (error) {
        return (error as NodeJS.ErrnoException).code ?? 'gone';
      }
    })
    .join('\n');
}

/** Polling is enough where the folder cannot be watched. */
function tryWatch(folder: string, changed: () => void): FSWatcher | null {
  try {
    const watcher = watch(folder, { persistent: false }, changed);
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    return null;
  }
}

/** What to warn of where everybody on the machine may read a secret; null where only its owner and group may. */
export function worldReadable(path: string, stats: Pick<Stats, 'mode'>): string | null {
  if ((stats.mode & 0o004) === 0) return null;
  const mode = (stats.mode & 0o777).toString(8).padStart(4, '0');
  return `${path}: every user of this machine can read it (mode ${mode}); run chmod 600`;
}
