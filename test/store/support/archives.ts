import { deflateRawSync, gzipSync, crc32 as zlibCrc32 } from 'node:zlib';
import { Header, type HeaderData } from 'tar';

/** An entry of an archive made for a test. */
export interface TestEntry {
  readonly name: string;
  readonly content?: string | Buffer;
  /** What it is; a file when left out. */
  readonly type?: 'file' | 'folder' | 'link' | 'hardLink' | 'device' | 'pipe';
  /** Where a link leads. */
  readonly target?: string;
  /** Declared instead of the true checksum. */
  readonly crc?: number;
  /** Declared instead of the true unpacked size. */
  readonly size?: number;
}

/** The two entries of a small SavedModel. */
export function savedModel(content: string, prefix = ''): TestEntry[] {
  return [
    { name: `${prefix}saved_model.pb`, content },
    { name: `${prefix}variables/variables.index`, content: 'index' },
  ];
}

const TAR_TYPES = {
  file: 'File',
  folder: 'Directory',
  link: 'SymbolicLink',
  hardLink: 'Link',
  device: 'CharacterDevice',
  pipe: 'FIFO',
} as const;

/** A gzip-compressed tar file with exactly these entries, harmful ones too. */
export function tarGz(entries: readonly TestEntry[]): Buffer {
  return gzipSync(tarFile(entries));
}

/** The same without compression. */
export function tarFile(entries: readonly TestEntry[]): Buffer {
  const blocks = entries.flatMap(({ name, content = '', type = 'file', target }) => {
    const bytes = Buffer.from(content);
    const data: HeaderData = { path: name, mode: 0o644, size: bytes.length, mtime: new Date(0) };
    data.type = TAR_TYPES[type];
    if (target !== undefined) data.linkpath = target;
    const block = Buffer.alloc(512);
    new Header(data).encode(block);
    return [block, bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)];
  });
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

const ZIP_MODES = {
  file: 0o100644,
  folder: 0o040755,
  link: 0o120777,
  hardLink: 0o100644,
  device: 0o020644,
  pipe: 0o010644,
} as const;

/** A zip file with exactly these entries, harmful ones too. */
export function zipFile(entries: readonly TestEntry[]): Buffer {
  const local: Buffer[] = [];
  const central: Buffer[] = [];
  let offset = 0;
  for (const { name, content = '', type = 'file', target, crc, size } of entries) {
    const bytes = Buffer.from(target ?? content);
    const packed = deflateRawSync(bytes);
    const path = Buffer.from(name);
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(0x0800, 2);
    fields.writeUInt16LE(8, 4);
    fields.writeUInt32LE(crc ?? zlibCrc32(bytes), 10);
    fields.writeUInt32LE(packed.length, 14);
    fields.writeUInt32LE(size ?? bytes.length, 18);
    fields.writeUInt16LE(path.length, 22);
    local.push(Buffer.from('PK\x03\x04', 'latin1'), fields, path, packed);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((ZIP_MODES[type] << 16) >>> 0, 6);
    tail.writeUInt32LE(offset, 10);
    const madeByUnix = Buffer.from([20, 3]);
    central.push(Buffer.from('PK\x01\x02', 'latin1'), madeByUnix, fields, tail, path);
    offset += 4 + fields.length + path.length + packed.length;
  }
  const directory = Buffer.concat(central);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(directory.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...local, directory, end]);
}
