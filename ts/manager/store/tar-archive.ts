import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { Parser, type ReadEntry } from 'tar';
import { ServingError } from '../../errors.js';
import type { Unpacker } from './unpacker.js';

const CHUNK_BYTES = 256 * 1024;
const GZIP_MAGIC = 0x1f8b;

/**
 * Unpacks a gzip-compressed tar file.
 *
 * @throws {ServingError} `FAILED_PRECONDITION` for what cannot be taken, `DATA_LOSS` for damage
 */
export async function unpackTar(path: string, origin: string, unpacker: Unpacker): Promise<void> {
  let fault: unknown = null;
  let ended = false;
  let work = Promise.resolve();
  const parser = new Parser({
    strict: true,
    // The unpacker has limits of its own, which say what they are.
    maxDecompressionRatio: Number.POSITIVE_INFINITY,
    onReadEntry: (entry) => {
      // Entries come one after another: the next is not parsed before this one has been read.
      work = work
        .then(() => (fault === null ? unpackEntry(entry, unpacker) : undefined))
        .catch((error: unknown) => {
          fault ??= error;
        })
        .finally(() => entry.resume());
    },
  });
  parser.on('error', (error: unknown) => {
    fault ??= damage(origin, error);
  });
  const end = new Promise<void>((resolve) => {
    const done = () => {
      ended = true;
      resolve();
    };
    for (const event of ['end', 'error', 'abort']) parser.on(event, done);
  });
  const source = await unpacked(path);
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      if (fault !== null || ended) break;
      if (!parser.write(chunk))
        await Promise.race([once(parser, 'drain'), end, settled(() => work)]);
    }
    if (fault === null) {
      parser.end();
      await end;
    }
    await work;
  } catch (error) {
    fault ??= damage(origin, error);
  } finally {
    source.destroy();
  }
  if (fault !== null) throw fault;
}

/**
 * The tar stream inside the file. Inflating it here keeps the work on libuv's threads; tar itself would do it between two requests.
 *
 * A server may have taken the compression off on the way, so the first bytes decide.
 */
async function unpacked(path: string): Promise<Readable> {
  const handle = await open(path);
  const start = Buffer.alloc(2);
  await handle.read(start, 0, 2, 0).finally(() => handle.close());
  const file = createReadStream(path, { highWaterMark: CHUNK_BYTES });
  if (start.readUInt16BE() !== GZIP_MAGIC) return file;
  const gunzip = createGunzip({ chunkSize: CHUNK_BYTES });
  // Errors of either end come out of the stream that is read.
  pipeline(file, gunzip, () => undefined);
  return gunzip;
}

/** Resolves when the entries read so far are written, so that a failed one does not wait for a drain that never comes. */
async function settled(work: () => Promise<void>): Promise<void> {
  await work();
}

async function unpackEntry(entry: ReadEntry, unpacker: Unpacker): Promise<void> {
  const name = unpacker.name(entry.path);
  if (name === null) return;
  switch (entry.type) {
    case 'File':
    case 'OldFile':
    case 'ContiguousFile':
      return await unpacker.file(name, entry);
    case 'Directory':
    case 'GNUDumpDir':
      return await unpacker.folder(name);
    case 'SymbolicLink':
      return unpacker.symbolicLink(name, entry.linkpath ?? '');
    case 'Link':
      return await unpacker.hardLink(name, entry.linkpath ?? '');
    default:
      unpacker.refuse(name, `is a ${entry.type}, wanted a file`);
  }
}

function damage(origin: string, cause: unknown): ServingError {
  if (cause instanceof ServingError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  return new ServingError('DATA_LOSS', `${origin}: damaged tar.gz archive: ${text}`, { cause });
}
