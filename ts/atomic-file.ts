import { randomUUID } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';

/** How a file is replaced. */
export interface AtomicWrite {
  /** Where the content is written first, in the same folder; by default a name that nobody else has. */
  readonly temporary?: string;
  /** Who may read and write the file; by default what the process's umask leaves of 0666. */
  readonly mode?: number;
}

/**
 * Puts `content` in the place of a file, so that readers see the old or the new one, never a part of it. On its disk when this resolves.
 *
 * @throws the file system's error; the file is then as it was
 */
export async function writeAtomically(
  path: string,
  content: string | Uint8Array,
  { temporary, mode }: AtomicWrite = {},
): Promise<void> {
  const fresh = temporary ?? `${path}.${randomUUID()}.tmp`;
  // One that a process left behind when it died.
  if (temporary !== undefined) await rm(fresh, { force: true });
  // Made by this call: a link that somebody puts there meanwhile is not followed.
  const handle = await open(fresh, 'wx', mode);
  try {
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(fresh, path);
  // The rename itself is only on the disk once its folder is.
  await syncFolder(dirname(path));
}

/** Makes a finished folder's or file's name survive a power cut. */
export async function syncFolder(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
