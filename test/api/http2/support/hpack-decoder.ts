/** A decoded header field. */
export type Field = readonly [name: string, value: string];

/** RFC 7541, appendix A. */
const STATIC: readonly Field[] = [
  [':authority', ''],
  [':method', 'GET'],
  [':method', 'POST'],
  [':path', '/'],
  [':path', '/index.html'],
  [':scheme', 'http'],
  [':scheme', 'https'],
  ...['200', '204', '206', '304', '400', '404', '500'].map((code) => [':status', code] as const),
  ['accept-charset', ''],
  ['accept-encoding', 'gzip, deflate'],
  ...[
    'accept-language accept-ranges accept access-control-allow-origin age allow authorization',
    'cache-control content-disposition content-encoding content-language content-length',
    'content-location content-range content-type cookie date etag expect expires from host',
    'if-match if-modified-since if-none-match if-range if-unmodified-since last-modified link',
    'location max-forwards proxy-authenticate proxy-authorization range referer refresh',
    'retry-after server set-cookie strict-transport-security transfer-encoding user-agent vary via',
    'www-authenticate',
  ].flatMap((line) => line.split(' ').map((name) => [name, ''] as const)),
];

/** How many bits each byte's code has, RFC 7541 appendix B, one digit of base 32 a byte. The code is canonical: its lengths say it all. */
const LENGTHS = [
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6ca',
  'd67777777777777777777777878djde6f56565666577666567655677777fbeds',
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmn',
  'qqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrq',
].join('');

/** Each code as its bits. */
const CODES = canonical();

function canonical(): ReadonlyMap<string, number> {
  const lengths = [...LENGTHS].map((digit) => Number.parseInt(digit, 32));
  const order = lengths
    .map((length, byte) => ({ length, byte }))
    .sort((a, b) => a.length - b.length || a.byte - b.byte);
  const codes = new Map<string, number>();
  let code = -1;
  let bits = order[0]?.length ?? 0;
  for (const { length, byte } of order) {
    code = (code + 1) * 2 ** (length - bits);
    bits = length;
    codes.set(code.toString(2).padStart(length, '0'), byte);
  }
  return codes;
}

function huffman(bytes: Buffer): string {
  const text: number[] = [];
  let bits = '';
  for (const byte of bytes) {
    for (const bit of byte.toString(2).padStart(8, '0')) {
      bits += bit;
      const found = CODES.get(bits);
      if (found === undefined) continue;
      text.push(found);
      bits = '';
    }
  }
  if (bits.length > 7 || bits.includes('0')) throw new Error(`Huffman code ends in ${bits}`);
  return Buffer.from(text).toString('latin1');
}

/** Reads the header blocks of a connection, strictly, and by nothing but the RFC: the server's own code has no part in it. */
export class HpackDecoder {
  #dynamic: Field[] = [];
  #size = 0;
  #maximum = 4096;
  /** What we have told the server; its next block must come down to it. */
  #allowed = 4096;
  #mustShrink = false;
  #bytes: Buffer = Buffer.alloc(0);
  #at = 0;

  /** The server has acknowledged a table of this size. */
  allow(size: number): void {
    this.#allowed = size;
    this.#mustShrink ||= size < this.#maximum;
  }

  /** @throws {Error} where a block is not what RFC 7541 says */
  decode(block: Buffer): readonly Field[] {
    this.#bytes = block;
    this.#at = 0;
    const fields: Field[] = [];
    while (this.#at < block.length) {
      const first = block[this.#at] ?? 0;
      if ((first & 0xe0) === 0x20) {
        if (fields.length > 0) throw new Error('a size update after a field');
        this.#resize(this.#integer(5));
        continue;
      }
      if (this.#mustShrink) throw new Error('no size update although the table shrank');
      if ((first & 0x80) !== 0) fields.push(this.#entry(this.#integer(7)));
      else {
        const isIndexed = (first & 0x40) !== 0;
        const index = this.#integer(isIndexed ? 6 : 4);
        const name = index === 0 ? this.#text() : this.#entry(index)[0];
        const field: Field = [name, this.#text()];
        if (isIndexed) this.#add(field);
        fields.push(field);
      }
    }
    return fields;
  }

  #entry(index: number): Field {
    const field = STATIC[index - 1] ?? this.#dynamic[index - STATIC.length - 1];
    if (field === undefined) throw new Error(`no entry ${index}`);
    return field;
  }

  #add(field: Field): void {
    this.#dynamic.unshift(field);
    this.#size += sizeOf(field);
    this.#evict();
  }

  #resize(size: number): void {
    if (size > this.#allowed) throw new Error(`a table of ${size}, above ${this.#allowed}`);
    this.#mustShrink = false;
    this.#maximum = size;
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#maximum) this.#size -= sizeOf(this.#dynamic.pop() ?? ['', '']);
  }

  #integer(bits: number): number {
    const most = 2 ** bits - 1;
    let value = this.#next() & most;
    if (value < most) return value;
    for (let shift = 0; ; shift += 7) {
      const byte = this.#next();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  #text(): string {
    const isCoded = ((this.#bytes[this.#at] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    if (bytes.length < length) throw new Error('a string that goes on after the block');
    this.#at += length;
    return isCoded ? huffman(bytes) : bytes.toString('latin1');
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) throw new Error('the block ends inside an integer');
    this.#at += 1;
    return byte;
  }
}

/** What an entry counts for, RFC 7541 section 4.1. */
const sizeOf = ([name, value]: Field): number => name.length + value.length + 32;
