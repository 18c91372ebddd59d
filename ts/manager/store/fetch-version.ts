import { readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { ServingError } from '../../errors.js';
import { hasSavedModel } from '../source/version-directory.js';
import { digests, downloadFiles, type LocalFile } from './download.js';
import { isArchive, parseRemote, shown } from './location.js';
import type { ModelCache } from './model-cache.js';
import { cancelled } from './object-store.js';
import type { RemotePlace } from './remote-place.js';
import { Unpacker } from './unpacker.js';

/** How far a fetch is. */
export interface FetchProgress {
  readonly phase: 'downloading' | 'unpacking';
  readonly receivedBytes: number;
  /** `null` when the store does not say. */
  readonly totalBytes: number | null;
}

/** What is fetched, and where to. */
export interface FetchOptions {
  /** The version's store; `null` for a local archive. */
  readonly place: RemotePlace | null;
  readonly location: string;
  /** What the last look saw; empty when there was none. */
  readonly fingerprint: string;
  readonly cache: ModelCache;
  readonly key: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: FetchProgress) => void;
}

/** Names shown in an error. */
const NAMES_SHOWN = 5;
/** Folders around the SavedModel that an archive may have. */
const MAX_WRAPPINGS = 3;

/**
 * Brings a version into the cache: downloads its files, or downloads and unpacks its archive.
 *
 * @returns the SavedModel's folder
 */
export async function fetchVersion(options: FetchOptions): Promise<string> {
  const { cache, key, location, fingerprint } = options;
  const temporary = await cache.begin();
  try {
    const { files, release } = await bring(options, temporary);
    try {
      const model = isArchive(location) ? await modelFolder(cache.files(temporary), location) : '';
      return await cache.keep(temporary, key, { location, fingerprint, model, files });
    } finally {
      release();
    }
  } catch (error) {
    await cache.drop(temporary);
    throw error;
  }
}

interface Brought {
  readonly files: readonly LocalFile[];
  readonly release: () => void;
}

async function bring(options: FetchOptions, temporary: string): Promise<Brought> {
  const { place, location } = options;
  if (place === null) return await unpack(options, location, temporary);
  const folder = options.cache.files(temporary);
  if (!isArchive(location)) return await download(options, place, folder);
  const packed = join(temporary, 'archive');
  const { files, release } = await download(options, place, packed);
  try {
    const archive = join(packed, files[0]?.path ?? '');
    const brought = await unpack(options, archive, temporary);
    await rm(packed, { recursive: true });
    return brought;
  } finally {
    release();
  }
}

async function download(
  { location, fingerprint, cache, signal, onProgress }: FetchOptions,
  place: RemotePlace,
  folder: string,
): Promise<Brought> {
  const version = await place.version(location);
  const what = shown(location);
  if (fingerprint !== '' && version.fingerprint !== fingerprint) {
    throw new ServingError('ABORTED', `${what}: has changed since it was last looked at`);
  }
  if (!version.archive && !hasSavedModel(version.files.map(({ name }) => name))) {
    throw new ServingError(
      'NOT_FOUND',
      `Specified file path does not appear to contain a SavedModel bundle (should have a file called \`saved_model.pb\`)\nSpecified file path: ${what}`,
    );
  }
  const sizes = version.files.map(({ size }) => size);
  const known = sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);
  const totalBytes = sizes.includes(null) ? null : known;
  const { release } = await cache.reserve(known, what);
  let receivedBytes = 0;
  const report = () => onProgress({ phase: 'downloading', receivedBytes, totalBytes });
  report();
  try {
    const files = await downloadFiles(
      // An archive's name is the end of its address, which need not be a fit file name.
      version.archive ? version.files.map((it) => ({ ...it, name: 'archive' })) : version.files,
      {
        store: await place.store,
        folder,
        location,
        signal,
        maxBytes: cache.maxBytes,
        onBytes: (bytes) => {
          receivedBytes += bytes;
          report();
        },
      },
    );
    return { files, release };
  } catch (error) {
    release();
    throw error;
  }
}

async function unpack(
  { location, cache, signal, onProgress }: FetchOptions,
  archive: string,
  temporary: string,
): Promise<Brought> {
  const origin = shown(location);
  const into = cache.files(temporary);
  const { size: archiveBytes } = await stat(archive);
  onProgress({ phase: 'unpacking', receivedBytes: archiveBytes, totalBytes: archiveBytes });
  const unpacker = new Unpacker({ origin, archiveBytes, into, maxBytes: cache.maxBytes, signal });
  const name = place(location);
  // Their libraries are only loaded where there are archives.
  if (/\.zip$/i.test(name)) {
    const { unpackZip } = await import('./zip-archive.js');
    await unpackZip(archive, origin, unpacker);
  } else {
    const { unpackTar } = await import('./tar-archive.js');
    await unpackTar(archive, origin, unpacker);
  }
  await unpacker.finish();
  const files = await describe(into, signal, origin);
  const { release } = await cache.reserve(
    files.reduce((sum, { size }) => sum + size, 0),
    origin,
  );
  return { files, release };
}

/** The path of a location without a query, for its ending. */
function place(location: string): string {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(location) ? parseRemote(location).path : location;
}

async function describe(root: string, signal: AbortSignal, origin: string): Promise<LocalFile[]> {
  const files: LocalFile[] = [];
  const walk = async (prefix: string): Promise<void> => {
    const entries = await readdir(join(root, prefix), { withFileTypes: true });
    for (const entry of entries) {
      if (signal.aborted) throw cancelled(origin);
      const path = join(prefix, entry.name);
      if (entry.isDirectory()) await walk(path);
      // A link's file is listed under its own name.
      else if (entry.isFile()) {
        const { size } = await stat(join(root, path));
        files.push({ path, size, sha256: (await digests(join(root, path), false)).sha256 });
      }
    }
  };
  await walk('');
  return files;
}

/** Finds the SavedModel in what an archive held: at its top, or in its only folder. */
async function modelFolder(root: string, location: string): Promise<string> {
  let folder = '';
  const top = await readdir(root);
  for (let depth = 0; depth <= MAX_WRAPPINGS; depth += 1) {
    const entries = await readdir(join(root, folder), { withFileTypes: true });
    if (hasSavedModel(entries.map(({ name }) => name))) return folder;
    const folders = entries.filter((it) => it.isDirectory());
    const [only] = folders;
    if (folders.length !== 1 || only === undefined) break;
    folder = join(folder, only.name);
  }
  const shownNames = top.slice(0, NAMES_SHOWN).map((name) => JSON.stringify(basename(name)));
  const held = top.length === 0 ? 'it is empty' : `it holds ${shownNames.join(', ')}`;
  throw new ServingError(
    'NOT_FOUND',
    `${shown(location)}: has no saved_model.pb at its top or in its only folder (${held})`,
  );
}
