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

/** A `Captured` as it crosses threads: body and reply lie behind each other in `memory`, which changes hands. */
export interface CapturedMessage extends Omit<Captured, 'body' | 'reply'> {
  readonly memory: ArrayBuffer;
  readonly bodyBytes: number;
}

/** What a capturing thread says to the writer; null is its last word. */
export type FromCapture = CapturedMessage | null;

/** The message's request. */
export function captured(message: CapturedMessage): Captured {
  const { memory, bodyBytes, ...rest } = message;
  const bytes = Buffer.from(memory);
  return { ...rest, body: bytes.subarray(0, bodyBytes), reply: bytes.subarray(bodyBytes) };
}
