import type { Target } from './infer-queue.js';
import { addon, call, tally } from './load.js';

/** An answered REST predict as the messages gRPC would have carried. */
export interface RecordedPredict {
  /** The signature it was resolved to. */
  signatureName: string;
  /** A `PredictRequest`; its model_spec names model, version and signature. */
  request: Buffer;
  /** A `PredictResponse`; null where the answer does not tell its tensors, as `null` for NaN. */
  response: Buffer | null;
}

/** Requests of one model that were to be logged, with one outcome. */
export interface LoggedCount {
  model: string;
  /** Canonical code number; 0: written. */
  code: number;
  count: number;
}

/** The checksum that TFRecord files carry: CRC-32C, masked. */
export function maskedCrc32c(bytes: Uint8Array): number {
  return addon().maskedCrc32C(bytes);
}

/**
 * Reads body and reply of an answered `:predict` again, as messages. Blocks for about as long as the request took without its run.
 *
 * @throws {ServingError} `NOT_FOUND` the version has been unloaded since
 */
export function recordPredict(
  target: Target,
  version: bigint,
  body: Uint8Array,
  reply: Uint8Array,
): RecordedPredict {
  const { nonFinite = 'token', body: form = 'json', signatureName = '', npyReply = false } = target;
  const spec = { ...target, nonFinite, body: form, signatureName, npyReply };
  return call(() => addon().recordPredict(spec, version, body, reply)) as RecordedPredict;
}

/** Counts requests that were to be logged, for all threads together; `code` 0 is written. */
export function countLogged(model: string, code: number, count = 1): void {
  tally(() => addon().countLogged(model, code, count));
}

/** Requests to be logged since the process began, whichever thread asks. */
export function loggedCounters(): LoggedCount[] {
  return call(() => addon().loggedCounters());
}
