/**
 * A header block that breaks RFC 7541, which ends its connection with `COMPRESSION_ERROR`: the tables of both ends are
 * no longer the same.
 */
export class HpackError extends Error {
  /** @param offset of the byte in its header block */
  constructor(offset: number, problem: string) {
    super(`header block, byte ${offset}: ${problem}`);
    this.name = 'HpackError';
  }
}
