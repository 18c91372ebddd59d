import type { Dirent } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { ServingError } from '../../errors.js';

/** As deep as a SavedModel may be looked through, and as many entries; links may lead round in a circle. */
const MAX_DEPTH = 6;
const MAX_ENTRIES = 10_000;

/**
 * Refuses a version whose symbolic links leave its base path: itself, or anything in it.
 *
 * Links within the base path are usual: Kubernetes' volumes are made of them, and so are releases under a `current` link.
 *
 * @param path the version's directory
 * @param base the base path; the directory itself where that is elsewhere
 * @param allowed folders that links may lead into all the same; `/` is anywhere
 * @throws {ServingError} `FAILED_PRECONDITION` naming the link, where it leads, and the option that permits it
 */
export async function checkLinks(
  path: string,
  base: string,
  allowed: readonly string[],
): Promise<void> {
  if (allowed.includes('/')) return;
  const root = isInside(resolve(base), resolve(path)) ? base : path;
  const roots = await Promise.all([root, ...allowed].map(real));
  const permit = async (link: string): Promise<void> => {
    const target = await real(link);
    if (roots.some((it) => isInside(it, target))) return;
    throw new ServingError(
      'FAILED_PRECONDITION',
      `${link}: is a link out of the base path ${root}, to ${target}; --allowed_link_targets=${dirname(target)} permits it`,
    );
  };
  let entries = 0;
  const walk = async (folder: string, depth: number): Promise<void> => {
    for (const entry of await list(folder)) {
      entries += 1;
      if (entries > MAX_ENTRIES) return;
      const child = join(folder, entry.name);
      if (entry.isSymbolicLink()) await permit(child);
      const isFolder = entry.isDirectory() || entry.isSymbolicLink();
      if (isFolder && depth < MAX_DEPTH) await walk(child, depth + 1);
    }
  };
  await permit(path);
  await walk(path, 0);
}

/** What a path leads to; itself where that is nothing. */
async function real(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch {
    // It leads nowhere: whoever opens it will say so.
    return resolve(path);
  }
}

/** The entries of a folder; none of what is no folder or cannot be read. */
async function list(folder: string): Promise<Dirent[]> {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch {
    // A link to a file; or unreadable, which the load will tell.
    return [];
  }
}

function isInside(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith('../') && !way.startsWith('/'));
}
