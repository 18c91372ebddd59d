import { open } from 'node:fs/promises';
import { ServingError } from '../errors.js';
import { maskedCrc32c } from '../native/record.js';

const HEADER_BYTES = 12;
const FOOTER_BYTES = 4;
const MAX_RECORD_BYTES = 2 ** 31 - 1;
const READ_BYTES = 1 << 20;

/** One record of a TFRecord file: its length and its bytes, each with their checksum. */
export function frameRecord(record: Uint8Array): Buffer {
  const framed = Buffer.allocUnsafe(HEADER_BYTES + record.length + FOOTER_BYTES);
  framed.writeBigUInt64LE(BigInt(record.length), 0);
  framed.writeUInt32LE(maskedCrc32c(framed.subarray(0, 8)), 8);
  framed.set(record, HEADER_BYTES);
  framed.writeUInt32LE(maskedCrc32c(record), HEADER_BYTES + record.length);
  return framed;
}

/**
 * Reads the records of a TFRecord file, one after the other; each is its reader's to keep. A file that is cut within a header ends
 * before it, as in TensorFlow.
 *
 * @throws {ServingError} `DATA_LOSS` with TensorFlow's texts for a record that was cut or changed; `NOT_FOUND` no such file
 */
export async function* readRecords(path: string): AsyncGenerator<Buffer> {
  const file = await open(path).catch((cause: Error) => {
    throw new ServingError('NOT_FOUND', `${path}: ${cause.message}`, { cause });
  });
  try {
    let ahead: Buffer = Buffer.alloc(0);
    let at = 0;
    /** Exactly so many bytes, or null where the file has fewer. */
    const take = async (length: number): Promise<Buffer | null> => {
      const parts = [ahead];
      let have = ahead.length;
      while (have < length) {
        const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(READ_BYTES) });
        if (bytesRead === 0) return null;
        parts.push(buffer.subarray(0, bytesRead));
        have += bytesRead;
      }
      const all = parts.length === 1 ? ahead : Buffer.concat(parts);
      ahead = all.subarray(length);
      return all.subarray(0, length);
    };
    for (;;) {
      const header = await take(HEADER_BYTES);
      if (header === null) return;
      const length = Number(checked(header, at).readBigUInt64LE());
      const cut = `truncated record at ${at}' failed with Read less bytes than requested`;
      const framed = length > MAX_RECORD_BYTES ? null : await take(length + FOOTER_BYTES);
      if (framed === null) throw new ServingError('DATA_LOSS', cut);
      yield checked(framed, at + HEADER_BYTES);
      at += HEADER_BYTES + length + FOOTER_BYTES;
    }
  } finally {
    await file.close();
  }
}

/** The bytes before a checksum that fits them. */
function checked(bytes: Buffer, at: number): Buffer {
  const data = bytes.subarray(0, bytes.length - FOOTER_BYTES);
  if (bytes.readUInt32LE(data.length) === maskedCrc32c(data)) return data;
  const hint = at === 0 ? ' (Is this even a TFRecord file?)' : '';
  throw new ServingError('DATA_LOSS', `corrupted record at ${at}${hint}`);
}
