import { ServingError } from '../errors.js';
import type { Signature, TensorSpec } from '../signature.js';
import { isNumericData, type NumericSource, Tensor, tensor } from '../tensor.js';
import { nestedTensor } from './nested.js';

/** Numbers, booleans, strings or byte arrays, nested as deep as the tensor has dimensions. */
export type NestedValue = number | bigint | boolean | string | Uint8Array | readonly NestedValue[];

/** What an input may be: a tensor, a typed array (one dimension), or nested arrays of the signature's type. */
export type PredictInput = Tensor | NumericSource | NestedValue;

/**
 * The inputs in the signature's order, as tensors; `null` where the signature's default stands in.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` names the first input that is missing, unknown or does not fit
 */
export function predictInputs(
  signature: Signature,
  inputs: Readonly<Record<string, PredictInput>>,
): (Tensor | null)[] {
  const names = Object.keys(signature.inputs);
  for (const name of Object.keys(inputs)) {
    if (!names.includes(name)) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `inputs.${name}: not an input of signature "${signature.name}" (it takes: ${names.join(', ')})`,
      );
    }
  }
  return Object.values(signature.inputs).map((spec) => {
    const value = Object.hasOwn(inputs, spec.name) ? inputs[spec.name] : undefined;
    if (value !== undefined) return feed(spec, value);
    if (spec.hasDefault) return null;
    throw new ServingError(
      'INVALID_ARGUMENT',
      `inputs.${spec.name}: missing (signature "${signature.name}" takes: ${names.join(', ')})`,
    );
  });
}

function feed(spec: TensorSpec, value: PredictInput): Tensor {
  if (!(value instanceof Tensor)) {
    // A byte array for a string input is one string.
    const whole = isNumericData(value) && spec.dtype !== 'string';
    return whole ? typed(spec, value) : nestedTensor(`inputs.${spec.name}`, spec.dtype, value);
  }
  if (value.dtype !== spec.dtype) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `inputs.${spec.name}: expected ${spec.dtype}, got ${value.dtype}`,
    );
  }
  return value;
}

function typed(spec: TensorSpec, value: NumericSource): Tensor {
  try {
    return tensor(value, undefined, spec.dtype);
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    throw new ServingError('INVALID_ARGUMENT', `inputs.${spec.name}: ${text}`, { cause: error });
  }
}
