import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm, rmdir, statfs } from 'node:fs/promises';
import { ServingError } from '../errors.js';
import type { ByteSource } from './zip.js';

/** The calls that a full disk makes fail; tests hand in failing ones. */
export interface Disk {
  open(path: string, flags: string, mode?: number): Promise<FileHandle>;
  /** Free bytes of the file system that holds `path`. */
  freeBytes(path: string): Promise<number>;
}

/** The real disk. */
export const REAL_DISK: Disk = {
  open,
  async freeBytes(path) {
    const { bavail, bsize } = await statfs(path);
    return bavail * bsize;
  },
};

/** Bytes as people write them: `192 MB`. */
export function megabytes(bytes: number): string {
  if (bytes >= 10_000_000_000) return `${(bytes / 1e9).toFixed(1)} GB`;
  return bytes >= 1_000_000 ? `${Math.round(bytes / 1e6)} MB` : `${Math.ceil(bytes / 1000)} kB`;
}

/** The one sentence for a disk without room. */
export function diskFull(folder: string, needed: number | null, cause?: unknown): ServingError {
  const wanted = needed === null ? '' : `, ${megabytes(needed)} needed`;
  return new ServingError(
    'RESOURCE_EXHAUSTED',
    `${folder}: not enough room on the disk${wanted}; free some or choose another place with --dir`,
    { cause },
  );
}

/** True for the errors of a full disk, a spent quota or a file size limit. */
export function isDiskFull(error: unknown): boolean {
  const code = (error as { code?: unknown } | null)?.code;
  return code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
}

/**
 * Checks for room before anything is written.
 *
 * @throws {ServingError} `RESOURCE_EXHAUSTED` when fewer than `needed` bytes are free.
 */
export async function requireSpace(disk: Disk, folder: string, needed: number): Promise<void> {
  if ((await disk.freeBytes(folder)) < needed) throw diskFull(folder, needed);
}

/** Removes a folder if it is empty; one that is gone or in use stays as it is. */
export async function removeIfEmpty(path: string): Promise<void> {
  try {
    await rmdir(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (!['ENOENT', 'ENOTEMPTY', 'EEXIST', 'EBUSY', 'ENOTDIR'].includes(code ?? '')) throw error;
  }
}

/** Removes a tree, also one that is not there. */
export async function removeTree(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

/** A local file as a byte source; `close` when done. */
export interface LocalFile extends ByteSource {
  stream(offset: number, length: number): AsyncIterable<Buffer>;
  close(): Promise<void>;
}

/** Opens a local file for reads at any offset. */
export async function openLocalFile(path: string): Promise<LocalFile> {
  let handle: FileHandle;
  try {
    handle = await open(path, 'r');
  } catch (error) {
    const reason = (error as Error).message;
    throw new ServingError('NOT_FOUND', `${path}: cannot be read (${reason})`, { cause: error });
  }
  const { size } = await handle.stat();
  return {
    name: path,
    size,
    async read(offset, length) {
      const buffer = Buffer.alloc(length);
      let done = 0;
      while (done < length) {
        const { bytesRead } = await handle.read(buffer, done, length - done, offset + done);
        if (bytesRead === 0) throw new ServingError('DATA_LOSS', `${path}: the file is cut`);
        done += bytesRead;
      }
      return buffer;
    },
    stream(offset, length) {
      if (length === 0) return emptyStream();
      const options = { start: offset, end: offset + length - 1, highWaterMark: 1024 * 1024 };
      return createReadStream(path, options) as AsyncIterable<Buffer>;
    },
    close: () => handle.close(),
  };
}

async function* emptyStream(): AsyncGenerator<Buffer> {
  // A range of no bytes cannot be said with `start` and an inclusive `end`.
}
