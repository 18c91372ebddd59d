import { canHaveRows, prefersRows } from '../../codec/sample-request.js';
import type { SignatureDescription, TensorDescription } from '../../codec/signature-description.js';

/** A JSON Schema (2020-12), as OpenAPI 3.1 uses it. */
export type Schema = { readonly [keyword: string]: unknown };

const INTEGER_RANGES: Readonly<Record<string, readonly [string, string]>> = {
  int8: ['-128', '127'],
  uint8: ['0', '255'],
  int16: ['-32768', '32767'],
  uint16: ['0', '65535'],
  int32: ['-2147483648', '2147483647'],
  uint32: ['0', '4294967295'],
  int64: ['-9223372036854775808', '9223372036854775807'],
  uint64: ['0', '18446744073709551615'],
};

const FLOATS: ReadonlySet<string> = new Set(['float', 'double', 'half', 'bfloat16']);

const BASE64: Schema = {
  type: 'object',
  properties: { b64: { type: 'string', contentEncoding: 'base64' } },
  required: ['b64'],
  additionalProperties: false,
};

/** Whether JSON can carry every input of a signature. */
export function fitsJson({ inputs }: SignatureDescription): boolean {
  return inputs.every(({ dtype }) => elementSchema(dtype).description === undefined);
}

/** One element of a tensor, by the JSON dialect of TensorFlow Serving; no type for dtypes JSON cannot carry. */
export function elementSchema(dtype: string): Schema {
  if (FLOATS.has(dtype)) return { type: 'number', format: dtype };
  const range = INTEGER_RANGES[dtype];
  if (range !== undefined) {
    const [minimum, maximum] = range.map(Number);
    return { type: 'integer', format: dtype, minimum, maximum };
  }
  if (dtype === 'bool') return { type: 'boolean' };
  if (dtype === 'string') return { anyOf: [{ type: 'string' }, BASE64] };
  return { description: `${dtype}: not available in JSON` };
}

type Shape = readonly number[] | null;

/** A value of this shape: nested lists of elements, or anything nested where the rank is free. */
export function valueSchema(dtype: string, shape: Shape): Schema {
  const element = elementSchema(dtype);
  if (shape === null) return { anyOf: [element, { type: 'array', items: {} }] };
  return shape.reduceRight<Schema>((items, size) => listOf(items, size), element);
}

function listOf(items: Schema, size: number): Schema {
  return size < 0
    ? { type: 'array', items }
    : { type: 'array', items, minItems: size, maxItems: size };
}

const whole = ({ dtype, shape }: TensorDescription): Schema => valueSchema(dtype, shape);

/** One example of a tensor: its value without the first dimension, which counts the examples. */
const example = ({ dtype, shape }: TensorDescription): Schema =>
  valueSchema(dtype, shape === null ? null : shape.slice(1));

type Tensors = readonly TensorDescription[];

function record(tensors: Tensors, schema: (tensor: TensorDescription) => Schema): Schema {
  return {
    type: 'object',
    properties: Object.fromEntries(tensors.map((tensor) => [tensor.name, schema(tensor)])),
    required: tensors.map(({ name }) => name),
  };
}

/** A tensor alone where there is one, an object of all of them otherwise. */
function single(tensors: Tensors, schema: (tensor: TensorDescription) => Schema): Schema {
  const [only, ...others] = tensors;
  return only !== undefined && others.length === 0 ? schema(only) : record(tensors, schema);
}

/** Requests may name the only tensor or leave its name out. */
function eitherForm(tensors: Tensors, schema: (tensor: TensorDescription) => Schema): Schema {
  const named = record(tensors, schema);
  return tensors.length === 1 ? { anyOf: [single(tensors, schema), named] } : named;
}

/** The fixed first dimension the tensors agree on, or -1: so many rows there must be. */
function rowCount(tensors: Tensors): number {
  const [size, ...others] = new Set(tensors.map(({ shape }) => shape?.[0] ?? -1));
  return size === undefined || others.length > 0 ? -1 : size;
}

/**
 * The body of `:predict` for one signature: row form (`instances`) or columnar form (`inputs`). The form that a first request would
 * take comes first.
 */
export function predictRequestSchema(signature: SignatureDescription): Schema {
  const { name, inputs } = signature;
  const isDefault = name === 'serving_default';
  const signatureName: Schema = {
    type: 'string',
    const: name,
    ...(isDefault ? { default: name } : {}),
  };
  const form = (key: string, title: string, value: Schema): Schema => ({
    title,
    type: 'object',
    properties: { signature_name: signatureName, [key]: value },
    required: isDefault ? [key] : ['signature_name', key],
  });
  const columns = form('inputs', 'columnar form', eitherForm(inputs, whole));
  const forms = [columns];
  if (canHaveRows(signature)) {
    const instances = { minItems: 1, ...listOf(eitherForm(inputs, example), rowCount(inputs)) };
    const rows = form('instances', 'row form', instances);
    if (prefersRows(signature)) forms.unshift(rows);
    else forms.push(rows);
  }
  return { title: name, oneOf: forms };
}

/** The answer of `:predict`: `predictions` to rows, `outputs` to columns. */
export function predictResponseSchema(signature: SignatureDescription): Schema {
  const { name, outputs } = signature;
  const form = (key: string, value: Schema): Schema => ({
    type: 'object',
    properties: { [key]: value },
    required: [key],
  });
  const columns = form('outputs', single(outputs, whole));
  if (!canHaveRows(signature)) return { title: name, ...columns };
  const rows = form('predictions', { type: 'array', items: single(outputs, example) });
  return { title: name, oneOf: [rows, columns] };
}
