import type { ServingError } from '../errors.js';

/** What a request asks for, and in which protocol. */
export type Method =
  | 'rest.predict'
  | 'rest.classify'
  | 'rest.regress'
  | 'grpc.predict'
  | 'grpc.classify'
  | 'grpc.regress'
  | 'grpc.multiInference'
  | 'grpc.sessionRun';

/** How JSON answers print NaN and the infinities: as bare tokens (TensorFlow Serving's way), `null`, or strings. */
export type NonFinite = 'token' | 'null' | 'string';

/** Where a request goes. For gRPC the ModelSpec in the body decides: pass `''`, `null`, `null`. */
export interface Target {
  method: Method;
  name: string;
  version: bigint | null;
  label: string | null;
  /** REST only; default `token`. */
  nonFinite?: NonFinite;
  /** REST predict only: what the body is written in; default `json`. */
  body?: BodyForm;
  /** REST predict only: the signature of a body that cannot name one. Default: `serving_default`. */
  signatureName?: string;
  /** REST predict only: the reply is an `.npy` file. */
  npyReply?: boolean;
}

/**
 * What the body of a REST predict is written in. `csv+header` skips the first row; `image+scale` keeps 0…255 for float inputs.
 */
export type BodyForm = 'json' | 'protobuf' | 'npy' | 'csv' | 'csv+header' | 'image' | 'image+scale';

/** How long the parts of one request took, in microseconds. They follow each other from its arrival; parts it did not come to are 0. */
export interface Stages {
  /** The number of what it was counted under, for `subjectName`; 0 for none. */
  readonly subject: number;
  /** From its arrival to the start of its decoding. */
  readonly queueUs: number;
  /** Bytes to tensors, with all checks. */
  readonly decodeUs: number;
  /** TensorFlow's part. */
  readonly runUs: number;
  /** Tensors to the bytes of the reply. */
  readonly encodeUs: number;
  /** When it arrived, on this thread's `performance.now()` clock, in milliseconds. */
  readonly arrivedMs: number;
}

/**
 * What an inference answers: a failure or the reply's bytes, the version that answered (0 when none did), and how long its
 * parts took, where the queue was made to tell.
 */
export type Done = (
  failure: ServingError | null,
  reply: Buffer | null,
  version: number | bigint,
  stages?: Stages | null,
) => void;
