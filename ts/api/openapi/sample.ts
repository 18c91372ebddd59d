import { DataType, type SignatureDef, type TensorInfo } from '../../codec/messages.js';
import { dimensions, tensorNames } from './schema.js';

/** Lists longer than this are cut in samples meant for reading, never in ones meant for sending. */
const FREE_SIZE = 1;

function element(dtype: number): number | boolean | string {
  if (dtype === DataType.DT_BOOL) return true;
  return dtype === DataType.DT_STRING ? 'text' : 1;
}

function filled(dtype: number, shape: readonly number[]): unknown {
  const [size, ...inner] = shape;
  if (size === undefined) return element(dtype);
  return Array.from({ length: size < 0 ? FREE_SIZE : size }, () => filled(dtype, inner));
}

function exampleOf(info: TensorInfo): unknown {
  return filled(info.dtype, (dimensions(info) ?? [1]).slice(1));
}

/**
 * A body that `:predict` accepts for this signature, made of ones: rows where every input has a free first dimension,
 * columns otherwise.
 */
export function sampleRequest(name: string, signature: SignatureDef): Record<string, unknown> {
  const names = tensorNames(signature.inputs);
  const inputs = names.map((input) => [input, signature.inputs[input] as TensorInfo] as const);
  const isRow = inputs.every(([, info]) => {
    const shape = dimensions(info);
    return shape === null || (shape.length > 0 && (shape[0] as number) < 0);
  });
  const head = name === 'serving_default' ? {} : { signature_name: name };
  const values = (make: (info: TensorInfo) => unknown): unknown =>
    inputs.length === 1 && inputs[0] !== undefined
      ? make(inputs[0][1])
      : Object.fromEntries(inputs.map(([input, info]) => [input, make(info)]));
  if (isRow) return { ...head, instances: [values(exampleOf)] };
  return { ...head, inputs: values((info) => filled(info.dtype, dimensions(info) ?? [1])) };
}
