/** Buckets a power of two: none is wider than 1/128 of its value. */
const SUB = 128;
const SUB_BITS = 7;
/** Up to 2^31 µs, which is 36 minutes. */
const BUCKETS = SUB + (31 - SUB_BITS) * SUB;
const LARGEST = 2 ** 31 - 1;

/** Latencies counted in buckets, so that memory does not grow with the number of requests. Microseconds; quantiles are within 0.8 %. */
export class LatencyHistogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;
  #sum = 0;
  #max = 0;

  /** Counts one latency, in microseconds. */
  record(micros: number): void {
    const value = Math.min(Math.max(Math.round(micros), 0), LARGEST);
    const bucket = bucketOf(value);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#sum += value;
    if (value > this.#max) this.#max = value;
  }

  get count(): number {
    return this.#count;
  }

  /** The largest, exactly. */
  get max(): number {
    return this.#max;
  }

  /** 0 when empty. */
  get mean(): number {
    return this.#count === 0 ? 0 : this.#sum / this.#count;
  }

  /** The value that a share of `q` does not exceed; 0 when empty. */
  quantile(q: number): number {
    const rank = Math.max(1, Math.ceil(q * this.#count));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return Math.min(middleOf(bucket), this.#max);
    }
    return 0;
  }
}

function bucketOf(value: number): number {
  if (value < SUB) return value;
  const shift = 31 - Math.clz32(value) - SUB_BITS;
  return SUB + shift * SUB + (value >> shift) - SUB;
}

function middleOf(bucket: number): number {
  if (bucket < SUB) return bucket;
  const shift = Math.floor((bucket - SUB) / SUB);
  const low = (((bucket - SUB) % SUB) + SUB) * 2 ** shift;
  return low + (2 ** shift - 1) / 2;
}
