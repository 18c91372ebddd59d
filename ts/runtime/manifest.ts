import { createHash } from 'node:crypto';
import { createReadStream, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { writeAtomically } from '../atomic-file.js';
import { cacheRoot } from '../cache-folder.js';
import { newestFirst, type Variant } from './platform.js';
import type { UnpackedFile } from './unpack.js';

/** How the files' hashes were known: in advance, from the index, or from the wheel's own list only. */
export type Trust = 'pinned' | 'index' | 'record';

/** One installed file; `path` is relative to the install's folder. */
export interface ManifestFile extends UnpackedFile {
  readonly path: string;
}

/** What an install wrote: `manifest.json`, written last, so a folder without it is unfinished. */
export interface Manifest {
  readonly format: 1;
  readonly version: string;
  readonly variant: Variant;
  readonly platform: NodeJS.Platform;
  readonly arch: string;
  readonly wheel: string;
  readonly trust: Trust;
  readonly stripped: boolean;
  /** ISO 8601. */
  readonly installed: string;
  /** Main library, relative to the folder. */
  readonly library: string;
  readonly files: readonly ManifestFile[];
  /** Where NVIDIA's libraries are: fetched, links to a folder, or none. */
  readonly nvidia: { readonly kind: 'fetched' | 'linked'; readonly from: string | null } | null;
}

/** One install, as found on disk. */
export interface Installed {
  readonly folder: string;
  readonly manifest: Manifest;
}

type Env = Readonly<Record<string, string | undefined>>;

/** Where the installs lie, one folder each. */
export function runtimeRoot(env: Env, platform: NodeJS.Platform): string {
  return join(cacheRoot(env, platform), 'runtime');
}

/** Reads an install's manifest; null when the folder holds no finished install. */
export function readManifest(folder: string): Manifest | null {
  try {
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')) as Manifest;
    return manifest.format === 1 ? manifest : null;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const unreadable = ['ENOENT', 'ENOTDIR', 'EACCES'].includes(code ?? '');
    if (unreadable || error instanceof SyntaxError) return null;
    throw error;
  }
}

/** Writes an install's manifest: from now on the install counts. */
export function writeManifest(folder: string, manifest: Manifest): Promise<void> {
  return writeAtomically(join(folder, 'manifest.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Are all files of an install there with the sizes they were written with? Cheap: no file is read. */
export function looksComplete({ folder, manifest }: Installed): boolean {
  return manifest.files.every((file) => {
    const found = statSync(join(folder, file.path), { throwIfNoEntry: false });
    return found?.size === file.installedSize;
  });
}

function folders(root: string): string[] {
  try {
    return readdirSync(root);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EACCES') return [];
    throw error;
  }
}

/** The finished installs under `root`, newest version first, the CPU build before the CUDA build. */
export function listInstalled(root: string): Installed[] {
  return folders(root)
    .flatMap((name) => {
      const folder = join(root, name);
      const manifest = readManifest(folder);
      return manifest === null ? [] : { folder, manifest };
    })
    .sort(
      (a, b) =>
        newestFirst(a.manifest.version, b.manifest.version) ||
        a.manifest.variant.localeCompare(b.manifest.variant),
    );
}

/** Folders under `root` that a cut install left: the next `install` continues there. */
export function listUnfinished(root: string): string[] {
  return folders(root)
    .map((name) => join(root, name))
    .filter((folder) => {
      const isFolder = statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true;
      return isFolder && readManifest(folder) === null;
    });
}

/** SHA-256 of a file, hex. */
export async function hashFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  const stream = createReadStream(path, { highWaterMark: 1024 * 1024 });
  for await (const chunk of stream) hash.update(chunk as Buffer);
  return hash.digest('hex');
}

/** The verdict on one installed file: null when it is as it was written, else what is wrong. */
export async function verifyFile(folder: string, file: ManifestFile): Promise<string | null> {
  const path = join(folder, file.path);
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return 'missing';
  if (found.size !== file.installedSize) {
    return `expected ${file.installedSize} bytes, got ${found.size}`;
  }
  const sha256 = await hashFile(path);
  return sha256 === file.installedSha256
    ? null
    : `sha256 is ${sha256}, expected ${file.installedSha256}`;
}
