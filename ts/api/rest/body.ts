import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';
import { toServingError } from '../../errors.js';
import type { LargeBody } from '../../native/large-body.js';
import type { RequestBody } from '../infer.js';

/** Why a body could not be had; `null` when the client went away and no answer is possible. */
export type BodyFailure = { readonly status: 413 | 503; readonly message: string } | null;

/** Called once with the body, which the receiver closes if it is a large one, or with what is wrong with it. */
export type BodyDone = (failure: BodyFailure, body: RequestBody | null) => void;

/** Begins a large body of about this many bytes. */
export type OpenBody = (expectedBytes: number) => LargeBody;

/** Limits on one body. */
export interface BodyLimits {
  /** Largest body in bytes, as sent and after expansion. */
  readonly maxBytes: number;
  /** Largest ratio of expanded to sent bytes, for bodies that expand to more than 16 MiB. */
  readonly maxExpansion: number;
}

const EMPTY = Buffer.alloc(0);
const EXPANSION_FLOOR = 16 * 1024 * 1024;

/**
 * Reads a request's body, whatever its content type, and inflates it when `Content-Encoding` contains `gzip`.
 *
 * The usual single-chunk body is handed on without a copy: Node's HTTP parser gives every chunk memory of its own. A body that
 * is not gzip although it says so reads as empty, which the reference answers with its text for an empty document.
 */
export function readBody(
  request: IncomingMessage,
  limits: BodyLimits,
  open: OpenBody,
  done: BodyDone,
): void {
  const encoding = request.headers['content-encoding'];
  const sent = request.headers['content-length'];
  if (sent !== undefined && Number(sent) > limits.maxBytes) {
    done(tooLarge(limits), null);
    return;
  }
  if (encoding === undefined || !/gzip/i.test(encoding)) {
    collect(request, limits, open, done);
    return;
  }
  collect(request, limits, null, (failure, body) => {
    if (body instanceof Buffer) inflate(body, limits, done);
    else done(failure, body);
  });
}

/** Bodies from this size on are put together in native memory. */
const LARGE_BYTES = 64 * 1024;

/** Reads the body as it was sent: in one Buffer, or where it is large and `open` is given in a LargeBody. */
function collect(
  request: IncomingMessage,
  limits: BodyLimits,
  open: OpenBody | null,
  done: BodyDone,
): void {
  const large = open === null ? Number.POSITIVE_INFINITY : LARGE_BYTES;
  const expected = Number(request.headers['content-length'] ?? 0);
  let first: Buffer | null = null;
  let rest: Buffer[] | null = null;
  let body: LargeBody | null = null;
  let total = 0;
  let finished = false;
  const finish = (failure: BodyFailure, whole: RequestBody | null): void => {
    if (finished) return;
    finished = true;
    if (whole === null) body?.close();
    done(failure, whole);
  };
  const write = (chunk: Buffer): void => {
    try {
      body ??= (open as OpenBody)(Math.max(expected, total));
      for (const earlier of rest ?? (first === null ? [] : [first])) body.write(earlier);
      first = rest = null;
      body.write(chunk);
    } catch (error) {
      finish({ status: 503, message: toServingError(error).message }, null);
    }
  };
  request.on('data', (chunk: Buffer) => {
    total += chunk.length;
    if (finished) return;
    if (total > limits.maxBytes) {
      first = rest = null;
      finish(tooLarge(limits), null);
    } else if (total >= large || expected >= large) {
      write(chunk);
    } else if (first === null) {
      first = chunk;
    } else {
      rest ??= [first];
      rest.push(chunk);
    }
  });
  request.on('end', () => {
    if (finished) return;
    finish(null, body ?? (rest === null ? (first ?? EMPTY) : Buffer.concat(rest, total)));
  });
  request.on('error', () => finish(null, null));
}

function inflate(body: Buffer, limits: BodyLimits, done: BodyDone): void {
  const gunzip = createGunzip();
  const byRatio = Math.max(EXPANSION_FLOOR, body.length * limits.maxExpansion);
  const most = Math.min(limits.maxBytes, byRatio);
  const chunks: Buffer[] = [];
  let total = 0;
  gunzip.on('data', (chunk: Buffer) => {
    total += chunk.length;
    if (total <= most) {
      chunks.push(chunk);
      return;
    }
    gunzip.removeAllListeners('data').removeAllListeners('end').destroy();
    done(most === limits.maxBytes ? tooLarge(limits) : expandsTooMuch(limits), null);
  });
  gunzip.on('end', () => done(null, Buffer.concat(chunks, total)));
  gunzip.on('error', () => done(null, EMPTY));
  gunzip.end(body);
}

function tooLarge(limits: BodyLimits): BodyFailure {
  return {
    status: 413,
    message: `request body is larger than ${limits.maxBytes} bytes (--max_body_bytes)`,
  };
}

function expandsTooMuch(limits: BodyLimits): BodyFailure {
  return {
    status: 413,
    message: `request body expands to more than ${limits.maxExpansion} times its size (--max_body_expansion)`,
  };
}
