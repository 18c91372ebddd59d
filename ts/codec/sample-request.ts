import type { SignatureDescription, TensorDescription } from './signature-description.js';

/**
 * A request body for a signature, made of ones: a row where every input has a free first dimension, columns otherwise.
 *
 * @param mostValues an input of more values is shown as a text that says how many, which is no request any more
 */
export function sampleRequest(
  signature: SignatureDescription,
  mostValues: number,
): Record<string, unknown> {
  const { name, methodName, inputs } = signature;
  const named = name === 'serving_default' ? {} : { signature_name: name };
  // Which features an example needs stands in the graph only. A whole number would be read as int64.
  if (takesExamples(methodName)) return { ...named, examples: [{ x: 1.5 }] };
  const isRows = prefersRows(signature);
  const values = inputs.map((input): [string, unknown] => {
    const shape = isRows ? (input.shape ?? []).slice(1) : (input.shape ?? []);
    return [input.name, fill(shape, sampleValue(input), mostValues)];
  });
  const only = values.length === 1 ? values[0]?.[1] : Object.fromEntries(values);
  return isRows ? { ...named, instances: [only] } : { ...named, inputs: only };
}

/** Whether the signature belongs to `:classify` or `:regress`. */
export function takesExamples(methodName: string): boolean {
  return /\/(classify|regress)$/.test(methodName);
}

/** Whether every input has a free first dimension, so that a request can list examples; where the rank is free, they are scalars. */
export function prefersRows(signature: SignatureDescription): boolean {
  const isFree = ({ shape }: TensorDescription): boolean => shape === null || shape[0] === -1;
  return canHaveRows(signature) && signature.inputs.every(isFree);
}

/** Whether rows can make the inputs and hold the outputs: a scalar has no first dimension to count them. */
export function canHaveRows({ inputs, outputs }: SignatureDescription): boolean {
  const counts = ({ shape }: TensorDescription): boolean => shape === null || shape.length > 0;
  return inputs.length > 0 && inputs.every(counts) && outputs.every(counts);
}

/** The values one request holds when every free dimension is 1. */
export function sampleSize({ inputs }: SignatureDescription): number {
  return inputs.reduce((sum, { shape }) => sum + product(sizes(shape ?? [])), 0);
}

function sizes(shape: readonly number[]): number[] {
  return shape.map((size) => (size < 0 ? 1 : size));
}

function product(values: readonly number[]): number {
  return values.reduce((total, value) => total * value, 1);
}

function fill(shape: readonly number[], value: unknown, mostValues: number): unknown {
  const fixed = sizes(shape);
  if (product(fixed) > mostValues) return `<${fixed.join(' x ')} values>`;
  return fixed.reduceRight<unknown>((inner, size) => new Array(size).fill(inner), value);
}

function sampleValue({ name, dtype }: TensorDescription): unknown {
  if (dtype === 'bool') return true;
  if (dtype !== 'string') return 1;
  return name.endsWith('_bytes') ? { b64: 'AA==' } : 'text';
}
