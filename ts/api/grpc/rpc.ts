import { ServingError, toServingError } from '../../errors.js';
import { OverloadError } from '../../security/admission.js';
import type { Call } from './transport/call.js';
import type { OpenBody } from './transport/large-message.js';
import type { Handler, Method, StreamReader } from './transport/method.js';
import type { Status } from './transport/status.js';

/** One RPC: its name and its handler, which get raw bytes and answer with them. */
export type Rpc =
  | {
      readonly name: string;
      readonly kind: 'unary' | 'serverStream';
      readonly handler: Handler;
      /** Where a large message is put together, for a handler that looks at `call.body`. */
      readonly openBody?: OpenBody;
    }
  | {
      readonly name: string;
      readonly kind: 'bidiStream';
      readonly open: (call: Call) => StreamReader;
    };

/** A service by its full name. */
export interface Service {
  readonly name: string;
  readonly rpcs: readonly Rpc[];
}

/** The RPCs of a service as the transport knows them. */
export function methodsOf({ name: service, rpcs }: Service): readonly Method[] {
  return rpcs.map((rpc): Method => {
    const { name, ...method } = rpc;
    return { path: `/${service}/${name}`, ...method };
  });
}

/**
 * Answers an RPC that only reads: `respond` makes the reply, what it throws becomes the status.
 *
 * These handlers load the protobuf messages when they are first called: 11 MB and some 30 ms that a server of inference alone never
 * needs.
 */
export function unary(respond: (request: Buffer) => Promise<Buffer>): Handler {
  return (call) => {
    respond(call.request).then(
      (bytes) => call.reply(bytes),
      (error: unknown) => call.fail(toStatus(toServingError(error))),
    );
  };
}

const MAX_DETAILS = 1024;
/** When a client may come again where nothing better is known. */
const RETRY_MS = 1000;

/**
 * The gRPC status of an error. The text is cut at 1024 bytes, as TensorFlow Serving does; what the server refuses because it has too much
 * to do says when to come again.
 */
export function toStatus(error: ServingError): Status {
  const status = { code: error.number, details: cut(error.message) };
  if (error.code !== 'UNAVAILABLE' && error.code !== 'RESOURCE_EXHAUSTED') return status;
  const waitMs = error instanceof OverloadError ? error.retryAfterMs : RETRY_MS;
  return { ...status, metadata: { 'grpc-retry-pushback-ms': String(waitMs) } };
}

function cut(text: string): string {
  if (text.length <= MAX_DETAILS && Buffer.byteLength(text) <= MAX_DETAILS) return text;
  const bytes = Buffer.from(text);
  let end = MAX_DETAILS;
  // Not inside a character: continuation bytes start with the bits 10.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}...TRUNCATED`;
}

/** The error a missing ModelSpec is. */
export function missingModelSpec(): ServingError {
  return new ServingError('INVALID_ARGUMENT', 'Missing ModelSpec');
}
