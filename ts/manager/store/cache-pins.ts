import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';

const PINS = '.in-use';
/** On a shared disk the processes of other machines cannot be asked; their marks count for so long. */
const FOREIGN_MS = 7 * 24 * 3_600_000;

/**
 * Which cached versions are loaded or being loaded, by this process and by others that share the cache.
 *
 * A mark is a file `.in-use/<key>@<host>@<pid>`; marks of processes that have ended do not count and are removed.
 */
export class CachePins {
  readonly #folder: string;
  readonly #counts = new Map<string, number>();

  constructor(cache: string) {
    this.#folder = join(cache, PINS);
  }

  /** Whether a process of this machine runs. */
  static running(pid: number): boolean {
    try {
      process.kill(pid, 0);
      return true;
    } catch (error) {
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  }

  async pin(key: string): Promise<void> {
    const count = this.#counts.get(key) ?? 0;
    this.#counts.set(key, count + 1);
    if (count > 0) return;
    await mkdir(this.#folder, { recursive: true });
    await writeFile(this.#mark(key), '');
  }

  async unpin(key: string): Promise<void> {
    const count = (this.#counts.get(key) ?? 0) - 1;
    if (count > 0) {
      this.#counts.set(key, count);
      return;
    }
    this.#counts.delete(key);
    await rm(this.#mark(key), { force: true });
  }

  async pinned(key: string): Promise<boolean> {
    if (this.#counts.has(key)) return true;
    for (const name of await readdir(this.#folder).catch(none)) {
      const [marked, host, pid] = name.split('@');
      if (marked === key && (await this.#stands(name, host ?? '', Number(pid)))) return true;
    }
    return false;
  }

  async #stands(name: string, host: string, pid: number): Promise<boolean> {
    const path = join(this.#folder, name);
    const alive =
      host === hostname()
        ? pid !== process.pid && CachePins.running(pid)
        : await stat(path).then(
            ({ mtimeMs }) => Date.now() - mtimeMs < FOREIGN_MS,
            () => false,
          );
    if (!alive) await rm(path, { force: true });
    return alive;
  }

  #mark(key: string): string {
    return join(this.#folder, `${key}@${hostname()}@${process.pid}`);
  }
}

function none(error: unknown): string[] {
  if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
  throw error;
}
