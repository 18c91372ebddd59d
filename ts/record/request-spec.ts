import { fieldsOf, lastBytes } from './wire.js';

/** The calls that a `PredictionLog` has a form for. */
export type LogKind = 'classify' | 'regress' | 'multiInference' | 'sessionRun' | 'predict';

/** What a request's model_spec says. */
export interface RequestSpec {
  readonly name: string;
  /** Empty for the default one. */
  readonly signatureName: string;
}

/**
 * The model_spec of a serialized request; of a MultiInference that of its first task.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` the bytes are no message
 */
export function specOf(kind: LogKind, request: Uint8Array): RequestSpec {
  const holder = kind === 'multiInference' ? first(request, 1) : request;
  const spec = holder === null ? null : first(holder, 1);
  if (spec === null) return { name: '', signatureName: '' };
  return {
    name: lastBytes(spec, 1)?.toString() ?? '',
    signatureName: lastBytes(spec, 3)?.toString() ?? '',
  };
}

function first(message: Uint8Array, number: number): Buffer | null {
  return fieldsOf(message).find((field) => field.number === number)?.bytes ?? null;
}
