/** Runs at most so many tasks at once, in the order they came. */
export class Limiter {
  readonly #limit: () => number;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param limit asked whenever a place may be free, so that it can change */
  constructor(limit: () => number) {
    this.#limit = limit;
  }

  /** Runs `task` when there is a place; resolves or rejects as it does. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    await this.#enter();
    try {
      return await task();
    } finally {
      this.#running -= 1;
      this.#wake();
    }
  }

  /** Gives the place of the running task to another while `until` lasts; comes back when there is one again. */
  async aside(until: Promise<void>): Promise<void> {
    this.#running -= 1;
    this.#wake();
    try {
      await until;
    } finally {
      await this.#enter();
    }
  }

  async #enter(): Promise<void> {
    if (this.#running >= this.#limit()) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running += 1;
    }
  }

  #wake(): void {
    while (this.#running < this.#limit()) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      // The place is taken here, not when the waiter resumes, or two could take it.
      this.#running += 1;
      next();
    }
  }
}
