import { crc32 } from 'node:zlib';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { ServingError } from '../../errors.js';
import { safeName } from './location.js';
import type { Unpacker } from './unpacker.js';

const TYPE_MASK = 0o170000;
const FILE = 0o100000;
const FOLDER = 0o040000;
const LINK = 0o120000;
/** A link's target longer than this is none. */
const MAX_TARGET = 4096;

/**
 * Unpacks a zip file.
 *
 * @throws {ServingError} `FAILED_PRECONDITION` for what cannot be taken, `DATA_LOSS` for damage
 */
export async function unpackZip(path: string, origin: string, unpacker: Unpacker): Promise<void> {
  const zip = await openPromise(path, { strictFileNames: true }).catch((error: unknown) => {
    throw damage(origin, error);
  });
  try {
    const entries = zip.eachEntry();
    for (;;) {
      // Only yauzl's own errors are damage; those of writing are not.
      const next = await entries.next().catch((error: unknown) => {
        throw damage(origin, error);
      });
      if (next.done === true) break;
      await unpackEntry(zip, next.value, origin, unpacker);
    }
  } finally {
    zip.close();
  }
}

async function unpackEntry(
  zip: ZipFile,
  entry: Entry,
  origin: string,
  unpacker: Unpacker,
): Promise<void> {
  const name = unpacker.name(entry.fileName);
  if (name === null) return;
  if (entry.isEncrypted()) unpacker.refuse(name, 'is encrypted');
  const type = unixType(entry);
  if (entry.fileName.endsWith('/') || type === FOLDER) return await unpacker.folder(name);
  if (type !== FILE && type !== LINK) unpacker.refuse(name, 'is a device, wanted a file');
  if (!entry.canDecodeFileData()) {
    unpacker.refuse(
      name,
      `is packed by method ${entry.compressionMethod}, wanted stored or deflate`,
    );
  }
  const content = checked(zip, entry, origin);
  if (type === FILE) return await unpacker.file(name, content);
  if (entry.uncompressedSize > MAX_TARGET)
    unpacker.refuse(name, 'is a link with too long a target');
  const target: Uint8Array[] = [];
  for await (const chunk of content) target.push(chunk);
  unpacker.symbolicLink(name, Buffer.concat(target).toString('utf8'));
}

/** The content of an entry; fails when it does not have the size and checksum that the archive declares. */
async function* checked(
  zip: ZipFile,
  entry: Entry,
  origin: string,
): AsyncGenerator<Uint8Array, void> {
  let sum = 0;
  try {
    const stream = await zip.openReadStreamPromise(entry);
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch (error) {
    throw damage(`${origin}: entry ${JSON.stringify(entry.fileName)}`, error);
  }
  if (sum >>> 0 !== entry.crc32 >>> 0) {
    throw new ServingError(
      'DATA_LOSS',
      `${origin}: entry ${JSON.stringify(entry.fileName)} does not have the checksum the archive declares`,
    );
  }
}

function unixType(entry: Entry): number {
  const system = entry.versionMadeBy >>> 8;
  const type = (entry.externalFileAttributes >>> 16) & TYPE_MASK;
  // Only Unix and macOS keep a type there, and some of their tools leave it out.
  return (system === 3 || system === 19) && type !== 0 ? type : FILE;
}

function damage(origin: string, cause: unknown): ServingError {
  if (cause instanceof ServingError) return cause;
  const text = cause instanceof Error ? cause.message : String(cause);
  // yauzl's own refusal of a name, in the words of all others.
  const name = /^(?:invalid relative path|absolute path|invalid characters in fileName): (.*)$/s;
  const refused = name.exec(text)?.[1];
  if (refused !== undefined) safeName(refused, origin);
  return new ServingError('DATA_LOSS', `${origin}: damaged zip archive: ${text}`, { cause });
}
