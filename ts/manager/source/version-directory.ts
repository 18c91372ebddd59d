import { createHash } from 'node:crypto';
import type { BigIntStats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { ServingError } from '../../errors.js';

/** Files that make a directory a SavedModel. */
const SAVED_MODEL = ['saved_model.pb', 'saved_model.pbtxt', 'saved_model.cpb'];
/** A SavedModel has a handful of folders in two levels; a loop of links has no end. */
const MAX_DEPTH = 6;
const MAX_ENTRIES = 10_000;

/** What a version directory holds. */
export interface Inspection {
  /** Changes when a file is added, removed or written. */
  readonly fingerprint: string;
  /** A SavedModel file is there. */
  readonly complete: boolean;
  /** Everything that was looked at: while the times of these stay, so does the fingerprint. Empty where times do not tell. */
  readonly paths: readonly string[];
}

/** Whether the names in a directory include a SavedModel's file. */
export function hasSavedModel(names: readonly string[]): boolean {
  return SAVED_MODEL.some((name) => names.includes(name));
}

/**
 * Looks at a version directory without reading any file: sizes and times of everything in it.
 *
 * Never fails: what cannot be read is part of the fingerprint, and the load will say what is wrong.
 */
export async function inspectDirectory(path: string): Promise<Inspection> {
  const hash = createHash('sha1');
  const paths = [path];
  let entries = 0;
  let complete = false;
  const walk = async (folder: string, prefix: string, depth: number): Promise<void> => {
    const names = (await readdir(folder)).sort();
    if (depth === 0) complete = hasSavedModel(names);
    for (const name of names) {
      entries += 1;
      if (entries > MAX_ENTRIES) return;
      const child = join(folder, name);
      const relative = `${prefix}/${name}`;
      paths.push(child);
      try {
        const stats = await stat(child, { bigint: true });
        hash.update(`${relative}\0${times(stats)}\n`);
        if (stats.isDirectory() && depth < MAX_DEPTH) await walk(child, relative, depth + 1);
      } catch (error) {
        hash.update(`${relative}\0${errorCode(error)}\n`);
      }
    }
  };
  try {
    await walk(path, '', 0);
  } catch (error) {
    // A file in place of a directory, a loop of links, no permission.
    hash.update(errorCode(error));
  }
  return { fingerprint: hash.digest('base64'), complete, paths };
}

/**
 * A cheap look at a version directory: the directory itself and its saved_model.pb.
 *
 * @returns `null` when either is missing
 */
export async function glance(path: string): Promise<string | null> {
  try {
    const [folder, model] = await Promise.all([
      stat(path, { bigint: true }),
      stat(join(path, 'saved_model.pb'), { bigint: true }),
    ]);
    return `${folder.ctimeNs} ${times(model)}`;
  } catch (error) {
    if (errorCode(error).startsWith('E')) return null;
    throw error;
  }
}

/** The change time tells a replaced file from one with the same size and a preserved modification time. */
function times(stats: BigIntStats): string {
  // A directory's own times change with its entries, which are looked at anyway, and on some mounts with each listing.
  if (stats.isDirectory()) return 'directory';
  return `${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}`;
}

/** The system's code of a failed file operation, such as `ENOENT`. */
export function errorCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : String(error);
}

/**
 * Checks that a version directory can hold a SavedModel before TensorFlow is asked to load it.
 *
 * @throws {ServingError} `NOT_FOUND` with TensorFlow Serving's text when there is no SavedModel; otherwise what is in the way
 */
export async function checkVersionDirectory(path: string): Promise<void> {
  let names: string[];
  try {
    names = await readdir(path);
  } catch (error) {
    throw directoryError(path, error);
  }
  if (hasSavedModel(names)) return;
  throw new ServingError(
    'NOT_FOUND',
    `Specified file path does not appear to contain a SavedModel bundle (should have a file called \`saved_model.pb\`)\nSpecified file path: ${path}`,
  );
}

function directoryError(path: string, cause: unknown): ServingError {
  switch (errorCode(cause)) {
    case 'ENOTDIR':
      return new ServingError(
        'FAILED_PRECONDITION',
        `${path}: is a file, wanted a directory with saved_model.pb`,
        { cause },
      );
    case 'ELOOP':
      return new ServingError('FAILED_PRECONDITION', `${path}: is a loop of symbolic links`, {
        cause,
      });
    case 'EACCES':
    case 'EPERM':
      return new ServingError('PERMISSION_DENIED', `${path}: no permission to read the directory`, {
        cause,
      });
    case 'ENOENT':
      return new ServingError('NOT_FOUND', `${path}: no such directory`, { cause });
    default:
      return new ServingError('UNAVAILABLE', `${path}: cannot be read: ${message(cause)}`, {
        cause,
      });
  }
}

/** What went wrong, as the system says it. */
export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
