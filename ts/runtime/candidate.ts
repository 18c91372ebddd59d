import { closeSync, openSync, readSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { binaryKind } from './elf.js';
import { acceptedNames, type Host, versionProblem } from './platform.js';

/** Where a library was looked for, in the order of looking. */
export type RuntimeSource = 'option' | 'env' | 'use' | 'cache' | 'npm' | 'python' | 'system';

/** One place that was looked at, and what came of it. */
export interface Candidate {
  readonly source: RuntimeSource;
  /** What was looked at, as the user would name it. */
  readonly origin: string;
  /** The library; null when there is none. */
  readonly path: string | null;
  /** TensorFlow's version where it can be told without opening the library. */
  readonly version: string | null;
  /** Null: it can be used. Otherwise one sentence that says why not. */
  readonly problem: string | null;
}

/** The main library in a folder: directly, in `tensorflow/` (a cache folder or site-packages) or in `lib/` (the C API's tarball). */
export function libraryIn(folder: string, platform: NodeJS.Platform): string | null {
  for (const place of [folder, join(folder, 'tensorflow'), join(folder, 'lib')]) {
    for (const name of acceptedNames(platform)) {
      const path = join(place, name);
      if (statSync(path, { throwIfNoEntry: false })?.isFile() === true) return path;
    }
  }
  return null;
}

function readHead(path: string): Buffer {
  const handle = openSync(path, 'r');
  try {
    const head = Buffer.alloc(64);
    return head.subarray(0, readSync(handle, head, 0, head.length, 0));
  } finally {
    closeSync(handle);
  }
}

function frameworkOf(path: string): string | null {
  const name = basename(path);
  if (!name.startsWith('libtensorflow_cc.')) return null; // the C API's tarball may be one library
  return join(dirname(path), name.replace('_cc.', '_framework.'));
}

/** What keeps a file from being opened as TensorFlow's library, without opening it; null when nothing does. */
export function fileProblem(path: string, host: Host): string | null {
  let head: Buffer;
  try {
    head = readHead(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ENOENT' ? 'no such file' : `cannot be read (${code})`;
  }
  const wanted = host.platform === 'darwin' ? 'mach-o' : 'elf';
  const kind = binaryKind(head);
  if (kind.format !== wanted) return 'not a shared library of this system';
  if (kind.arch !== null && kind.arch !== host.arch) {
    return `is for ${kind.arch}, this machine is ${host.arch}`;
  }
  const framework = frameworkOf(path);
  if (framework !== null && statSync(framework, { throwIfNoEntry: false }) === undefined) {
    return `${basename(framework)} is missing beside it`;
  }
  return null;
}

/** The version in a library's real file name (`libtensorflow.so.2.18.0`), or null. */
export function versionFromName(path: string): string | null {
  try {
    return /\.(\d+\.\d+\.\d+)(?:\.dylib)?$/.exec(basename(realpathSync(path)))?.[1] ?? null;
  } catch {
    return null; // gone meanwhile: the file check says so
  }
}

/** Judges one library file. */
export function judge(
  place: { source: RuntimeSource; origin: string; path: string; version: string | null },
  host: Host,
): Candidate {
  const version = place.version ?? versionFromName(place.path);
  const problem =
    fileProblem(place.path, host) ?? (version === null ? null : versionProblem(version));
  return { ...place, version, problem };
}

/** A place without a library. */
export function absent(source: RuntimeSource, origin: string, problem: string): Candidate {
  return { source, origin, path: null, version: null, problem };
}
