import { STATIC_FIELDS, STATIC_TABLE } from './tables.js';

const INDEXED = 0x80;
const INDEXED_BITS = 0x7f;
const WITHOUT_INDEXING_BITS = 0x0f;
const LENGTH_BITS = 0x7f;
/** What a field takes at most beside its characters: a first byte, and two lengths of up to six bytes. */
const MOST_EXTRA_BYTES = 13;
/** Up to this length a loop is faster than a call into Node. */
const SHORT = 48;

/** A name of the static table. */
interface KnownName {
  /** Where it comes first. */
  readonly index: number;
  readonly indexByValue: Map<string, number>;
}

const KNOWN_NAMES = new Map<string, KnownName>();
for (let index = 1; index <= STATIC_FIELDS; index++) {
  const name = STATIC_TABLE[2 * index - 2] as string;
  const value = STATIC_TABLE[2 * index - 1] as string;
  const known = KNOWN_NAMES.get(name) ?? { index, indexByValue: new Map() };
  known.indexByValue.set(value, index);
  KNOWN_NAMES.set(name, known);
}

/** Writes an integer behind the bits of its form (RFC 7541, 5.1); gives where the next byte goes. */
function putInteger(out: Buffer, at: number, form: number, bits: number, value: number): number {
  if (value < bits) {
    out[at] = form | value;
    return at + 1;
  }
  out[at++] = form | bits;
  let left = value - bits;
  for (; left >= 128; left = Math.floor(left / 128)) out[at++] = 128 | (left % 128);
  out[at] = left;
  return at + 1;
}

function putString(out: Buffer, at: number, text: string): number {
  const start = putInteger(out, at, 0, LENGTH_BITS, text.length);
  if (text.length > SHORT) return start + out.write(text, start, 'latin1');
  for (let i = 0; i < text.length; i++) out[start + i] = text.charCodeAt(i);
  return start + text.length;
}

/**
 * The header block of some fields, in the object's order: pseudo-headers must come first, and a name that is a whole number would come
 * before them. It is the same for every connection and at any time: it neither uses nor changes the peer's table.
 *
 * @param fields lower-case names; values of characters up to U+00FF, each a byte
 */
export function encodeBlock(fields: Readonly<Record<string, string | number>>): Buffer {
  let most = 0;
  for (const name in fields) most += MOST_EXTRA_BYTES + name.length + String(fields[name]).length;
  const out = Buffer.allocUnsafe(most);
  let at = 0;
  for (const name in fields) {
    const value = String(fields[name]);
    const known = KNOWN_NAMES.get(name);
    const index = known?.indexByValue.get(value);
    if (index !== undefined) {
      at = putInteger(out, at, INDEXED, INDEXED_BITS, index);
      continue;
    }
    at = putInteger(out, at, 0, WITHOUT_INDEXING_BITS, known?.index ?? 0);
    if (known === undefined) at = putString(out, at, name);
    at = putString(out, at, value);
  }
  return out.subarray(0, at);
}
