import { performance } from 'node:perf_hooks';
import {
  type handleBidiStreamingCall,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  type MethodDefinition,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { ServingError, toServingError } from '../../errors.js';
import { OverloadError } from '../../security/admission.js';

/** A handler of one RPC: raw bytes in and out. */
export type Unary = handleUnaryCall<Buffer, Buffer>;
/** A handler that answers one message with a stream. */
export type ServerStream = handleServerStreamingCall<Buffer, Buffer>;
/** A handler of streams both ways. */
export type BidiStream = handleBidiStreamingCall<Buffer, Buffer>;

/** One RPC: its name, its handler, and which sides are streams. */
export type Rpc =
  | { readonly name: string; readonly kind: 'unary'; readonly handler: Unary }
  | { readonly name: string; readonly kind: 'serverStream'; readonly handler: ServerStream }
  | { readonly name: string; readonly kind: 'bidiStream'; readonly handler: BidiStream };

/** A service by its full name. */
export interface Service {
  readonly name: string;
  readonly rpcs: readonly Rpc[];
}

const identity = (bytes: Buffer): Buffer => bytes;

/** The definition grpc-js registers: every message stays a Buffer. */
export function serviceDefinition(service: Service): ServiceDefinition {
  const methods: Record<string, MethodDefinition<Buffer, Buffer>> = {};
  for (const { name, kind } of service.rpcs) {
    methods[name] = {
      path: `/${service.name}/${name}`,
      requestStream: kind === 'bidiStream',
      responseStream: kind !== 'unary',
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    };
  }
  return methods;
}

/** The handlers by name. */
export function serviceHandlers(service: Service): UntypedServiceImplementation {
  return Object.fromEntries(service.rpcs.map(({ name, handler }) => [name, handler]));
}

/**
 * Answers an RPC that only reads: `respond` makes the reply, what it throws becomes the status.
 *
 * These handlers load the protobuf messages when they are first called: 11 MB and some 30 ms that a server of inference alone never
 * needs.
 */
export function unary(respond: (request: Buffer) => Promise<Buffer>): Unary {
  return (call, callback) => {
    respond(call.request).then(
      (bytes) => callback(null, bytes),
      (error: unknown) => callback(toStatus(toServingError(error))),
    );
  };
}

const MAX_DETAILS = 1024;
/** When a client may come again where nothing better is known. */
const RETRY_MS = 1000;

/** A status to send. */
export interface Status {
  readonly code: number;
  readonly details: string;
  readonly metadata?: Metadata;
}

/**
 * The gRPC status of an error. The text is cut at 1024 bytes, as TensorFlow Serving does; what the server refuses because it has too much
 * to do says when to come again.
 */
export function toStatus(error: ServingError): Status {
  const status = { code: error.number, details: cut(error.message) };
  if (error.code !== 'UNAVAILABLE' && error.code !== 'RESOURCE_EXHAUSTED') return status;
  const waitMs = error instanceof OverloadError ? error.retryAfterMs : RETRY_MS;
  const metadata = new Metadata();
  metadata.set('grpc-retry-pushback-ms', String(waitMs));
  return { ...status, metadata };
}

function cut(text: string): string {
  if (text.length <= MAX_DETAILS && Buffer.byteLength(text) <= MAX_DETAILS) return text;
  const bytes = Buffer.from(text);
  let end = MAX_DETAILS;
  // Not inside a character: continuation bytes start with the bits 10.
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end--;
  return `${bytes.toString('utf8', 0, end)}...TRUNCATED`;
}

/** A client's deadline on this thread's `performance.now()` clock; 0 is none. */
export function toDeadlineMs(deadline: Date | number): number {
  if (deadline === Number.POSITIVE_INFINITY) return 0;
  const remaining = Number(deadline) - Date.now();
  return Math.max(performance.now() + remaining, Number.MIN_VALUE);
}

/** The error a missing ModelSpec is. */
export function missingModelSpec(): ServingError {
  return new ServingError('INVALID_ARGUMENT', 'Missing ModelSpec');
}
