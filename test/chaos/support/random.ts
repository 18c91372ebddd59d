/** Numbers that follow from a seed, so that a finding can be had again. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** An integer from 0 up to, not including, `end`. */
  below(end: number): number {
    // Mulberry32: small, and good enough to choose offsets.
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let x = this.#state;
    x = Math.imul(x ^ (x >>> 15), x | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) % end;
  }

  pick<const T extends readonly [unknown, ...unknown[]]>(values: T): T[number] {
    return values[this.below(values.length)];
  }

  bytes(length: number): Buffer {
    return Buffer.from(Array.from({ length }, () => this.below(256)));
  }

  /** A copy that differs: half of the time by one bit, else by bytes replaced, a part cut out, doubled or put in, or the end missing. */
  mutated(original: Buffer): Buffer {
    let bytes: Buffer = Buffer.from(original);
    if (bytes.length > 0 && this.below(2) === 0) return this.#flipped(bytes);
    const changes = 1 + this.below(4);
    for (let change = 0; change < changes; change += 1) bytes = this.#change(bytes);
    return bytes;
  }

  #change(bytes: Buffer): Buffer {
    if (bytes.length === 0) return this.bytes(1 + this.below(8));
    const at = this.below(bytes.length);
    const length = 1 + this.below(Math.min(16, bytes.length - at));
    switch (this.below(8)) {
      case 0:
        return bytes.subarray(0, at);
      case 1:
        return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
      case 2:
        return Buffer.concat([bytes.subarray(0, at + length), bytes.subarray(at)]);
      case 3:
        return Buffer.concat([bytes.subarray(0, at), this.bytes(length), bytes.subarray(at)]);
      case 4:
        bytes[at] = this.pick([0, 1, 0x7f, 0x80, 0xff]);
        return bytes;
      default:
        return this.#flipped(bytes);
    }
  }

  #flipped(bytes: Buffer): Buffer {
    const at = this.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << this.below(8));
    return bytes;
  }
}
