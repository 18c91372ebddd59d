import { createHash } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createInflateRaw } from 'node:zlib';
import { ServingError } from '../errors.js';
import type { Disk } from './disk.js';
import { loadedSize, programHeadersEnd, withoutSections } from './elf.js';
import type { ZipEntry } from './zip.js';

/** What an unpacked file is. Sizes in bytes, hashes are SHA-256 in hex. */
export interface UnpackedFile {
  /** Of the file as the wheel holds it. */
  readonly size: number;
  readonly sha256: string;
  /** Of the file on disk: smaller and different where sections were left out. */
  readonly installedSize: number;
  readonly installedSha256: string;
}

/** What to unpack. */
export interface UnpackOptions {
  readonly entry: ZipEntry;
  /** The member's bytes as they lie in the archive. */
  readonly chunks: AsyncIterable<Buffer>;
  /** Where to; written completely and synced, or an error. */
  readonly target: string;
  /** Expected SHA-256 of the whole file, hex; null when the archive itself was checked. */
  readonly sha256: string | null;
  /** Leave out what is never loaded (64-bit ELF only). */
  readonly strip: boolean;
  readonly executable?: boolean;
  readonly disk: Disk;
}

/** Writes the leading `limit` bytes of what it is given, hashing them. */
class Writer {
  readonly #handle: FileHandle;
  readonly #hash = createHash('sha256');
  #written = 0;
  /** Bytes to keep; the rest is dropped. */
  limit = Number.POSITIVE_INFINITY;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  get written(): number {
    return this.#written;
  }

  async write(chunk: Buffer): Promise<void> {
    const kept = chunk.subarray(0, Math.max(0, this.limit - this.#written));
    this.#hash.update(kept);
    let done = 0;
    while (done < kept.length) {
      const position = this.#written + done;
      done += (await this.#handle.write(kept, done, kept.length - done, position)).bytesWritten;
    }
    this.#written += kept.length;
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

/** Program headers lie at the front of every linker's output; past this the file is left whole. */
const MAX_HEAD = 1024 * 1024;

/** Collects the head of an ELF file, decides the cut, then passes everything on. */
class SectionCutter {
  readonly #writer: Writer;
  #head: Buffer | null = Buffer.alloc(0);

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  async write(chunk: Buffer): Promise<void> {
    if (this.#head === null) return this.#writer.write(chunk);
    this.#head = Buffer.concat([this.#head, chunk]);
    const needed = this.#head.length < 64 ? 64 : programHeadersEnd(this.#head);
    const waiting = needed !== null && needed <= MAX_HEAD && this.#head.length < needed;
    if (!waiting) await this.flush();
  }

  /** Writes a head that was held back: at the decision, or at the end of a tiny file. */
  async flush(): Promise<void> {
    const head = this.#head;
    if (head === null) return;
    this.#head = null;
    const size = loadedSize(head);
    if (size === null) return this.#writer.write(head);
    this.#writer.limit = size;
    await this.#writer.write(withoutSections(head));
  }
}

function wrongSize(entry: ZipEntry, got: string): ServingError {
  const message = `${entry.name}: expected ${entry.size} bytes, got ${got}`;
  return new ServingError('DATA_LOSS', message);
}

/** The archive's bytes as the file's bytes. */
async function inflate(
  entry: ZipEntry,
  chunks: AsyncIterable<Buffer>,
  consume: (bytes: AsyncIterable<Buffer>) => Promise<void>,
): Promise<void> {
  if (entry.method === 0) return consume(chunks);
  if (entry.method !== 8) {
    const message = `${entry.name}: zip compression method ${entry.method} is not known`;
    throw new ServingError('UNIMPLEMENTED', message);
  }
  const inflater = createInflateRaw({ chunkSize: 256 * 1024 });
  const refusals: unknown[] = [];
  try {
    await pipeline(Readable.from(chunks, { objectMode: false }), inflater, (bytes) =>
      consume(bytes).catch((error: unknown) => {
        refusals.push(error);
        throw error;
      }),
    );
  } catch (error) {
    // Node 20's pipeline reports a consumer's error as "aborted".
    if (refusals.length > 0) throw refusals[0];
    const { code } = error as NodeJS.ErrnoException;
    if (code?.startsWith('Z_') !== true) throw error;
    const message = `${entry.name}: the compressed data is damaged (${(error as Error).message})`;
    throw new ServingError('DATA_LOSS', message, { cause: error });
  }
}

/**
 * Inflates one member, checks it and writes it in one pass.
 *
 * The hash is of the whole file; sections that are never loaded are hashed but not written. Nobody may use `target` before
 * this resolves.
 *
 * @throws {ServingError} `DATA_LOSS` when size or hash differ from what is expected.
 */
export async function unpackMember(options: UnpackOptions): Promise<UnpackedFile> {
  const { entry, chunks, target, sha256, strip, disk } = options;
  const handle = await disk.open(target, 'w', options.executable === true ? 0o755 : 0o644);
  try {
    const whole = createHash('sha256');
    let size = 0;
    const writer = new Writer(handle);
    const cutter = strip ? new SectionCutter(writer) : null;
    await inflate(entry, chunks, async (bytes) => {
      for await (const chunk of bytes) {
        size += chunk.length;
        // A lie about the size must not fill the disk.
        if (size > entry.size) throw wrongSize(entry, `more than ${entry.size}`);
        whole.update(chunk);
        await (cutter ?? writer).write(chunk);
      }
      await cutter?.flush();
    });
    if (size !== entry.size) throw wrongSize(entry, `${size}`);
    const found = whole.digest('hex');
    if (sha256 !== null && found !== sha256) {
      const message = `${entry.name}: sha256 is ${found}, expected ${sha256}; nothing was installed`;
      throw new ServingError('DATA_LOSS', message);
    }
    await handle.sync();
    const installedSha256 = writer.digest();
    return { size, sha256: found, installedSize: writer.written, installedSha256 };
  } finally {
    await handle.close();
  }
}
