import { createHmac } from 'node:crypto';
import { hrtime } from 'node:process';

/** How often one client may ask. */
export interface RateLimitSettings {
  /** Requests a second on the average. */
  readonly perSecond: number;
  /** Requests that may come at once. */
  readonly burst: number;
}

/** Clients in one row of the table. */
const WAYS = 8;
const ROWS = 2048;
/** A client's hash, and when its next request would be due. */
const FIELDS = 2;

/** Memory for {@link RateLimit}, to be shared by all workers: 256 KiB, whoever asks. */
export function rateLimitMemory(): SharedArrayBuffer {
  return new SharedArrayBuffer(ROWS * WAYS * FIELDS * Float64Array.BYTES_PER_ELEMENT);
}

/**
 * A token bucket for each client, in memory of a fixed size that all workers share.
 *
 * Kept as one time a client (the generic cell rate algorithm): when its bucket will be full again. A time that is past says nothing that an
 * empty slot does not, so slots free themselves; where all slots of a row are in use the one that is next to free is taken, which gives
 * that client a new burst at worst. Workers write without a lock: an update that is lost lets one request more through.
 */
export class RateLimit {
  readonly #slots: Float64Array;
  readonly #secret: Buffer;
  readonly #intervalMs: number;
  readonly #slackMs: number;
  readonly #now: () => number;

  /**
   * @param secret keeps clients from choosing names that share a row with somebody else's; the same in all workers
   * @param now a clock in milliseconds that all workers share
   */
  constructor(
    settings: RateLimitSettings,
    memory: SharedArrayBuffer,
    secret: Uint8Array,
    now: () => number = monotonicMs,
  ) {
    this.#slots = new Float64Array(memory);
    this.#secret = Buffer.from(secret);
    this.#intervalMs = 1000 / settings.perSecond;
    this.#slackMs = this.#intervalMs * Math.max(1, settings.burst);
    this.#now = now;
  }

  /** Takes a request of a client; 0 when it may pass, else the milliseconds after which it might. */
  take(client: string): number {
    const digest = createHmac('sha256', this.#secret).update(client).digest();
    const row = digest.readUInt32LE(0) % ROWS;
    // 48 bits, never 0: that is an empty slot.
    const hash = digest.readUIntLE(4, 6) + 1;
    const now = this.#now();
    const slot = this.#find(row * WAYS * FIELDS, hash);
    const known = this.#slots[slot] === hash;
    const due = Math.max(known ? (this.#slots[slot + 1] ?? 0) : 0, now) + this.#intervalMs;
    const wait = due - now - this.#slackMs;
    // Sums of intervals are not exact; a thousandth of a millisecond is nobody's.
    if (wait > 0.001) return wait;
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = due;
    return 0;
  }

  /** The client's slot, or the one that it gets: the one whose time is first. */
  #find(start: number, hash: number): number {
    let first = start;
    for (let slot = start; slot < start + WAYS * FIELDS; slot += FIELDS) {
      if (this.#slots[slot] === hash) return slot;
      if ((this.#slots[slot + 1] ?? 0) < (this.#slots[first + 1] ?? 0)) first = slot;
    }
    return first;
  }
}

/** Milliseconds on a clock that only goes forward and is the same in all threads, unlike `performance.now()`. */
function monotonicMs(): number {
  const [seconds, nanos] = hrtime();
  return seconds * 1000 + nanos / 1e6;
}
