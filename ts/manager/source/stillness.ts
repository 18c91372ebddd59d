import { type Stats, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';

/**
 * File systems that keep the times of directories and answer from memory, by `statfs`'s number: ext4, XFS, Btrfs, tmpfs, ramfs, overlayfs,
 * ZFS and F2FS. Others, such as NFS or buckets mounted through FUSE, may hang or keep no time of a directory.
 */
const KEEP_TIMES: ReadonlySet<number> = new Set([
  0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x858458f6, 0x794c7630, 0x2fc12fc1, 0xf2f52010,
]);
/** Two changes within one tick of the kernel's clock have one time, so only times older than this tell changes apart. */
const TICK_MS = 2000;
/** More paths than this are not looked at in one turn of the event loop: each takes some 3 µs. */
const MAX_PATHS = 256;

/** Whether a device keeps the times of its directories, by device number. */
const devices = new Map<number, boolean>();

/**
 * What a few paths looked like, so that one system call each tells whether they still do.
 *
 * A look that goes through Node's thread pool costs ten times as much, and a server with a thousand models makes thousands a second.
 */
export class Stillness {
  readonly #seen: ReadonlyMap<string, string>;

  private constructor(seen: ReadonlyMap<string, string>) {
    this.#seen = seen;
  }

  /**
   * Remembers what `paths` look like, for a look at what they hold that began at `begunMs`.
   *
   * @param begunMs on the wall clock, milliseconds since 1970
   * @returns `null` where times do not tell: another kind of file system, or a change too close to the look
   */
  static async of(paths: readonly string[], begunMs: number): Promise<Stillness | null> {
    if (paths.length > MAX_PATHS) return null;
    const seen = new Map<string, string>();
    for (const path of paths) {
      const stats = statOf(path);
      if (stats === null) return null;
      if (stats !== undefined) {
        if (stats.ctimeMs + TICK_MS > begunMs || !(await keepsTimes(path, stats.dev))) return null;
      }
      seen.set(path, textOf(stats));
    }
    return new Stillness(seen);
  }

  /** Whether all of them, or all of `paths` among them, look as they did. */
  holds(paths: Iterable<string> = this.#seen.keys()): boolean {
    for (const path of paths) {
      const stats = statOf(path);
      if (stats === null || textOf(stats) !== this.#seen.get(path)) return false;
    }
    return true;
  }
}

/** `undefined` where there is nothing, `null` where that cannot be told. */
function statOf(path: string): Stats | undefined | null {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    // Whatever is in the way, the full look will name it.
    return null;
  }
}

function textOf(stats: Stats | undefined): string {
  if (stats === undefined) return '';
  return `${stats.dev} ${stats.ino} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`;
}

async function keepsTimes(path: string, device: number): Promise<boolean> {
  const known = devices.get(device);
  if (known !== undefined) return known;
  const type = await statfs(path).then(
    (it) => it.type,
    () => 0,
  );
  const keeps = KEEP_TIMES.has(type);
  devices.set(device, keeps);
  return keeps;
}
