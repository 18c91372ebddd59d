import { Code } from '../../../errors.js';
import { encodeBlock } from '../http2/hpack/encoder.js';
import type { Http2Stream } from '../http2/stream.js';

/** How a call ends. */
export interface Status {
  /** Canonical code number. */
  readonly code: number;
  readonly details: string;
  /** Trailing metadata: lower-case names, printable ASCII values. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What reading a request throws where the call fails of it. */
export class CallError extends Error {
  readonly status: Status;

  constructor(
    code: keyof typeof Code,
    details: string,
    metadata: Readonly<Record<string, string>> = {},
  ) {
    super(details);
    this.status = { code: Code[code], details, metadata };
  }
}

/** The compressions of messages that are read; none is used for answers. */
export const ACCEPTED_ENCODINGS = 'identity,deflate,gzip';

const CONTENT = { ':status': 200, 'content-type': 'application/grpc+proto' } as const;

// No `date`: gRPC has no use for it, and TensorFlow Serving sends none.
const ANSWER = { ...CONTENT, 'grpc-accept-encoding': ACCEPTED_ENCODINGS } as const;
const PLAIN_ANSWER = encodeBlock(ANSWER);

/** The trailers of what went well, as a header block; a status of 0 has no text. */
export const OK_TRAILERS = encodeBlock({ 'grpc-status': 0 });

/** The headers of an answer with messages, as a header block. */
export function answerBlock(metadata: Readonly<Record<string, string>> | null): Buffer {
  return metadata === null ? PLAIN_ANSWER : encodeBlock({ ...ANSWER, ...metadata });
}

/** The trailers of a status, as a header block. */
export function trailersOf(status: Status): Buffer {
  return encodeBlock(fieldsOf(status));
}

/** Answers with a status in place of a message: headers that are trailers too. */
export function respondWithStatus(stream: Http2Stream, status: Status): void {
  stream.respondAlone(encodeBlock({ ...CONTENT, ...fieldsOf(status) }));
}

function fieldsOf({ code, details, metadata }: Status): Record<string, string | number> {
  return {
    'grpc-status': code,
    ...(details === '' ? {} : { 'grpc-message': percentEncoded(details) }),
    ...metadata,
  };
}

const PLAIN = /^[!-$&-~](?:[ -$&-~]*[!-$&-~])?$/;

/**
 * A status text as a header carries it: every byte of its UTF-8 that is no printable ASCII, and `%`, as `%XX`. A space at either end
 * too, which HTTP/2 forbids there.
 */
export function percentEncoded(text: string): string {
  if (PLAIN.test(text)) return text;
  const bytes = Buffer.from(text);
  let encoded = '';
  bytes.forEach((byte, index) => {
    const isEdge = index === 0 || index === bytes.length - 1;
    const isPlain = byte > 0x20 ? byte < 0x7f && byte !== 0x25 : byte === 0x20 && !isEdge;
    encoded += isPlain
      ? String.fromCharCode(byte)
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
  return encoded;
}
