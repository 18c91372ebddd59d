import type { BodyForm, Method } from '../native/infer-queue.js';

/** An answered request on its way from the thread that answered it to the one that writes. */
export interface Captured {
  readonly method: Method;
  readonly model: string;
  /** The version that answered. */
  readonly version: bigint;
  /** REST predict only: what the body is written in. */
  readonly form: BodyForm;
  /** REST predict only: the signature of a body that cannot name one. */
  readonly signatureName: string;
  readonly npyReply: boolean;
  /** When it was answered, in milliseconds since 1970. */
  readonly atMs: number;
  readonly body: Buffer;
  readonly reply: Buffer;
}

/** A `Captured` as it crosses threads: body and reply lie behind each other in the batch's memory. */
export interface CapturedItem extends Omit<Captured, 'body' | 'reply'> {
  readonly start: number;
  readonly bodyBytes: number;
  readonly replyBytes: number;
}

/** The requests of one turn of an event loop; the memory changes hands. */
export interface CapturedBatch {
  readonly memory: ArrayBuffer;
  readonly items: readonly CapturedItem[];
}

/** What a capturing thread says to the writer; null is its last word. */
export type FromCapture = CapturedBatch | null;

/** The requests of a batch, on its memory. */
export function captured({ memory, items }: CapturedBatch): Captured[] {
  const bytes = Buffer.from(memory);
  return items.map(({ start, bodyBytes, replyBytes, ...rest }) => ({
    ...rest,
    body: bytes.subarray(start, start + bodyBytes),
    reply: bytes.subarray(start + bodyBytes, start + bodyBytes + replyBytes),
  }));
}

/** What a request counts for while it is on its way. */
export function bytesOf({ bodyBytes, replyBytes }: CapturedItem): number {
  return bodyBytes + replyBytes;
}
