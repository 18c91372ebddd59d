import { createHash, randomBytes } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';
import type { PinTable } from '../../../ts/runtime/pinned-wheel.js';
import type { Host } from '../../../ts/runtime/platform.js';

/** The machine the fake wheels are for. */
export const HOST: Host = { platform: 'linux', arch: 'x64' };
export const VERSION = '2.21.0';
export const FILENAME = `tensorflow_cpu-${VERSION}-cp311-cp311-manylinux_2_27_x86_64.whl`;

/** SHA-256 in hex. */
export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** A 64-bit ELF file: one loaded segment of `loaded` bytes, then `symbols` bytes that nobody loads. */
export function fakeElf(loaded: number, symbols: number): Buffer {
  const head = Buffer.alloc(64 + 56);
  head.write('\x7fELF', 0, 'latin1');
  head[4] = 2;
  head[5] = 1;
  head[6] = 1;
  head.writeUInt16LE(3, 16);
  head.writeUInt16LE(62, 18);
  head.writeBigUInt64LE(64n, 32);
  head.writeBigUInt64LE(BigInt(loaded + 100), 40);
  head.writeUInt16LE(64, 52);
  head.writeUInt16LE(56, 54);
  head.writeUInt16LE(1, 56);
  head.writeUInt16LE(64, 58);
  head.writeUInt16LE(7, 60);
  head.writeUInt16LE(6, 62);
  head.writeUInt32LE(1, 64); // PT_LOAD
  head.writeBigUInt64LE(BigInt(loaded), 64 + 32);
  return Buffer.concat([head, randomBytes(loaded - head.length), Buffer.alloc(symbols, 0x53)]);
}

interface Member {
  readonly name: string;
  readonly data: Buffer;
}

function u16(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 2);
  for (const [i, value] of values.entries()) buffer.writeUInt16LE(value, i * 2);
  return buffer;
}

function u32(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) buffer.writeUInt32LE(value, i * 4);
  return buffer;
}

function u64(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 8);
  for (const [i, value] of values.entries()) buffer.writeBigUInt64LE(BigInt(value), i * 8);
  return buffer;
}

/** Writes a zip archive; `zip64` puts every size and offset into the 64-bit fields. */
export function makeZip(members: readonly Member[], options: { zip64?: boolean } = {}): Buffer {
  const wide = options.zip64 === true;
  const body: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, data } of members) {
    const packed = deflateRawSync(data);
    const title = Buffer.from(name);
    // A local extra field the directory does not have: the reader must take the local one.
    const localExtra = Buffer.concat([u16(0x5455, 5), Buffer.alloc(5)]);
    const common = Buffer.concat([u16(20, 0, 8, 0, 0), u32(0, packed.length, data.length)]);
    body.push(
      u32(0x04034b50),
      common,
      u16(title.length, localExtra.length),
      title,
      localExtra,
      packed,
    );
    const extra = wide
      ? Buffer.concat([u16(1, 24), u64(data.length, packed.length, offset)])
      : Buffer.alloc(0);
    const sizes = wide ? u32(0, 0xffffffff, 0xffffffff) : u32(0, packed.length, data.length);
    directory.push(
      u32(0x02014b50),
      u16(20, 20, 0, 8, 0, 0),
      sizes,
      u16(title.length, extra.length, 0, 0, 0),
      u32(0, wide ? 0xffffffff : offset),
      title,
      extra,
    );
    offset += 30 + title.length + localExtra.length + packed.length;
  }
  const listing = Buffer.concat(directory);
  const count = members.length;
  const end64 = Buffer.concat([
    u32(0x06064b50),
    u64(44),
    u16(45, 45),
    u32(0, 0),
    u64(count, count, listing.length, offset),
    u32(0x07064b50, 0),
    u64(offset + listing.length),
    u32(1),
  ]);
  const end = wide
    ? Buffer.concat([
        end64,
        u32(0x06054b50),
        u16(0, 0, 0xffff, 0xffff),
        u32(0xffffffff, 0xffffffff),
      ])
    : Buffer.concat([u32(0x06054b50), u16(0, 0, count, count), u32(listing.length, offset)]);
  return Buffer.concat([...body, listing, end, u16(0)]);
}

/** A small wheel with two fake libraries, and the pins that fit it. */
export interface FakeWheel {
  readonly bytes: Buffer;
  readonly main: Buffer;
  readonly framework: Buffer;
  readonly pins: PinTable;
}

/** Makes a wheel of about `kilobytes` kB that does not compress. */
export function makeWheel(kilobytes = 900, options: { zip64?: boolean } = {}): FakeWheel {
  const main = fakeElf(kilobytes * 1000, 200_000);
  const framework = fakeElf(100_000, 20_000);
  const record = [
    ['tensorflow/libtensorflow_cc.so.2', main],
    ['tensorflow/libtensorflow_framework.so.2', framework],
  ] as const;
  const lines = record.map(([name, data]) => {
    const hash = createHash('sha256').update(data).digest('base64url');
    return `${name},sha256=${hash},${data.length}`;
  });
  const bytes = makeZip(
    [
      { name: 'tensorflow/__init__.py', data: Buffer.from('# nothing\n') },
      ...record.map(([name, data]) => ({ name, data })),
      { name: `tensorflow_cpu-${VERSION}.dist-info/RECORD`, data: Buffer.from(lines.join('\n')) },
    ],
    options,
  );
  const members = record.map(([name, data], i) => ({
    name,
    compressedSize: deflateRawSync(data).length,
    size: data.length,
    loadedSize: i === 0 ? kilobytes * 1000 : 100_000,
    sha256: sha256(data),
  }));
  const wheel = {
    version: VERSION,
    variant: 'cpu',
    ...HOST,
    project: 'tensorflow-cpu',
    filename: FILENAME,
    size: bytes.length,
    sha256: sha256(bytes),
    members,
  } as const;
  return { bytes, main, framework, pins: { wheels: [wheel], nvidia: {} } };
}
