/** What a peer may send before it hears more, in bytes: of a stream, or of all of a connection. */
export class ReceiveWindow {
  readonly #size: number;
  #left: number;
  /** Taken from, used, and not given back yet. */
  #used = 0;

  constructor(size: number) {
    this.#size = size;
    this.#left = size;
  }

  /** Takes `bytes` from it as they come; false where more came than was allowed. */
  take(bytes: number): boolean {
    this.#left -= bytes;
    return this.#left >= 0;
  }

  /** Bytes are done with; returns by how much to open the window again, 0 for not yet. */
  give(bytes: number): number {
    const used = this.#used + bytes;
    if (used < this.#size / 2) {
      this.#used = used;
      return 0;
    }
    this.#used = 0;
    this.#left += used;
    return used;
  }
}

/** So many in a row, and so many a second for as long as it goes on; what is over it is too much. */
export class Budget {
  readonly #burst: number;
  readonly #perMs: number;
  #left: number;
  #at = 0;

  constructor(burst: number, perSecond: number) {
    this.#burst = burst;
    this.#perMs = perSecond / 1000;
    this.#left = burst;
  }

  /** Counts one at `now`, in milliseconds of any clock that only goes forward; whether it is still within. */
  spend(now: number): boolean {
    this.#left = Math.min(this.#burst, this.#left + (now - this.#at) * this.#perMs) - 1;
    this.#at = now;
    return this.#left >= 0;
  }
}
