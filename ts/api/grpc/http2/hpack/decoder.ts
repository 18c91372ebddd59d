import { DynamicTable } from './dynamic-table.js';
import { HpackError } from './hpack-error.js';
import { huffmanText } from './huffman.js';
import { DEFAULT_TABLE_BYTES, FIELD_OVERHEAD, STATIC_FIELDS, STATIC_TABLE } from './tables.js';
import { textOf } from './text.js';

/** What a header block may hold. */
export interface HeaderLimits {
  /** Of names and values, with 32 bytes for each field (RFC 9113, `SETTINGS_MAX_HEADER_LIST_SIZE`). */
  readonly maxListBytes: number;
  readonly maxFields: number;
}

// How a field begins (RFC 7541, 6): the smallest first byte of each form, and the bits left in it for a number.
const INDEXED = 0x80;
const WITH_INDEXING = 0x40;
const SIZE_UPDATE = 0x20;
const INDEXED_BITS = 0x7f;
const WITH_INDEXING_BITS = 0x3f;
const SIZE_UPDATE_BITS = 0x1f;
const WITHOUT_INDEXING_BITS = 0x0f;
const HUFFMAN = 0x80;
const LENGTH_BITS = 0x7f;

const CONTINUES = 0x80;
const LARGEST_INTEGER = 2 ** 31 - 1;
/** Of an integer's fifth further byte, the last that can matter. */
const LAST_WEIGHT = 2 ** 28;

/** Longer blocks than this are not remembered, so that a connection keeps little. */
const LONGEST_MEMO = 4096;
/** Up to this length comparing and copying in a loop is faster than a call into Node. */
const SHORT_MEMO = 64;
const NO_BYTES: Buffer = Buffer.alloc(0);

/**
 * Reads the header blocks of one connection (RFC 7541). Blocks must come in the order they were sent: each may change the table
 * that later ones refer to. After an error the table is not to be relied on.
 */
export class HeaderDecoder {
  readonly #limits: HeaderLimits;
  readonly #tableBytes: number;
  readonly #table: DynamicTable;
  #block = NO_BYTES;
  /** The next byte to read of it. */
  #at = 0;
  #fields: string[] = [];
  #listBytes = 0;
  #isTooLarge = false;
  /** The last block that did not change the table, and what it said; null once the table is another. */
  #memo: readonly string[] | null = null;
  #memoBytes = NO_BYTES;
  #memoLength = 0;

  /** @param tableBytes what the peer was told in `SETTINGS_HEADER_TABLE_SIZE` */
  constructor(limits: HeaderLimits, tableBytes = DEFAULT_TABLE_BYTES) {
    this.#limits = limits;
    this.#tableBytes = tableBytes;
    this.#table = new DynamicTable(tableBytes);
  }

  /** The last block held more than the limits allow; what it gave is the part that fits. */
  get isTooLarge(): boolean {
    return this.#isTooLarge;
  }

  /**
   * Reads a whole header block; its buffer is not kept.
   *
   * Gives name and value in turn, a character for each byte. Two equal blocks in a row that leave the table as it is give the same
   * array, so that what was made of the first can be used for the second.
   *
   * @throws {HpackError} The block breaks RFC 7541; says where.
   */
  decode(block: Buffer): readonly string[] {
    this.#isTooLarge = false;
    const memo = this.#memo;
    if (memo !== null && this.#isMemo(block)) return memo;
    this.#block = block;
    this.#at = 0;
    this.#listBytes = 0;
    this.#memo = null;
    const fields: string[] = [];
    this.#fields = fields;
    const keepsTable = this.#read(block);
    this.#block = NO_BYTES;
    if (keepsTable && !this.#isTooLarge && block.length <= LONGEST_MEMO) this.#remember(block);
    return fields;
  }

  /** Whether the table is still what it was. */
  #read(block: Buffer): boolean {
    const length = block.length;
    let keepsTable = true;
    while (this.#at < length) {
      const start = this.#at++;
      const first = block[start] as number;
      if (first >= INDEXED) {
        const index = this.#integer(first & INDEXED_BITS, INDEXED_BITS);
        this.#add(this.#name(index, start), this.#value(index));
      } else if (first >= WITH_INDEXING) {
        const name = this.#literalName(first & WITH_INDEXING_BITS, WITH_INDEXING_BITS, start);
        const value = this.#string();
        this.#table.insert(name, value);
        keepsTable = false;
        this.#add(name, value);
      } else if (first >= SIZE_UPDATE) {
        this.#resize(first, start);
        keepsTable = false;
      } else {
        // Whether it may never be indexed matters to those who pass it on, which we do not.
        const bits = WITHOUT_INDEXING_BITS;
        const name = this.#literalName(first & bits, bits, start);
        this.#add(name, this.#string());
      }
    }
    return keepsTable;
  }

  // Once a field was too much all further ones are: neither count falls.
  #add(name: string, value: string): void {
    const { maxListBytes, maxFields } = this.#limits;
    this.#listBytes += name.length + value.length + FIELD_OVERHEAD;
    if (this.#listBytes > maxListBytes || this.#fields.length >= 2 * maxFields) {
      this.#isTooLarge = true;
    } else this.#fields.push(name, value);
  }

