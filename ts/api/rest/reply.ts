import { brotliCompress, constants, gzip } from 'node:zlib';
import { type ServingError, toServingError } from '../../errors.js';
import type { Logger } from '../../logger.js';
import { OverloadError } from '../../security/admission.js';
import type { Answered, Asked, Exchange } from './exchange.js';

/** What answers need to know besides their content. */
export interface ReplySettings {
  /** Smallest body that is compressed for clients that ask; 0 never compresses. */
  readonly compressMinBytes: number;
}

const JSON_TYPE = 'application/json';
/** When a client may come again where nothing better is known. */
const RETRY_SECONDS = '1';

/** Sends a JSON document. */
export function sendJson(exchange: Exchange, content: string, settings: ReplySettings): void {
  sendBody(exchange, exchange, Buffer.from(content), JSON_TYPE, settings);
}

/** Sends a body with status 200; large ones compressed when the client asks for it. */
export function sendBody(
  request: Asked,
  reply: Answered,
  body: Buffer,
  type: string,
  { compressMinBytes }: ReplySettings,
): void {
  reply.header('content-type', type);
  if (compressMinBytes === 0 || body.length < compressMinBytes) {
    reply.send(body);
    return;
  }
  reply.header('vary', 'Accept-Encoding');
  const coding = chooseCoding(request.headers['accept-encoding']);
  if (coding === null || request.method === 'HEAD') reply.send(body);
  else compress(reply, body, coding);
}

/**
 * Sends an error as TensorFlow Serving does: `{\n    "error": "…"\n}`, no newline at the end. What is refused because there is too much to
 * do says when to come again.
 */
export function sendError(reply: Answered, error: ServingError): void {
  if (error instanceof OverloadError) {
    reply.header('retry-after', String(Math.ceil(error.retryAfterMs / 1000)));
  }
  sendErrorText(reply, error.httpStatus, error.message);
}

/** {@link sendError} for a status that no code maps to. */
export function sendErrorText(reply: Answered, status: number, message: string): void {
  reply.statusCode = status;
  reply.header('content-type', JSON_TYPE);
  if ((status === 503 || status === 429) && !reply.hasHeader('retry-after')) {
    reply.header('retry-after', RETRY_SECONDS);
  }
  reply.send(Buffer.from(errorDocument(message)));
}

/** The error document's text. */
export function errorDocument(message: string): string {
  return `{\n    "error": ${quote(message)}\n}`;
}

/** A JSON string as RapidJSON writes it: hex escapes in upper case, everything above them as it is. */
function quote(text: string): string {
  return JSON.stringify(text).replace(
    // A backslash pair is consumed whole, so that an escaped backslash before "u00" is not taken for an escape.
    /\\(?:u00([0-9a-f]{2})|.)/g,
    (found, digits?: string) => (digits === undefined ? found : `\\u00${digits.toUpperCase()}`),
  );
}

/** Answers what nobody expected: logged whole, the client gets the id to ask about. */
export function sendUnexpected(thrown: unknown, id: string, reply: Answered, logger: Logger): void {
  const error = toServingError(thrown);
  if (error.code !== 'INTERNAL') {
    sendError(reply, error);
    return;
  }
  logger.error({ err: thrown, requestId: id }, 'request failed');
  sendErrorText(reply, 500, `internal error, request id ${id}`);
}

type Coding = 'br' | 'gzip';

/** The coding a client accepts: gzip before br at equal weight, because it costs less. */
export function chooseCoding(accepted: string | undefined): Coding | null {
  if (accepted === undefined) return null;
  const weights = new Map<string, number>();
  for (const part of accepted.split(',')) {
    const [name = '', ...parameters] = part.split(';').map((piece) => piece.trim().toLowerCase());
    const q = parameters.find((parameter) => parameter.startsWith('q='));
    weights.set(name, q === undefined ? 1 : Number(q.slice(2)) || 0);
  }
  const any = weights.get('*') ?? 0;
  const forGzip = weights.get('gzip') ?? weights.get('x-gzip') ?? any;
  const forBr = weights.get('br') ?? any;
  if (forGzip <= 0 && forBr <= 0) return null;
  return forGzip >= forBr ? 'gzip' : 'br';
}

function compress(reply: Answered, body: Buffer, coding: Coding): void {
  const done = (error: Error | null, packed: Buffer): void => {
    // Without the coding the answer is larger, not wrong.
    if (error === null) reply.header('content-encoding', coding);
    reply.send(error === null ? packed : body);
  };
  if (coding === 'gzip') gzip(body, { level: 1 }, done);
  else brotliCompress(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 2 } }, done);
}
