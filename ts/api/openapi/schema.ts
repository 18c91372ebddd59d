import { DataType, type SignatureDef, type TensorInfo } from '../../codec/messages.js';

/** A JSON Schema (2020-12), as OpenAPI 3.1 uses it. */
export type Schema = { readonly [keyword: string]: unknown };

/** The names of a signature's tensors that JSON can carry, sorted. */
export function tensorNames(tensors: Readonly<Record<string, TensorInfo>>): string[] {
  return Object.keys(tensors).sort();
}

const INTEGER_RANGES: Readonly<Record<number, readonly [string, string]>> = {
  [DataType.DT_INT8]: ['-128', '127'],
  [DataType.DT_UINT8]: ['0', '255'],
  [DataType.DT_INT16]: ['-32768', '32767'],
  [DataType.DT_UINT16]: ['0', '65535'],
  [DataType.DT_INT32]: ['-2147483648', '2147483647'],
  [DataType.DT_UINT32]: ['0', '4294967295'],
  [DataType.DT_INT64]: ['-9223372036854775808', '9223372036854775807'],
  [DataType.DT_UINT64]: ['0', '18446744073709551615'],
};

const FLOATS: ReadonlySet<number> = new Set([
  DataType.DT_FLOAT,
  DataType.DT_DOUBLE,
  DataType.DT_HALF,
  DataType.DT_BFLOAT16,
]);

const BASE64: Schema = {
  type: 'object',
  properties: { b64: { type: 'string', contentEncoding: 'base64' } },
  required: ['b64'],
  additionalProperties: false,
};

/** One element of a tensor, by the JSON dialect of TensorFlow Serving; `{}` for types JSON cannot carry. */
export function elementSchema(dtype: number): Schema {
  const name = dtypeName(dtype);
  if (FLOATS.has(dtype)) return { type: 'number', format: name };
  const range = INTEGER_RANGES[dtype];
  if (range !== undefined) {
    const [minimum, maximum] = range.map(Number);
    return { type: 'integer', format: name, minimum, maximum };
  }
  if (dtype === DataType.DT_BOOL) return { type: 'boolean' };
  if (dtype === DataType.DT_STRING) return { anyOf: [{ type: 'string' }, BASE64] };
  return { description: `${name}: not available in JSON` };
}

/** `DT_FLOAT` is `float`. */
export function dtypeName(dtype: number): string {
  const names = Object.entries(DataType) as [string, number][];
  const found = names.find(([, number]) => number === dtype);
  return found === undefined ? `type ${dtype}` : found[0].replace('DT_', '').toLowerCase();
}

/** The dimensions, -1 for free ones; `null` when even the rank is free. */
export function dimensions(info: TensorInfo): number[] | null {
  const shape = info.tensorShape;
  if (shape === null || shape.unknownRank) return null;
  return shape.dim.map((dim) => Number(dim.size));
}

/** A value of `dimensions`: nested lists of elements, or anything nested where the rank is unknown. */
export function valueSchema(dtype: number, shape: readonly number[] | null): Schema {
  const element = elementSchema(dtype);
  if (shape === null) return { anyOf: [element, { type: 'array', items: {} }] };
  return shape.reduceRight<Schema>((items, size) => listOf(items, size), element);
}

function listOf(items: Schema, size: number): Schema {
  return size < 0
    ? { type: 'array', items }
    : { type: 'array', items, minItems: size, maxItems: size };
}

/** One example of a tensor: its value without the first dimension, which counts the examples. */
function exampleSchema(info: TensorInfo): Schema {
  const shape = dimensions(info);
  return valueSchema(info.dtype, shape === null ? null : shape.slice(1));
}

function record(
  tensors: Readonly<Record<string, TensorInfo>>,
  schema: (info: TensorInfo) => Schema,
): Schema {
  const names = tensorNames(tensors);
  const properties = Object.fromEntries(
    names.map((name) => [name, schema(tensors[name] as TensorInfo)]),
  );
  return { type: 'object', properties, required: names };
}

/** A tensor alone where there is one, an object of all of them, or either. */
function single(
  tensors: Readonly<Record<string, TensorInfo>>,
  schema: (info: TensorInfo) => Schema,
): Schema {
  const [only, ...others] = Object.values(tensors);
  return only !== undefined && others.length === 0 ? schema(only) : record(tensors, schema);
}

const whole = (info: TensorInfo): Schema => valueSchema(info.dtype, dimensions(info));

function eitherForm(
  tensors: Readonly<Record<string, TensorInfo>>,
  schema: (info: TensorInfo) => Schema,
): Schema {
  const named = record(tensors, schema);
  const bare = single(tensors, schema);
  return Object.keys(tensors).length === 1 ? { anyOf: [bare, named] } : named;
}

/** The body of `:predict` for one signature: row form (`instances`) or columnar form (`inputs`). */
export function predictRequestSchema(name: string, signature: SignatureDef): Schema {
  const signatureName =
    name === 'serving_default'
      ? { type: 'string', const: name, default: name }
      : { type: 'string', const: name };
  const required = name === 'serving_default' ? [] : ['signature_name'];
  const form = (key: string, value: Schema): Schema => ({
    title: `${name}, ${key === 'instances' ? 'row' : 'columnar'} form`,
    type: 'object',
    properties: { signature_name: signatureName, [key]: value },
    required: [...required, key],
  });
  return {
    oneOf: [
      form('instances', {
        type: 'array',
        minItems: 1,
        items: eitherForm(signature.inputs, exampleSchema),
      }),
      form('inputs', eitherForm(signature.inputs, whole)),
    ],
  };
}

/** The answer of `:predict`: `predictions` to rows, `outputs` to columns. */
export function predictResponseSchema(signature: SignatureDef): Schema {
  const form = (key: string, value: Schema): Schema => ({
    type: 'object',
    properties: { [key]: value },
    required: [key],
  });
  return {
    oneOf: [
      form('predictions', { type: 'array', items: single(signature.outputs, exampleSchema) }),
      form('outputs', single(signature.outputs, whole)),
    ],
  };
}
