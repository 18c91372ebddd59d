/** Message types by how deep their ModelSpecs lie: in field 1 of the message, or in field 1 of every task in field 1. */
export type SpecDepth = 1 | 2;

const MODEL_SPEC = 1;
const NAME = 1;
const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;

/**
 * Every model name in a serialized request, without decoding the rest.
 *
 * A field may be there several times, and which one counts is the decoder's business; whoever has all names need not know. Null for bytes
 * that are no such message.
 *
 * @param depth where the request's ModelSpecs are
 */
export function modelNames(request: Uint8Array, depth: SpecDepth): readonly string[] | null {
  const names: string[] = [];
  const found = eachMember(request, MODEL_SPEC, (inner) =>
    depth === 2
      ? eachMember(inner, MODEL_SPEC, (spec) => addNames(spec, names))
      : addNames(inner, names),
  );
  return found ? names : null;
}

function addNames(spec: Uint8Array, names: string[]): boolean {
  return eachMember(spec, NAME, (name) => {
    names.push(Buffer.from(name.buffer, name.byteOffset, name.length).toString('utf8'));
    return true;
  });
}

/** Calls `visit` with each length-delimited field of a number; false when bytes or visit say so. */
function eachMember(
  bytes: Uint8Array,
  wanted: number,
  visit: (member: Uint8Array) => boolean,
): boolean {
  let at = 0;
  /** The next varint, or -1 where there is none below 2^53. */
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; scale <= 2 ** 63; scale *= 128) {
      const byte = bytes[at++];
      if (byte === undefined) return -1;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
    }
    return -1;
  };
  while (at < bytes.length) {
    const tag = varint();
    if (tag < 8 || tag > 0xffff_ffff) return false;
    const wire = tag % 8;
    if (wire === VARINT) {
      if (varint() < 0) return false;
    } else if (wire === FIXED64) at += 8;
    else if (wire === FIXED32) at += 4;
    else if (wire === BYTES) {
      const length = varint();
      if (length < 0 || at + length > bytes.length) return false;
      if (Math.floor(tag / 8) === wanted && !visit(bytes.subarray(at, at + length))) return false;
      at += length;
    } else return false;
    if (at > bytes.length) return false;
  }
  return true;
}
