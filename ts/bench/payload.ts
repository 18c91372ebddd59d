import { messageType } from '../codec/messages.js';
import { encodeTensorProto } from '../codec/predict.js';
import { prefersRows } from '../codec/sample-request.js';
import type { SignatureDescription, TensorDescription } from '../codec/signature-description.js';
import { ServingError } from '../errors.js';
import { type DType, elementCount, type Tensor, tensor } from '../tensor.js';

/** Values more than these are no request that anybody sends. */
const MOST_VALUES = 64 * 1024 * 1024;
/** Of the numbers that stand for data; any odd one. */
const SEED = 20_250_101;

/** What the values of a request look like. */
export interface SyntheticInput {
  readonly name: string;
  readonly tensor: Tensor;
}

/**
 * Inputs for a signature: floats with six decimals from 0 to 1, ones for whole numbers (a vocabulary always has that entry), `true`, and
 * short texts. Free first dimensions are `rows`, others 1.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` for an element type that nothing is known of
 */
export function syntheticInputs(
  { inputs }: SignatureDescription,
  rows: number,
): readonly SyntheticInput[] {
  const random = randomFloats();
  return inputs.map((input) => {
    const shape = (input.shape ?? [-1]).map((size, axis) =>
      size >= 0 ? size : axis === 0 ? rows : 1,
    );
    if (elementCount(shape) > MOST_VALUES) {
      const text = `input "${input.name}" of shape [${shape.join(', ')}] is too large to make up`;
      throw new ServingError('INVALID_ARGUMENT', `${text}: name a request with --request`);
    }
    return { name: input.name, tensor: synthetic(input, shape, random) };
  });
}

function synthetic(
  { name, dtype }: TensorDescription,
  shape: readonly number[],
  random: () => number,
): Tensor {
  const count = elementCount(shape);
  if (dtype === 'string') {
    const text = name.endsWith('_bytes') ? '\u0000' : 'text';
    return tensor(new Array<string>(count).fill(text), shape);
  }
  const floats = (): Float32Array => Float32Array.from({ length: count }, random);
  switch (dtype) {
    case 'float':
      return tensor(floats(), shape);
    case 'double':
      return tensor(Float64Array.from({ length: count }, random), shape);
    case 'half':
    case 'bfloat16':
      return tensor(floats(), shape, dtype);
    case 'int64':
      return tensor(new BigInt64Array(count).fill(1n), shape);
    case 'uint64':
      return tensor(new BigUint64Array(count).fill(1n), shape);
    case 'bool':
      return tensor(new Uint8Array(count).fill(1), shape, dtype);
    default:
      return tensor(whole(dtype, name, count), shape);
  }
}

function whole(dtype: string, name: string, count: number) {
  const arrays = {
    int8: Int8Array,
    uint8: Uint8Array,
    int16: Int16Array,
    uint16: Uint16Array,
    int32: Int32Array,
    uint32: Uint32Array,
  };
  const Values = arrays[dtype as keyof typeof arrays];
  if (Values === undefined) {
    const text = `input "${name}" is of ${dtype}, which no request can be made up for`;
    throw new ServingError('INVALID_ARGUMENT', `${text}: name one with --request`);
  }
  return new Values(count).fill(1);
}

/** Numbers that look like data and are the same each time, with six decimals. */
function randomFloats(): () => number {
  let state = SEED;
  return () => {
    state = (state * 48_271) % 2_147_483_647;
    return Math.round((state / 2_147_483_647) * 1e6) / 1e6;
  };
}

/** The JSON body of `:predict`: rows where the signature takes them, else columns. */
export function restBody(
  signature: SignatureDescription,
  inputs: readonly SyntheticInput[],
): Buffer {
  const named = signature.name === 'serving_default' ? {} : { signature_name: signature.name };
  const nested = inputs.map(({ name, tensor: it }) => [name, nest(it)] as const);
  const [first] = nested;
  if (first === undefined) return json({ ...named, inputs: {} });
  if (!prefersRows(signature)) {
    return json({ ...named, inputs: nested.length === 1 ? first[1] : Object.fromEntries(nested) });
  }
  const rows = first[1] as unknown[];
  const row = (index: number): unknown => {
    if (nested.length === 1) return rows[index];
    return Object.fromEntries(nested.map(([name, values]) => [name, (values as unknown[])[index]]));
  };
  return json({ ...named, instances: rows.map((_, index) => row(index)) });
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A tensor as nested lists that JSON can hold. */
function nest({ dtype, shape, data }: Tensor): unknown {
  let level = jsonValues(dtype, data as ArrayLike<unknown>);
  if (shape.length === 0) return level[0];
  for (const size of shape.slice(1).reverse()) {
    const flat = level;
    level = [];
    for (let at = 0; at < flat.length; at += size) level.push(flat.slice(at, at + size));
  }
  return level;
}

function jsonValues(dtype: DType, data: ArrayLike<unknown>): unknown[] {
  const list = Array.from(data);
  if (dtype === 'bool') return list.map((value) => value === 1);
  if (dtype === 'string') {
    return list.map((value) => (value === '\u0000' ? { b64: 'AA==' } : value));
  }
  // Halves are kept as their bits.
  if (dtype === 'half' || dtype === 'bfloat16') return list.map(() => 0.5);
  // Six decimals are what was made; the float's own digits would be longer.
  if (dtype === 'float') return list.map((value) => Math.round((value as number) * 1e6) / 1e6);
  return list.map((value) => (typeof value === 'bigint' ? Number(value) : value));
}

/** A serialized PredictRequest. */
export function predictMessage(
  model: string,
  version: { readonly version: bigint | null; readonly label: string | null },
  signature: string,
  inputs: readonly SyntheticInput[],
): Buffer {
  const proto = messageType('tensorflow.TensorProto');
  const entries = inputs.map(({ name, tensor: it }) => [
    name,
    // Numbers as `tensor_content`, as TensorFlow's own clients send arrays.
    proto.decode(encodeTensorProto(it, { asContent: it.dtype !== 'string' })),
  ]);
  return messageType('tensorflow.serving.PredictRequest').encode({
    modelSpec: {
      name: model,
      version: version.version === null ? null : { value: version.version },
      versionLabel: version.label,
      signatureName: signature,
    },
    inputs: Object.fromEntries(entries),
  });
}
