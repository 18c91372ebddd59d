import { codeName } from '../errors.js';
import { quote } from './quote.js';

/** What the status document says of one version. */
export interface StatusEntry {
  version: bigint;
  /** START, LOADING, AVAILABLE, UNLOADING or END. */
  state: string;
  /** Canonical code number; 0 unless its load failed. */
  code: number;
  message: string;
}

/**
 * The body of `GET /v1/models/NAME`: proto3 JSON of a GetModelStatusResponse, laid out as TensorFlow Serving does.
 *
 * Versions stand in the order given; TensorFlow Serving lists them descending.
 */
export function statusDocument(versions: readonly StatusEntry[]): string {
  if (versions.length === 0) return '{\n "model_version_status": []\n}\n';
  const entries = versions.map(
    ({ version, state, code, message }) => `  {
   "version": "${version}",
   "state": ${quote(state)},
   "status": {
    "error_code": "${codeName(code)}",
    "error_message": ${quote(message)}
   }
  }`,
  );
  return `{\n "model_version_status": [\n${entries.join(',\n')}\n ]\n}\n`;
}
