import type { FileHandle } from 'node:fs/promises';
import { ServingError } from '../../errors.js';

/** A version has a handful of files; more than this is a mistake in the base path. */
export const MAX_FILES = 10_000;

/** A file as its store describes it. */
export interface StoredFile {
  /** Relative to the folder that was listed, as a file name. */
  readonly name: string;
  /** What the store calls it. */
  readonly path: string;
  /** Bytes; `null` when the store does not say. */
  readonly size: number | null;
  /** Entity tag or change time: other content has another tag. */
  readonly tag: string;
  /** The entity tag where reads can be bound to it, else `null`. */
  readonly etag: string | null;
  /** MD5 in hex, or `null`; with `md5Certain` false it may be a tag that only looks like one. */
  readonly md5: string | null;
  readonly md5Certain: boolean;
}

/** The children of a folder. */
export interface FolderListing {
  readonly files: readonly StoredFile[];
  /** Names without slashes. */
  readonly folders: readonly string[];
}

/** What a download writes to. */
export interface DownloadSink {
  readonly handle: FileHandle;
  readonly signal: AbortSignal;
  /** Called after each piece with its bytes; negative when pieces are taken back to be read again. */
  readonly onBytes: (bytes: number) => void;
  /** The most bytes the file may have where the store does not say its size. */
  readonly maxBytes: number;
}

/**
 * One bucket or web server.
 *
 * Every method rejects with a `ServingError` that names the place: `NOT_FOUND`, `PERMISSION_DENIED`, `UNAVAILABLE` for an outage or a
 * stall, `DATA_LOSS` when bytes do not fit what was promised, `ABORTED` when the file changed.
 */
export interface ObjectStore {
  /** The children of a folder; `NOT_FOUND` when there is nothing at all under it. */
  list(folder: string): Promise<FolderListing>;
  /** Every file under a folder, in no order; empty when there is none. */
  walk(folder: string): Promise<StoredFile[]>;
  /** One file; `NOT_FOUND` when it does not exist. */
  stat(path: string): Promise<StoredFile>;
  /** Writes the whole file to the sink; resolves to its bytes. */
  download(file: StoredFile, sink: DownloadSink): Promise<number>;
}

/** Limits of the conversation with a store. */
export interface StoreLimits {
  /** Silence after which a request is given up, milliseconds. */
  readonly timeoutMs: number;
  /** Pause before a failed read is tried again; twice as long the second time. Milliseconds. */
  readonly retryPauseMs: number;
}

const ATTEMPTS = 3;

/** Waits for `work` for at most `limits.timeoutMs`; the work itself is left alone. */
export async function within<T>(
  work: Promise<T>,
  timeoutMs: number,
  what: string,
  signal?: AbortSignal,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let stop: (() => void) | undefined;
  const guard = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new ServingError('UNAVAILABLE', `${what}: no answer for ${timeoutMs / 1000} seconds`));
    }, timeoutMs);
    stop = () => reject(cancelled(what));
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted === true) stop();
  });
  // Whichever loses must not end as an unhandled rejection.
  guard.catch(() => undefined);
  work.catch(() => undefined);
  try {
    return await Promise.race([work, guard]);
  } finally {
    clearTimeout(timer);
    if (stop !== undefined) signal?.removeEventListener('abort', stop);
  }
}

/** Runs `attempt` up to three times while it fails with what another try may heal. */
export async function withRetries<T>(
  limits: StoreLimits,
  signal: AbortSignal,
  attempt: () => Promise<T>,
): Promise<T> {
  for (let count = 1; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      const heals =
        error instanceof ServingError &&
        (error.code === 'UNAVAILABLE' || error.code === 'DATA_LOSS');
      if (!heals || count >= ATTEMPTS || signal.aborted) throw error;
      await pause(limits.retryPauseMs * 2 ** (count - 1), signal);
    }
  }
}

/** The error of work that is no longer wanted. */
export function cancelled(what: string): ServingError {
  return new ServingError('CANCELLED', `${what}: no longer wanted`);
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal.addEventListener('abort', done, { once: true });
  });
}
