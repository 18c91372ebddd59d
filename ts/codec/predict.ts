import { addon, call } from '../native/load.js';
import { fromNative, type NativeOutput, toNative } from '../native/predict.js';
import type { Signature } from '../signature.js';
import { dtypeNumber, type Tensor } from '../tensor.js';

/** How JSON prints NaN and the infinities: as bare tokens (TensorFlow Serving's way), `null`, or strings. */
export type NonFiniteStyle = 'token' | 'null' | 'string';

/** Rows (`instances` and `predictions`) or columns (`inputs` and `outputs`). */
export type PredictFormat = 'row' | 'column';

/** A decoded body of `:predict`. */
export interface DecodedPredict {
  readonly format: PredictFormat;
  /** By input name. */
  readonly inputs: Record<string, Tensor>;
}

/**
 * Reads the JSON body of a `:predict` request for one signature, with the server's own kernel.
 *
 * @param body UTF-8 JSON, as TensorFlow Serving's REST API defines it
 * @param signature name and inputs; the body may state the name
 * @param options.maxDepth deepest nesting of lists, default 256
 * @returns every input of the signature; data of 4 KiB and more is the kernel's own memory, not a copy
 * @throws {ServingError} with the code and text the server would answer
 */
export function decodePredict(
  body: Uint8Array | string,
  signature: Pick<Signature, 'name' | 'inputs'>,
  options: { maxDepth?: number } = {},
): DecodedPredict {
  // The kernel's order is that of the names' bytes.
  const specs = Object.values(signature.inputs).sort((a, b) =>
    Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  );
  const inputs = specs.map(({ name, dtype, shape }) => ({
    name,
    dtype: dtypeNumber(dtype),
    shape: shape === null ? null : [...shape],
  }));
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const spec = { name: signature.name, inputs };
  const decoded = call(() => addon().decodePredict(bytes, spec, options.maxDepth ?? 256));
  const tensors = (decoded.tensors as NativeOutput[]).map(fromNative);
  return {
    format: decoded.columnar ? 'column' : 'row',
    inputs: Object.fromEntries(specs.map(({ name }, index) => [name, tensors[index] as Tensor])),
  };
}

/**
 * Prints tensors as the JSON answer of `:predict`, with the server's own kernel.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` for outputs that the row form or JSON cannot hold, with the server's text
 */
export function encodePredict(
  outputs: Readonly<Record<string, Tensor>>,
  options: { format?: PredictFormat; nonFinite?: NonFiniteStyle } = {},
): Buffer {
  const tensors = Object.entries(outputs).map(([name, tensor]) => ({ name, ...toNative(tensor) }));
  const columnar = options.format === 'column';
  return call(() => addon().encodePredict(columnar, tensors, options.nonFinite ?? 'token'));
}

/**
 * Reads a serialized `tensorflow.TensorProto`, typed fields or `tensor_content`, by TensorFlow's rules: a short list is filled up
 * with its last value.
 *
 * @param name stands in error texts
 * @throws {ServingError} `INVALID_ARGUMENT` with TensorFlow's text; `RESOURCE_EXHAUSTED` for a tensor of more than 2 GiB
 */
export function decodeTensorProto(bytes: Uint8Array, name = 'tensor'): Tensor {
  return fromNative(call(() => addon().decodeTensorProto(name, bytes)));
}

/**
 * Writes a serialized `tensorflow.TensorProto`: typed fields, or `tensor_content` when asked for.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` for element types that the message has no fields for
 */
export function encodeTensorProto(tensor: Tensor, options: { asContent?: boolean } = {}): Buffer {
  const native = { name: 'tensor', ...toNative(tensor) };
  return call(() => addon().encodeTensorProto([native], options.asContent ?? false));
}
