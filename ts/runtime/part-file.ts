import { type FileHandle, stat } from 'node:fs/promises';
import { ServingError } from '../errors.js';
import { redact } from '../proxy.js';
import { type Disk, isDiskFull } from './disk.js';
import type { HttpReply } from './http.js';
import { backOff, isTransient } from './remote-file.js';

/** Starts the bytes from `offset` of the wanted stretch (0 = its first byte) to its end. */
export type OpenStretch = (offset: number, signal: AbortSignal) => Promise<HttpReply>;

/** What one download wants; sizes in bytes. */
export interface PartOptions {
  readonly path: string;
  /** Length of the stretch; null when the server does not say (then it ends where the body ends). */
  readonly length: number | null;
  readonly open: OpenStretch;
  readonly disk: Disk;
  /** False: the server cannot continue, a cut download starts again. */
  readonly resumable: boolean;
  /** First wait before a retry, milliseconds. */
  readonly backOffMs: number;
  readonly onBytes: (added: number) => void;
  readonly onRetry: (reason: string) => void;
}

const ATTEMPTS = 6;
const READ_BYTES = 1024 * 1024;

/**
 * A stretch of a remote file on its way to disk, readable while it grows.
 *
 * The compressed bytes stay on disk until all is checked, so a cut download goes on where it stopped, also in another process.
 */
export class PartFile {
  readonly #options: PartOptions;
  #available = 0;
  #finished = false;
  #failure: unknown = null;
  #wake: () => void = () => undefined;

  constructor(options: PartOptions) {
    this.#options = options;
  }

  /** Bytes on disk. */
  get available(): number {
    return this.#available;
  }

  /** Takes over what an earlier run left, and says how much that is. */
  async adopt(): Promise<number> {
    const { path, length, resumable } = this.#options;
    try {
      const { size } = await stat(path);
      this.#available = resumable && (length === null || size <= length) ? size : 0;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
    return this.#available;
  }

  /**
   * Downloads what is missing. Network failures are tried again from the last byte, five times at most without progress.
   *
   * @throws {ServingError} `UNAVAILABLE` when it stays cut; the bytes so far are kept.
   */
  async download(signal: AbortSignal): Promise<void> {
    const { path, disk, length } = this.#options;
    try {
      const handle = await disk.open(path, this.#available === 0 ? 'w' : 'r+');
      try {
        if (this.#available !== length) await this.#attempts(handle, signal);
        await handle.sync();
      } finally {
        await handle.close();
      }
      this.#finished = true;
    } catch (error) {
      this.#failure = error;
      throw error;
    } finally {
      this.#wake();
    }
  }

  async #attempts(handle: FileHandle, signal: AbortSignal): Promise<void> {
    let fruitless = 0;
    for (;;) {
      const before = this.#available;
      try {
        return await this.#once(handle, signal);
      } catch (error) {
        fruitless = this.#available > before ? 1 : fruitless + 1;
        if (signal.aborted) throw signal.reason;
        if (!isTransient(error) || fruitless >= ATTEMPTS) throw error;
        this.#options.onRetry((error as Error).message);
        if (!this.#options.resumable) {
          this.#options.onBytes(-this.#available);
          this.#available = 0;
          await handle.truncate(0);
        }
        await backOff(fruitless, this.#options.backOffMs, signal);
      }
    }
  }

  async #once(handle: FileHandle, signal: AbortSignal): Promise<void> {
    const { open, length, onBytes } = this.#options;
    const reply = await open(this.#available, signal);
    try {
      for await (const chunk of reply.body as AsyncIterable<Buffer>) {
        if (length !== null && this.#available + chunk.length > length) {
          const message = `${redact(reply.url)}: the server sent more than the range asked for`;
          throw new ServingError('DATA_LOSS', message);
        }
        let written = 0;
        while (written < chunk.length) {
          const position = this.#available + written;
          written += (await handle.write(chunk, written, chunk.length - written, position))
            .bytesWritten;
        }
        this.#available += chunk.length;
        onBytes(chunk.length);
        this.#wake();
      }
    } catch (error) {
      const ofDisk = (error as NodeJS.ErrnoException).syscall === 'write' || isDiskFull(error);
      if (ofDisk || error instanceof ServingError) throw error;
      const reason = `${redact(reply.url)}: ${(error as Error).message}`;
      throw new ServingError('UNAVAILABLE', reason, { cause: error });
    }
    if (length !== null && this.#available !== length) {
      const message = `${redact(reply.url)}: expected ${length} bytes, got ${this.#available}`;
      throw new ServingError('UNAVAILABLE', message);
    }
  }

  /** The bytes from the start, as they arrive; throws what ended the download. For one reader. */
  async *chunks(): AsyncGenerator<Buffer> {
    let offset = 0;
    let handle: FileHandle | null = null;
    try {
      for (;;) {
        while (offset < this.#available) {
          handle ??= await this.#options.disk.open(this.#options.path, 'r');
          const buffer = Buffer.allocUnsafe(Math.min(READ_BYTES, this.#available - offset));
          const { bytesRead } = await handle.read(buffer, 0, buffer.length, offset);
          if (bytesRead === 0) throw new ServingError('DATA_LOSS', `${this.#options.path}: cut`);
          offset += bytesRead;
          yield buffer.subarray(0, bytesRead);
        }
        if (this.#failure !== null) throw this.#failure;
        if (this.#finished) return;
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    } finally {
      await handle?.close();
    }
  }
}
