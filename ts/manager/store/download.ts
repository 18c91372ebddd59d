import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ServingError } from '../../errors.js';
import { Limiter } from '../limiter.js';
import { safeName, shown } from './location.js';
import { cancelled, type ObjectStore, type StoredFile } from './object-store.js';

const FILES_AT_ONCE = 8;
/** A hash takes a fraction of a millisecond for so many bytes, so that requests in between do not wait. */
const HASH_CHUNK_BYTES = 256 * 1024;

/** A file that has arrived. */
export interface LocalFile {
  /** Relative to the version's folder. */
  readonly path: string;
  readonly size: number;
  /** In hex. */
  readonly sha256: string;
}

/** What a download needs. */
export interface DownloadOptions {
  readonly store: ObjectStore;
  readonly folder: string;
  /** URI of the version, for errors. */
  readonly location: string;
  readonly signal: AbortSignal;
  readonly onBytes: (bytes: number) => void;
  readonly maxBytes: number;
}

/** Stores whose entity tags look like MD5 and are none, as with keys of their own: comparing them again would fail again. */
const strangeTags = new WeakSet<ObjectStore>();

/**
 * Downloads files side by side and checks sizes and checksums.
 *
 * @throws {ServingError} the first failure, after all others have been stopped
 */
export async function downloadFiles(
  files: readonly StoredFile[],
  options: DownloadOptions,
): Promise<LocalFile[]> {
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const limiter = new Limiter(() => FILES_AT_ONCE);
  const outcomes = await Promise.allSettled(
    files.map((file) =>
      limiter.run(async () => {
        if (signal.aborted) throw cancelled(shown(options.location));
        try {
          return await downloadFile(file, { ...options, signal });
        } catch (error) {
          stop.abort();
          throw error;
        }
      }),
    ),
  );
  const failures = outcomes.filter((it) => it.status === 'rejected').map((it) => it.reason);
  // What stopped the others says more than that they were stopped.
  const first = failures.find((it) => it instanceof ServingError && it.code !== 'CANCELLED');
  if (failures.length > 0) throw first ?? failures[0];
  return outcomes.flatMap((it) => (it.status === 'fulfilled' ? [it.value] : []));
}

async function downloadFile(file: StoredFile, options: DownloadOptions): Promise<LocalFile> {
  const origin = shown(options.location);
  const path = safeName(file.name, origin);
  if (path === '') throw new ServingError('FAILED_PRECONDITION', `${origin}: a file has no name`);
  const target = join(options.folder, path);
  await mkdir(dirname(target), { recursive: true });
  const size = await receive(file, target, options);
  const { sha256, md5 } = await digests(target, file.md5 !== null);
  if (file.md5 !== null && md5 !== file.md5) await doubt(file, target, sha256, options);
  return { path, size, sha256 };
}

async function receive(
  file: StoredFile,
  target: string,
  { store, signal, onBytes, maxBytes, location }: DownloadOptions,
): Promise<number> {
  const handle = await open(target, 'wx');
  try {
    const bytes = await store.download(file, { handle, signal, onBytes, maxBytes });
    const { size } = await handle.stat();
    if (size !== bytes || (file.size !== null && size !== file.size)) {
      throw new ServingError(
        'DATA_LOSS',
        `${shown(location)}: ${file.name} has ${size} bytes here, wanted ${file.size ?? bytes}`,
      );
    }
    return size;
  } finally {
    await handle.close();
  }
}

/** Decides about a file whose MD5 is not what the store's tag says: damage, or a tag that is no MD5. */
async function doubt(
  file: StoredFile,
  target: string,
  sha256: string,
  options: DownloadOptions,
): Promise<void> {
  if (!file.md5Certain) {
    if (strangeTags.has(options.store)) return;
    const again = `${target}.again`;
    await receive(file, again, { ...options, onBytes: () => undefined });
    const second = await digests(again, false);
    await rm(again);
    if (second.sha256 === sha256) {
      strangeTags.add(options.store);
      return;
    }
  }
  throw new ServingError(
    'DATA_LOSS',
    `${shown(options.location)}: ${file.name} does not have the MD5 ${file.md5} that the store declares`,
  );
}

/** Digests of a file in hex. */
export async function digests(
  path: string,
  withMd5: boolean,
): Promise<{ sha256: string; md5: string | null }> {
  const sha256 = createHash('sha256');
  const md5 = withMd5 ? createHash('md5') : null;
  for await (const chunk of createReadStream(path, { highWaterMark: HASH_CHUNK_BYTES })) {
    sha256.update(chunk as Buffer);
    md5?.update(chunk as Buffer);
  }
  return { sha256: sha256.digest('hex'), md5: md5?.digest('hex') ?? null };
}
