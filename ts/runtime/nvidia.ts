import { existsSync, statSync } from 'node:fs';
import { mkdir, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { ServingError } from '../errors.js';
import { openLocalFile } from './disk.js';
import { type Fetched, fetchWhole, unpackLocal } from './fetch-wheel.js';
import type { HttpClient } from './http.js';
import type { InstallContext } from './install-context.js';
import { listFiles } from './package-index.js';
import type { PinnedPackage } from './pinned-wheel.js';
import { pythonPackageFolders } from './python.js';
import { readDirectory, type ZipEntry } from './zip.js';

/**
 * NVIDIA's libraries for the CUDA build.
 *
 * TensorFlow's GPU library opens them by its own search path, `$ORIGIN/../nvidia/<name>/lib`: laid out beside it they are found
 * without any environment variable.
 */

/** The folders that search path names. */
const SEARCHED = [
  'cublas',
  'cuda_cupti',
  'cuda_runtime',
  'cudnn',
  'cufft',
  'cusolver',
  'cusparse',
  'nccl',
  'nvshmem',
] as const;

/** Headers and static archives are left out; ptxas and libdevice are what XLA compiles with. */
function isNeeded(entry: ZipEntry): boolean {
  return (
    /^nvidia\/[^/]+\/lib\/.*\.so[.\d]*$/.test(entry.name) ||
    /^nvidia\/cuda_nvcc\/(bin\/ptxas|nvvm\/libdevice\/[^/]+\.bc)$/.test(entry.name)
  );
}

/** Total of the wheels, bytes. */
export function nvidiaDownloadSize(packages: readonly PinnedPackage[]): number {
  return packages.reduce((sum, { size }) => sum + size, 0);
}

/** Unpacks one of NVIDIA's wheels into the output folder. */
export async function unpackNvidia(context: InstallContext, path: string): Promise<Fetched[]> {
  const file = await openLocalFile(path);
  let needed: ZipEntry[];
  try {
    needed = (await readDirectory(file)).filter(isNeeded);
  } finally {
    await file.close();
  }
  if (needed.length === 0) {
    throw new ServingError('INVALID_ARGUMENT', `${path}: holds none of NVIDIA's libraries`);
  }
  const members = needed.map((entry) => ({ entry, sha256: null }));
  const executable = (entry: ZipEntry) => entry.name.includes('/bin/');
  return unpackLocal(context, path, members, { strip: false, executable });
}

/**
 * Fetches NVIDIA's wheels one after the other: each is checked whole and unpacked before the next.
 *
 * The wheels stay until the install is done: a cut one goes on without fetching them again.
 *
 * @throws {ServingError} `NOT_FOUND` when the index lacks one, `DATA_LOSS` when a hash differs.
 */
export async function fetchNvidia(
  context: InstallContext & { readonly client: HttpClient },
  indexUrl: string,
  packages: readonly PinnedPackage[],
): Promise<Fetched[]> {
  const fetched: Fetched[] = [];
  for (const pinned of packages) {
    const files = await listFiles(context.client, indexUrl, pinned.project);
    const file = files.find(({ filename }) => filename === pinned.filename);
    if (file === undefined) {
      const message = `${pinned.project}: the index does not have ${pinned.filename}`;
      throw new ServingError('NOT_FOUND', message);
    }
    // Libraries compress to about 6/10 of their size; the estimate only has to spare a useless download.
    const checked = { ...file, sha256: pinned.sha256 };
    const path = await fetchWhole(context, checked, Math.round(pinned.size * 1.7));
    fetched.push(...(await unpackNvidia(context, path)));
  }
  return fetched;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

function isPipFolder(folder: string): boolean {
  return isFolder(join(folder, 'cuda_runtime', 'lib'));
}

/** The folder with a toolkit's libraries, or null when `folder` is none. */
function toolkitLibraries(folder: string): string | null {
  const places = [join(folder, 'lib64'), join(folder, 'lib'), folder];
  return places.find((place) => existsSync(join(place, 'libcudart.so.12'))) ?? null;
}

/**
 * Links CUDA 12 libraries that are already on this machine: pip's `nvidia` folder or a toolkit like `/usr/local/cuda`.
 *
 * `folder` is looked at if given, else Python's packages, `CUDA_HOME`, `CUDA_PATH` and `/usr/local/cuda`. Resolves to what was linked.
 *
 * @throws {ServingError} `NOT_FOUND` naming where it looked.
 */
export async function linkNvidia(
  output: string,
  folder: string | null,
  env: Readonly<Record<string, string | undefined>>,
): Promise<string> {
  const looked =
    folder === null
      ? [
          ...(await pythonPackageFolders('nvidia', env)),
          ...[env.CUDA_HOME, env.CUDA_PATH].filter((path): path is string => Boolean(path)),
          '/usr/local/cuda',
        ]
      : [folder, join(folder, 'nvidia')];
  for (const place of looked.map((path) => resolve(path))) {
    const target = join(output, 'nvidia');
    if (isPipFolder(place)) {
      await mkdir(output, { recursive: true });
      await symlink(place, target);
      return place;
    }
    const libraries = toolkitLibraries(place);
    if (libraries !== null) {
      for (const name of SEARCHED) {
        await mkdir(join(target, name), { recursive: true });
        await symlink(libraries, join(target, name, 'lib'));
      }
      return libraries;
    }
  }
  throw new ServingError(
    'NOT_FOUND',
    `no CUDA 12 libraries found in ${looked.join(', ')}; name their folder (--cuda=DIR) or fetch them (--cuda)`,
  );
}
