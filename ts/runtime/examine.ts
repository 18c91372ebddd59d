import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { cacheRoot } from '../cache-folder.js';
import { REAL_DISK } from './disk.js';

type Env = Readonly<Record<string, string | undefined>>;

/** The cache folder; sizes in bytes. */
export interface CacheFacts {
  readonly folder: string;
  readonly bytes: number;
  readonly freeBytes: number;
  /** Null: it can be written. */
  readonly problem: string | null;
}

/** A model path as the server's user sees it. */
export interface ModelFacts {
  readonly path: string;
  /** Folders that hold a SavedModel: version folders, or the path itself. */
  readonly versions: readonly string[];
  /** Null: it can be served, as far as files tell. */
  readonly problem: string | null;
}

function treeSize(folder: string): number {
  let bytes = 0;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) bytes += treeSize(path);
    else if (entry.isFile()) bytes += statSync(path).size;
  }
  return bytes;
}

function accessProblem(path: string, mode: number): string | null {
  try {
    accessSync(path, mode);
    return null;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? 'no access';
  }
}

/** The cache folder's size, room and writability; a folder that is not there yet is judged by where it would be made. */
export async function examineCache(env: Env): Promise<CacheFacts> {
  const folder = cacheRoot(env, process.platform);
  let nearest = folder;
  while (!existsSync(nearest)) nearest = dirname(nearest);
  const denied = accessProblem(nearest, constants.W_OK | constants.X_OK);
  return {
    folder,
    bytes: existsSync(folder) ? treeSize(folder) : 0,
    freeBytes: await REAL_DISK.freeBytes(nearest),
    problem: denied === null ? null : `${nearest} cannot be written (${denied})`,
  };
}

function holdsModel(folder: string): boolean {
  return ['saved_model.pb', 'saved_model.pbtxt'].some((name) => existsSync(join(folder, name)));
}

/** The first thing under `folder` that cannot be read, or null. */
function unreadable(folder: string): string | null {
  const denied = accessProblem(folder, constants.R_OK | constants.X_OK);
  if (denied !== null) return `${folder} cannot be read (${denied})`;
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    const problem = entry.isDirectory() ? unreadable(path) : accessProblem(path, constants.R_OK);
    if (problem !== null)
      return entry.isDirectory() ? problem : `${path} cannot be read (${problem})`;
  }
  return null;
}

/** Looks whether a model base path holds SavedModels this user can read. */
export function examineModel(model: string): ModelFacts {
  const path = resolve(model);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return { path, versions: [], problem: 'no such folder' };
  if (!found.isDirectory()) return { path, versions: [], problem: 'not a folder' };
  const denied = accessProblem(path, constants.R_OK | constants.X_OK);
  if (denied !== null) return { path, versions: [], problem: `cannot be read (${denied})` };
  const numbered = readdirSync(path).filter((name) => /^\d+$/.test(name));
  const versions = numbered.map((name) => join(path, name)).filter(holdsModel);
  if (versions.length === 0 && holdsModel(path)) versions.push(path);
  if (versions.length === 0) {
    const problem = 'holds no SavedModel: no saved_model.pb in it or in a numbered folder of it';
    return { path, versions, problem };
  }
  const problem = versions.map(unreadable).find((reason) => reason !== null) ?? null;
  return { path, versions, problem };
}

/** Other packages that bring a TensorFlow of their own into a Node process, as seen from `cwd`. */
export function rivalPackages(cwd: string): string[] {
  const require = createRequire(join(cwd, 'package.json'));
  return ['@tensorflow/tfjs-node', '@tensorflow/tfjs-node-gpu'].filter((name) => {
    try {
      require.resolve(`${name}/package.json`);
      return true;
    } catch {
      return false; // not installed: nothing to warn of
    }
  });
}
