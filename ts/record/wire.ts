import { ServingError } from '../errors.js';

/** One field of a serialized message. */
export interface Field {
  readonly number: number;
  /** Content of a length-delimited field, else null. */
  readonly bytes: Buffer | null;
  /** The whole field as it stands in the message. */
  readonly whole: Buffer;
}

/** Lengths of the wire types that have a fixed one. */
const FIXED: Readonly<Record<number, number>> = { 1: 8, 5: 4 };
const VARINT = 0;
const LENGTH_DELIMITED = 2;

/**
 * The fields of a serialized message, in their order. Looks at no more than their headers, however large they are.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` the bytes are no message
 */
export function fieldsOf(message: Uint8Array): Field[] {
  const bytes = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = bytes[at];
      if (byte === undefined) throw malformed();
      at += 1;
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
    throw malformed();
  };
  while (at < bytes.length) {
    const start = at;
    const tag = varint();
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    let content: Buffer | null = null;
    if (type === VARINT) varint();
    else if (type === LENGTH_DELIMITED) {
      const length = varint();
      content = bytes.subarray(at, at + length);
      at += length;
    } else at += FIXED[type] ?? Number.NaN;
    if (number === 0 || !(at <= bytes.length)) throw malformed();
    fields.push({ number, bytes: content, whole: bytes.subarray(start, at) });
  }
  return fields;
}

/** The content of the last length-delimited field of this number; null where there is none. */
export function lastBytes(message: Uint8Array, number: number): Buffer | null {
  return fieldsOf(message).findLast((field) => field.number === number)?.bytes ?? null;
}

/** A length-delimited field. */
export function bytesField(number: number, ...content: readonly Uint8Array[]): Buffer {
  const length = content.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([
    varintBytes(number * 8 + LENGTH_DELIMITED),
    varintBytes(length),
    ...content,
  ]);
}

/** A field of a number, not negative. */
export function varintField(number: number, value: number): Buffer {
  return Buffer.concat([varintBytes(number * 8 + VARINT), varintBytes(value)]);
}

function varintBytes(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

function malformed(): ServingError {
  return new ServingError('INVALID_ARGUMENT', 'the message is not valid protobuf');
}
