import { DataType, type SignatureDef } from './messages.js';

/** One signature as a SavedModel describes it; inputs and outputs are sorted by name. */
export interface SignatureDescription {
  readonly name: string;
  readonly methodName: string;
  readonly inputs: readonly TensorDescription[];
  readonly outputs: readonly TensorDescription[];
}

/** One input or output. */
export interface TensorDescription {
  readonly name: string;
  /** Such as `float`, `int64`, `string`. */
  readonly dtype: string;
  /** Dimensions, -1 is free; null when even the rank is free. */
  readonly shape: readonly number[] | null;
}

/** What a `tensorflow.SignatureDef` says. */
export function describeSignature(name: string, definition: SignatureDef): SignatureDescription {
  const { methodName, inputs, outputs } = definition;
  return { name, methodName, inputs: tensors(inputs), outputs: tensors(outputs) };
}

/** Whether TensorFlow added the signature for itself: it takes no requests. */
export function isInternal({ name }: SignatureDescription): boolean {
  return name.startsWith('__saved_model_');
}

const DTYPE_NAMES = new Map<number, string>(
  Object.entries(DataType).map(([name, number]) => [
    number,
    name.replace(/^DT_/, '').toLowerCase().replace(/_ref$/, ''),
  ]),
);

function tensors(infos: SignatureDef['inputs']): TensorDescription[] {
  return Object.entries(infos)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { dtype, tensorShape }]) => ({
      name,
      dtype: DTYPE_NAMES.get(dtype) ?? `dtype ${dtype}`,
      shape:
        tensorShape === null || tensorShape.unknownRank
          ? null
          : tensorShape.dim.map(({ size }) => Number(size)),
    }));
}
