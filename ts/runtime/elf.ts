/**
 * The few facts of executable formats that are needed here: is a library for this machine, and how much of it is loaded.
 *
 * TensorFlow's Linux libraries carry 200 MB of symbol tables behind the last loaded byte. Leaving them out gives what
 * `strip` gives, without the tool.
 */

/** What the first bytes of a file say it is. */
export interface BinaryKind {
  readonly format: 'elf' | 'mach-o' | 'other';
  /** Node's word for the processor, or the format's number where Node has none; null when not told. */
  readonly arch: string | null;
}

const ELF_MACHINES: Readonly<Record<number, string>> = {
  3: 'ia32',
  40: 'arm',
  62: 'x64',
  183: 'arm64',
};
const MACH_CPUS: Readonly<Record<number, string>> = { 16777223: 'x64', 16777228: 'arm64' };
const SECTION_FIELDS = { offset: 0x28, count: 0x3c, names: 0x3e } as const;

function isElf64(head: Buffer): boolean {
  // Class 2 = 64-bit, data 1 = little endian: the only kinds TensorFlow is built for.
  return head.length >= 64 && head.readUInt32BE(0) === 0x7f454c46 && head[4] === 2 && head[5] === 1;
}

/** Tells format and processor from the first 20 bytes or more. */
export function binaryKind(head: Buffer): BinaryKind {
  if (head.length >= 20 && head.readUInt32BE(0) === 0x7f454c46) {
    const machine = head[5] === 1 ? head.readUInt16LE(18) : head.readUInt16BE(18);
    return { format: 'elf', arch: ELF_MACHINES[machine] ?? `machine ${machine}` };
  }
  if (head.length >= 8 && head.readUInt32LE(0) === 0xfeedfacf) {
    const cpu = head.readUInt32LE(4);
    return { format: 'mach-o', arch: MACH_CPUS[cpu] ?? `cpu ${cpu}` };
  }
  // A universal binary holds several processors: which ones is for dlopen to say.
  if (head.length >= 8 && head.readUInt32BE(0) === 0xcafebabe)
    return { format: 'mach-o', arch: null };
  return { format: 'other', arch: null };
}

/** Bytes of `head` that `loadedSize` needs: the ELF header and its program headers; null when it is no 64-bit ELF. */
export function programHeadersEnd(head: Buffer): number | null {
  if (!isElf64(head)) return null;
  return Number(head.readBigUInt64LE(32)) + head.readUInt16LE(54) * head.readUInt16LE(56);
}

/**
 * Size of a 64-bit ELF file up to its last byte that some program header needs.
 *
 * `head` must reach to `programHeadersEnd`. Null when there is nothing to go by: the file must stay whole then.
 */
export function loadedSize(head: Buffer): number | null {
  const end = programHeadersEnd(head);
  if (end === null || end > head.length) return null;
  const start = Number(head.readBigUInt64LE(32));
  const entrySize = head.readUInt16LE(54);
  let last = 0;
  for (let at = start; at + 56 <= end; at += entrySize) {
    if (head.readUInt32LE(at) === 0) continue; // PT_NULL
    const fileEnd = Number(head.readBigUInt64LE(at + 8)) + Number(head.readBigUInt64LE(at + 32));
    last = Math.max(last, fileEnd);
  }
  return last === 0 ? null : Math.max(last, end);
}

/** A copy of an ELF header that says the file has no sections. */
export function withoutSections(head: Buffer): Buffer {
  const copy = Buffer.from(head);
  copy.writeBigUInt64LE(0n, SECTION_FIELDS.offset);
  copy.writeUInt16LE(0, SECTION_FIELDS.count);
  copy.writeUInt16LE(0, SECTION_FIELDS.names);
  return copy;
}
