import type { IncomingMessage } from 'node:http';
import { createGunzip } from 'node:zlib';

/** Why a body could not be had; `null` when the client went away and no answer is possible. */
export type BodyFailure = { readonly status: 413; readonly message: string } | null;

/** Called once with the body, or with what is wrong with it. */
export type BodyDone = (failure: BodyFailure, body: Buffer | null) => void;

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
export function readBody(request: IncomingMessage, limits: BodyLimits, done: BodyDone): void {
  const encoding = request.headers['content-encoding'];
  const sent = request.headers['content-length'];
  if (sent !== undefined && Number(sent) > limits.maxBytes) {
    done(tooLarge(limits), null);
    return;
  }
  collect(request, limits, (failure, body) => {
    if (body === null || encoding === undefined || !/gzip/i.test(encoding)) done(failure, body);
    else inflate(body, limits, done);
  });
}

function collect(request: IncomingMessage, limits: BodyLimits, done: BodyDone): void {
  let first: Buffer | null = null;
  let rest: Buffer[] | null = null;
  let total = 0;
  let finished = false;
  const finish = (failure: BodyFailure, body: Buffer | null): void => {
    if (finished) return;
    finished = true;
    done(failure, body);
  };
  request.on('data', (chunk: Buffer) => {
    total += chunk.length;
    if (total > limits.maxBytes) {
      first = rest = null;
      finish(tooLarge(limits), null);
    } else if (finished) {
      return;
    } else if (first === null) {
      first = chunk;
    } else {
      rest ??= [first];
      rest.push(chunk);
    }
  });
  request.on('end', () => {
    if (finished) return;
    finish(null, rest === null ? (first ?? EMPTY) : Buffer.concat(rest, total));
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
