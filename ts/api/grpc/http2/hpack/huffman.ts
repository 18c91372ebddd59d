import { HpackError } from './hpack-error.js';
import { textOf } from './text.js';

/**
 * The length in bits of each byte's code, and of EOS at the end (RFC 7541, appendix B). The code is canonical: shorter codes
 * come before longer ones and, of one length, those of smaller bytes first, so the lengths say all.
 */
// biome-ignore format: sixteen to a line, as the bytes are numbered
const CODE_BITS: readonly number[] = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const EOS = 256;
const LONGEST_CODE = 30;
/** The shortest code: eight bits a byte become at most 8/5 bytes. */
const SHORTEST_CODE = 5;

// A step takes four bits: from a node of the code's tree to the next, past one leaf at most.
const STEPS = 16;
/** A step: the node it leads to, and for a leaf on the way its byte. */
const NODE = 0xff;
const BYTE_SHIFT = 8;
const HAS_BYTE = 1 << 16;
/** What stands for a step past EOS. */
const FORBIDDEN = -1;

/** Where a string may end: at the root, or within seven bits of ones. */
const MOST_PADDING = 7;

interface Machine {
  /** By node and the next four bits. */
  readonly steps: Int32Array;
  /** By node, 1 where a string may end. */
  readonly ends: Uint8Array;
}

/** The tree: of each node its two children, a node's number or, for a leaf, -1 and down for the byte 0 and up. */
function growTree(): Int32Array {
  const children = new Int32Array(2 * EOS);
  let nodes = 1;
  let code = 0;
  for (let bits = SHORTEST_CODE; bits <= LONGEST_CODE; bits++) {
    code *= 2;
    for (let byte = 0; byte <= EOS; byte++) {
      if (CODE_BITS[byte] !== bits) continue;
      let node = 0;
      for (let left = bits - 1; left > 0; left--) {
        const at = 2 * node + ((code >>> left) & 1);
        if (children[at] === 0) children[at] = nodes++;
        node = children[at] as number;
      }
      children[2 * node + (code & 1)] = -1 - byte;
      code++;
    }
  }
  return children;
}

function stepFrom(children: Int32Array, start: number, nibble: number): number {
  let node = start;
  let emitted = 0;
  for (let bit = 3; bit >= 0; bit--) {
    const child = children[2 * node + ((nibble >>> bit) & 1)] as number;
    if (child >= 0) node = child;
    else {
      const byte = -1 - child;
      if (byte === EOS) return FORBIDDEN;
      emitted = HAS_BYTE | (byte << BYTE_SHIFT);
      node = 0;
    }
  }
  return emitted | node;
}

function build(): Machine {
  const children = growTree();
  const steps = new Int32Array(EOS * STEPS);
  for (let at = 0; at < steps.length; at++) {
    steps[at] = stepFrom(children, Math.floor(at / STEPS), at % STEPS);
  }
  const ends = new Uint8Array(EOS);
  let node = 0;
  for (let ones = 0; ones <= MOST_PADDING; ones++) {
    ends[node] = 1;
    node = children[2 * node + 1] as number;
  }
  return { steps, ends };
}

/** Built with the first string that needs it. */
let machine: Machine | null = null;
/** Where strings of usual lengths are put together; nothing stays in it from one to the next. */
let scratch: Buffer | null = null;
const SCRATCH_BYTES = 4096;

function roomFor(bytes: number): Buffer {
  if (bytes > SCRATCH_BYTES) return Buffer.allocUnsafe(bytes);
  scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
  return scratch;
}

/**
 * The string behind a Huffman code (RFC 7541, 5.2), a character for each byte.
 *
 * @throws {HpackError} It holds EOS, or what is left at its end is more than seven bits or not all ones.
 */
export function huffmanText(block: Buffer, start: number, end: number): string {
  machine ??= build();
  const { steps, ends } = machine;
  const bytes = roomFor(Math.floor(((end - start) * 8) / SHORTEST_CODE));
  let length = 0;
  let node = 0;
  for (let at = start; at < end; at++) {
    const byte = block[at] as number;
    const first = steps[node * STEPS + (byte >>> 4)] as number;
    if (first === FORBIDDEN) throw new HpackError(at, 'EOS within a Huffman-coded string');
    if (first >= HAS_BYTE) bytes[length++] = first >>> BYTE_SHIFT;
    const second = steps[(first & NODE) * STEPS + (byte & 15)] as number;
    if (second === FORBIDDEN) throw new HpackError(at, 'EOS within a Huffman-coded string');
    if (second >= HAS_BYTE) bytes[length++] = second >>> BYTE_SHIFT;
    node = second & NODE;
  }
  if (ends[node] !== 1) {
    throw new HpackError(end - 1, 'a Huffman-coded string ends with other than up to 7 ones');
  }
  return textOf(bytes, 0, length);
}
