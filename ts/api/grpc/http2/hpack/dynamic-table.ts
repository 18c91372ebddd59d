import { FIELD_OVERHEAD } from './tables.js';

/**
 * The fields a peer has asked to keep (RFC 7541, 2.3.2), newest first: a ring, so that nothing moves when one comes or goes.
 */
export class DynamicTable {
  /** How many fields there are. */
  count = 0;
  /** Slots of the ring less one; their number is a power of two. */
  readonly #mask: number;
  readonly #names: string[];
  readonly #values: string[];
  #newest = 0;
  #bytes = 0;
  #capacity: number;

  /** @param capacity the most it may ever hold, in bytes as RFC 7541, 4.1 counts them */
  constructor(capacity: number) {
    this.#capacity = capacity;
    let slots = 1;
    while (slots * FIELD_OVERHEAD < capacity) slots *= 2;
    this.#mask = slots - 1;
    this.#names = new Array<string>(slots).fill('');
    this.#values = new Array<string>(slots).fill('');
  }

  /** @param age 0 is the newest; less than {@link count} */
  name(age: number): string {
    return this.#names[(this.#newest - age) & this.#mask] as string;
  }

  /** @param age 0 is the newest; less than {@link count} */
  value(age: number): string {
    return this.#values[(this.#newest - age) & this.#mask] as string;
  }

  /** Adds a field. One that is larger than the table leaves it empty. */
  insert(name: string, value: string): void {
    const bytes = name.length + value.length + FIELD_OVERHEAD;
    this.#shrinkTo(this.#capacity - bytes);
    if (bytes > this.#capacity) return;
    this.#newest = (this.#newest + 1) & this.#mask;
    this.#names[this.#newest] = name;
    this.#values[this.#newest] = value;
    this.#bytes += bytes;
    this.count++;
  }

  /** @param capacity at most that of the constructor */
  resize(capacity: number): void {
    this.#capacity = capacity;
    this.#shrinkTo(capacity);
  }

  #shrinkTo(bytes: number): void {
    while (this.#bytes > bytes && this.count > 0) {
      const oldest = (this.#newest - this.count + 1) & this.#mask;
      const name = this.#names[oldest] as string;
      const value = this.#values[oldest] as string;
      this.#bytes -= name.length + value.length + FIELD_OVERHEAD;
      this.#names[oldest] = '';
      this.#values[oldest] = '';
      this.count--;
    }
  }
}
