const LINE_END = Buffer.from('\r\n');
const HEAD_END = Buffer.from('\r\n\r\n');
const NOTHING = Buffer.alloc(0);

/** Where the rest of an answer's body ends. */
type Body =
  | { readonly kind: 'length'; missing: number }
  | { readonly kind: 'chunks'; missing: number; last: boolean }
  | { readonly kind: 'close' };

/** One whole answer. */
export interface Answer {
  readonly status: number;
  /** The connection stays open for another request. */
  readonly keepAlive: boolean;
  /** Empty unless bodies are kept. */
  readonly body: Buffer;
}

/**
 * Reads HTTP/1.1 answers off one connection: bodies with a length, in chunks, or up to the end of the connection.
 *
 * Node's own client costs several times as much, which on one machine is time that the server would have had.
 */
export class AnswerReader {
  readonly #done: (answer: Answer) => void;
  readonly #keepBody: boolean;
  #pending: Buffer = NOTHING;
  #status = 0;
  #keepAlive = true;
  #body: Body | null = null;
  #parts: Buffer[] = [];

  /** @param done called with each whole answer */
  constructor(done: (answer: Answer) => void, keepBody = false) {
    this.#done = done;
    this.#keepBody = keepBody;
  }

  /** Takes what came. */
  push(chunk: Buffer): void {
    let data = this.#pending.length === 0 ? chunk : Buffer.concat([this.#pending, chunk]);
    this.#pending = NOTHING;
    for (;;) {
      const rest = this.#body === null ? this.#readHead(data) : this.#readBody(this.#body, data);
      if (rest === null) {
        this.#pending = data;
        return;
      }
      data = rest;
      if (data.length === 0 && !this.#isWhole()) return;
    }
  }

  /** The connection has ended; true when that was the end of an answer. */
  end(): boolean {
    if (this.#body?.kind !== 'close') return false;
    this.#finish();
    return true;
  }

  #isWhole(): boolean {
    return this.#body?.kind === 'length' && this.#body.missing === 0;
  }

  /** What follows the head, or null while that is not whole. */
  #readHead(data: Buffer): Buffer | null {
    const end = data.indexOf(HEAD_END);
    if (end < 0) return null;
    const head = data.toString('latin1', 0, end);
    const status = Number(head.slice(9, 12));
    const rest = data.subarray(end + HEAD_END.length);
    // 100 Continue and its like come before the answer.
    if (status >= 100 && status < 200) return rest;
    this.#status = status;
    this.#keepAlive = !/\r\nconnection: *close/i.test(head) && !head.startsWith('HTTP/1.0');
    const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
    if (/\r\ntransfer-encoding: *chunked/i.test(head)) {
      this.#body = { kind: 'chunks', missing: 0, last: false };
    } else if (length !== undefined) {
      this.#body = { kind: 'length', missing: Number(length) };
    } else if (status === 204 || status === 304) {
      this.#body = { kind: 'length', missing: 0 };
    } else {
      this.#keepAlive = false;
      this.#body = { kind: 'close' };
    }
    return rest;
  }

  #readBody(body: Body, data: Buffer): Buffer | null {
    if (body.kind === 'chunks') return this.#readChunk(body, data);
    if (body.kind === 'close') {
      if (data.length === 0) return null;
      this.#take(data);
      return NOTHING;
    }
    const taken = Math.min(body.missing, data.length);
    if (taken === 0 && body.missing > 0) return null;
    this.#take(data.subarray(0, taken));
    body.missing -= taken;
    if (body.missing === 0) this.#finish();
    return data.subarray(taken);
  }

  /** A chunk is its size in hexadecimal, a line end, its bytes, a line end; one of size 0 and trailers are the last. */
  #readChunk(body: Extract<Body, { kind: 'chunks' }>, data: Buffer): Buffer | null {
    if (body.missing > 0) {
      const taken = Math.min(body.missing, data.length);
      if (taken === 0) return null;
      // The line end after the bytes counts as part of the chunk.
      this.#take(data.subarray(0, Math.max(0, Math.min(taken, body.missing - LINE_END.length))));
      body.missing -= taken;
      return data.subarray(taken);
    }
    const end = data.indexOf(LINE_END);
    if (end < 0) return null;
    const rest = data.subarray(end + LINE_END.length);
    if (body.last) {
      if (end === 0) this.#finish();
      return rest;
    }
    const size = Number.parseInt(data.toString('latin1', 0, end), 16);
    if (size === 0) body.last = true;
    else body.missing = size + LINE_END.length;
    return rest;
  }

  #take(part: Buffer): void {
    if (this.#keepBody) this.#parts.push(part);
  }

  #finish(): void {
    const body = this.#keepBody ? Buffer.concat(this.#parts) : NOTHING;
    this.#parts = [];
    this.#body = null;
    this.#done({ status: this.#status, keepAlive: this.#keepAlive, body });
  }
}
