import { inflateRawSync } from 'node:zlib';
import { ServingError } from '../errors.js';

/** Bytes that can be read at any offset: a local file, or a remote one through range requests. */
export interface ByteSource {
  /** Total size, bytes. */
  readonly size: number;
  /** Name for error texts. */
  readonly name: string;
  /** Reads exactly `length` bytes at `offset`. */
  read(offset: number, length: number): Promise<Buffer>;
}

/** One member of a zip archive. Sizes and offsets in bytes. */
export interface ZipEntry {
  readonly name: string;
  /** 0 = stored, 8 = deflate. */
  readonly method: number;
  readonly compressedSize: number;
  readonly size: number;
  /** Of the local file header; `dataOffset` finds where the bytes start. */
  readonly headerOffset: number;
}

const END_SIGNATURE = 0x06054b50;
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;
const ZIP64_END_SIGNATURE = 0x06064b50;
const CENTRAL_SIGNATURE = 0x02014b50;
const LOCAL_SIGNATURE = 0x04034b50;
const MAX_TAIL = 65_557; // end record (22) and the longest comment (65 535)

function broken(source: ByteSource, what: string): ServingError {
  return new ServingError('DATA_LOSS', `${source.name}: not a readable wheel, ${what}`);
}

function number64(buffer: Buffer, offset: number): number {
  return Number(buffer.readBigUInt64LE(offset));
}

/** Where the central directory lies, from the end record or its 64-bit form. */
async function locateDirectory(source: ByteSource): Promise<{ offset: number; length: number }> {
  const tailLength = Math.min(source.size, MAX_TAIL);
  const tailStart = source.size - tailLength;
  const tail = await source.read(tailStart, tailLength);
  let end = tail.length - 22;
  while (end >= 0 && tail.readUInt32LE(end) !== END_SIGNATURE) end--;
  if (end < 0) throw broken(source, 'the end of the zip directory is missing');
  const length = tail.readUInt32LE(end + 12);
  const offset = tail.readUInt32LE(end + 16);
  const locator = end - 20;
  const is64 = locator >= 0 && tail.readUInt32LE(locator) === ZIP64_LOCATOR_SIGNATURE;
  if (!is64) return { offset, length };
  const record = await source.read(number64(tail, locator + 8), 56);
  if (record.readUInt32LE(0) !== ZIP64_END_SIGNATURE) {
    throw broken(source, 'the 64-bit end record is missing');
  }
  return { length: number64(record, 40), offset: number64(record, 48) };
}

/** Replaces sizes and offset that did not fit 32 bits by those of the zip64 extra field. */
function widen(entry: ZipEntry, extra: Buffer): ZipEntry {
  let at = 0;
  while (at + 4 <= extra.length) {
    const id = extra.readUInt16LE(at);
    const length = extra.readUInt16LE(at + 2);
    if (id === 1) {
      let field = at + 4;
      const next = (narrow: number): number => {
        if (narrow !== 0xffffffff) return narrow;
        field += 8;
        return number64(extra, field - 8);
      };
      // The order is fixed by the format: size, compressed size, offset.
      const size = next(entry.size);
      const compressedSize = next(entry.compressedSize);
      return { ...entry, size, compressedSize, headerOffset: next(entry.headerOffset) };
    }
    at += 4 + length;
  }
  return entry;
}

/**
 * Lists an archive's members from its central directory: two or three reads, whatever the archive's size.
 *
 * @throws {ServingError} `DATA_LOSS` when the directory is missing or cut.
 */
export async function readDirectory(source: ByteSource): Promise<ZipEntry[]> {
  const { offset, length } = await locateDirectory(source);
  if (offset + length > source.size) throw broken(source, 'its directory lies outside the file');
  const directory = await source.read(offset, length);
  const entries: ZipEntry[] = [];
  let at = 0;
  while (at + 46 <= directory.length && directory.readUInt32LE(at) === CENTRAL_SIGNATURE) {
    const nameLength = directory.readUInt16LE(at + 28);
    const extraLength = directory.readUInt16LE(at + 30);
    const extraStart = at + 46 + nameLength;
    const entry: ZipEntry = {
      name: directory.toString('utf8', at + 46, extraStart),
      method: directory.readUInt16LE(at + 10),
      compressedSize: directory.readUInt32LE(at + 20),
      size: directory.readUInt32LE(at + 24),
      headerOffset: directory.readUInt32LE(at + 42),
    };
    entries.push(widen(entry, directory.subarray(extraStart, extraStart + extraLength)));
    at = extraStart + extraLength + directory.readUInt16LE(at + 32);
  }
  if (entries.length === 0) throw broken(source, 'it holds no files');
  return entries;
}

/** Where a member's bytes start. The local header's name and extra field may differ from the directory's. */
export async function dataOffset(source: ByteSource, entry: ZipEntry): Promise<number> {
  const header = await source.read(entry.headerOffset, 30);
  if (header.readUInt32LE(0) !== LOCAL_SIGNATURE) {
    throw broken(source, `${entry.name} has no local header`);
  }
  return entry.headerOffset + 30 + header.readUInt16LE(26) + header.readUInt16LE(28);
}

/** Reads a small member whole, such as the list of hashes. */
export async function readMember(source: ByteSource, entry: ZipEntry): Promise<Buffer> {
  const bytes = await source.read(await dataOffset(source, entry), entry.compressedSize);
  if (entry.method === 0) return bytes;
  try {
    return inflateRawSync(bytes, { maxOutputLength: entry.size + 1 });
  } catch {
    throw broken(source, `${entry.name} is damaged`);
  }
}
