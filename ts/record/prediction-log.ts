import { type Init, type LogMetadata, messageType } from '../codec/messages.js';
import { ServingError } from '../errors.js';
import type { LogKind } from './request-spec.js';
import { bytesField, fieldsOf, lastBytes } from './wire.js';

/** Field of each kind in `PredictionLog`. */
const NUMBERS: Readonly<Record<LogKind, number>> = {
  classify: 2,
  regress: 3,
  multiInference: 4,
  sessionRun: 5,
  predict: 6,
};
const KINDS = new Map(Object.entries(NUMBERS).map(([kind, number]) => [number, kind as LogKind]));
const METADATA = 1;
const REQUEST = 1;
const RESPONSE = 2;
const PREDICT_STREAMED = 7;

/** One `PredictionLog`: what a request log and a warm-up file hold. Request and response stay serialized. */
export interface PredictionRecord {
  readonly metadata: Init<LogMetadata>;
  readonly kind: LogKind;
  readonly request: Buffer;
  readonly response: Buffer | null;
}

/** Serializes a record. */
export function encodePredictionLog(record: PredictionRecord): Buffer {
  const { metadata, kind, request, response } = record;
  const parts = [bytesField(REQUEST, request)];
  if (response !== null) parts.push(bytesField(RESPONSE, response));
  const type = messageType('tensorflow.serving.LogMetadata');
  return Buffer.concat([
    bytesField(METADATA, type.encode(metadata)),
    bytesField(NUMBERS[kind], ...parts),
  ]);
}

/**
 * Reads a record; null for one without a `log_type`.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` the bytes are no `PredictionLog`; `UNIMPLEMENTED` it is one of PredictStreamed
 */
export function decodePredictionLog(bytes: Uint8Array): PredictionRecord | null {
  let metadata: Init<LogMetadata> = {};
  let found: Pick<PredictionRecord, 'kind' | 'request' | 'response'> | null = null;
  for (const field of fieldsOf(bytes)) {
    if (field.bytes === null) continue;
    if (field.number === METADATA) {
      metadata = messageType('tensorflow.serving.LogMetadata').decode(field.bytes);
    }
    if (field.number === PREDICT_STREAMED) {
      throw new ServingError(
        'UNIMPLEMENTED',
        'a record of PredictStreamed holds no single request',
      );
    }
    const kind = KINDS.get(field.number);
    if (kind === undefined) continue;
    const request = lastBytes(field.bytes, REQUEST) ?? Buffer.alloc(0);
    found = { kind, request, response: lastBytes(field.bytes, RESPONSE) };
  }
  return found === null ? null : { metadata, ...found };
}