  #resize(first: number, start: number): void {
    if (this.#listBytes > 0) throw new HpackError(start, 'a table size update after a field');
    const bytes = this.#integer(first & SIZE_UPDATE_BITS, SIZE_UPDATE_BITS);
    if (bytes > this.#tableBytes) {
      throw new HpackError(start, `a table size of ${bytes}, wanted at most ${this.#tableBytes}`);
    }
    this.#table.resize(bytes);
  }

  #name(index: number, start: number): string {
    if (index <= STATIC_FIELDS) {
      if (index === 0) throw new HpackError(start, 'index 0');
      return STATIC_TABLE[2 * index - 2] as string;
    }
    const age = index - STATIC_FIELDS - 1;
    if (age >= this.#table.count) {
      const last = STATIC_FIELDS + this.#table.count;
      throw new HpackError(start, `index ${index}, wanted at most ${last}`);
    }
    return this.#table.name(age);
  }

  /** @param index has a name */
  #value(index: number): string {
    if (index <= STATIC_FIELDS) return STATIC_TABLE[2 * index - 1] as string;
    return this.#table.value(index - STATIC_FIELDS - 1);
  }

  #literalName(prefix: number, bits: number, start: number): string {
    if (prefix === 0) return this.#string();
    return this.#name(this.#integer(prefix, bits), start);
  }

  /** @param prefix its part in the byte already read, where it is all of it unless every one of `bits` is set */
  #integer(prefix: number, bits: number): number {
    return prefix < bits ? prefix : this.#longInteger(prefix);
  }

  #longInteger(prefix: number): number {
    const start = this.#at;
    let value = prefix;
    for (let weight = 1; weight <= LAST_WEIGHT; weight *= 128) {
      const byte = this.#byte('an integer');
      value += (byte & ~CONTINUES) * weight;
      if (byte >= CONTINUES) continue;
      if (value > LARGEST_INTEGER) break;
      return value;
    }
    throw new HpackError(start, `an integer of more than ${LARGEST_INTEGER} or of too many bytes`);
  }

  #string(): string {
    const first = this.#byte('a field');
    const length = this.#integer(first & LENGTH_BITS, LENGTH_BITS);
    const start = this.#at;
    const end = start + length;
    if (end > this.#block.length) {
      const left = this.#block.length - start;
      throw new HpackError(
        start,
        `a string of ${length} bytes, and the block has only ${left} left`,
      );
    }
    this.#at = end;
    return first >= HUFFMAN
      ? huffmanText(this.#block, start, end)
      : textOf(this.#block, start, end);
  }

  #byte(what: string): number {
    if (this.#at >= this.#block.length) {
      throw new HpackError(this.#at, `the block ends within ${what}`);
    }
    return this.#block[this.#at++] as number;
  }

  #isMemo(block: Buffer): boolean {
    const length = this.#memoLength;
    if (block.length !== length) return false;
    const memo = this.#memoBytes;
    if (length > SHORT_MEMO) return block.compare(memo, 0, length) === 0;
    for (let at = 0; at < length; at++) if (block[at] !== memo[at]) return false;
    return true;
  }

  #remember(block: Buffer): void {
    const length = block.length;
    // Of its own memory: a part of Node's pool would hold all of the pool for as long as the connection is open.
    if (this.#memoBytes.length < length) {
      this.#memoBytes = Buffer.allocUnsafeSlow(Math.max(length, SHORT_MEMO));
    }
    const memo = this.#memoBytes;
    if (length > SHORT_MEMO) block.copy(memo);
    else for (let at = 0; at < length; at++) memo[at] = block[at] as number;
    this.#memoLength = length;
    this.#memo = this.#fields;
  }
}
