import { LARGE_IMAGE, MNIST_IMAGE, THREE_FLOATS } from '../suites/bodies.js';

/** One input in every form it is sent in; all forms hold the same float32 values. */
export interface Input {
  readonly shape: readonly number[];
  readonly values: Float32Array;
  readonly json: Buffer;
}

/** The forms of a request's body. */
export type Format = 'json' | 'npy' | 'protobuf';

/** The content type of a REST body. */
export const CONTENT_TYPES: Readonly<Record<Format, string>> = {
  json: 'application/json',
  npy: 'application/x-npy',
  protobuf: 'application/x-protobuf',
};

/** `[1.0, 2.0, 5.0]`. */
export const threeFloats: Input = fromJson(THREE_FLOATS, [3]);

/** One 28×28×1 image. */
export const oneDigit: Input = fromJson(MNIST_IMAGE, [1, 28, 28, 1]);

/** One 224×224×3 image; its JSON is about 1.6 MB. */
export const onePhoto: Input = fromJson(LARGE_IMAGE, [1, 224, 224, 3]);

/** The same image `count` times, as one request. */
export function repeated(input: Input, count: number): Input {
  const values = new Float32Array(input.values.length * count);
  for (let i = 0; i < count; i += 1) values.set(input.values, i * input.values.length);
  const { instances } = JSON.parse(input.json.toString()) as { instances: [unknown] };
  const json = Buffer.from(JSON.stringify({ instances: Array(count).fill(instances[0]) }));
  return { shape: [count, ...input.shape.slice(1)], values, json };
}

function fromJson(json: Buffer, shape: readonly number[]): Input {
  const { instances } = JSON.parse(json.toString()) as { instances: unknown[] };
  return { shape, values: Float32Array.from(instances.flat(shape.length) as number[]), json };
}

/** The values as they lie in memory. */
export function rawBytes({ values }: Pick<Input, 'values'>): Buffer {
  return Buffer.from(values.buffer, values.byteOffset, values.byteLength);
}

/** A `.npy` file, version 1.0: https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
export function npyBody(input: Input): Buffer {
  const shape = input.shape.length === 1 ? `${input.shape[0]},` : input.shape.join(', ');
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${shape}), }`;
  const magic = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0, 0]);
  // The data begin at a multiple of 64.
  const header = Buffer.from(`${text.padEnd(Math.ceil((text.length + 11) / 64) * 64 - 11, ' ')}\n`);
  magic.writeUInt16LE(header.length, 8);
  return Buffer.concat([magic, header, rawBytes(input)]);
}

/** A serialized `PredictRequest` with the input `x` as `tensor_content`. */
export function predictMessage(model: string, input: Input): Buffer {
  const dims = input.shape.map((size) => field(2, field0(1, size)));
  const tensor = Buffer.concat([
    field0(1, 1),
    field(2, Buffer.concat(dims)),
    field(4, rawBytes(input)),
  ]);
  const entry = Buffer.concat([field(1, Buffer.from('x')), field(2, tensor)]);
  return Buffer.concat([field(1, field(1, Buffer.from(model))), field(2, entry)]);
}

/** A length-delimited field. */
function field(number: number, content: Buffer): Buffer {
  return Buffer.concat([varint((number << 3) | 2), varint(content.length), content]);
}

/** A varint field. */
function field0(number: number, value: number): Buffer {
  return Buffer.concat([varint(number << 3), varint(value)]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  bytes.push(rest);
  return Buffer.from(bytes);
}

/** The body of a request in one form. */
export function bodyOf(model: string, input: Input, format: Format): Buffer {
  if (format === 'json') return input.json;
  return format === 'npy' ? npyBody(input) : predictMessage(model, input);
}
