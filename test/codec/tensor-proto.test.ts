import { describe, expect, test } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import {
  decodePredict,
  decodeTensorProto,
  encodePredict,
  encodeTensorProto,
} from '../../ts/codec/predict.js';
import type { TensorSpec } from '../../ts/signature.js';
import { type DType, dtypeLayout, dtypeNumber, Tensor, tensor } from '../../ts/tensor.js';

const NUMERIC = (
  'float double int32 uint8 int16 int8 complex64 int64 bool qint8 quint8 qint32 bfloat16 qint16 quint16 uint16 complex128 half ' +
  'uint32 uint64 float8_e5m2 float8_e4m3fn float8_e4m3fnuz float8_e4m3b11fnuz float8_e5m2fnuz int4 uint4 int2 uint2 float4_e2m1fn'
).split(' ') as DType[];

/** Elements of any dtype: small numbers, by their bytes. */
function sample(dtype: DType, elements: number): Tensor {
  const form = dtypeLayout(dtype);
  if (form === null) throw new Error(dtype);
  const data = new form.array(elements * form.lanes);
  const isWide = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (let i = 0; i < data.length; i += 1) data[i] = (isWide ? BigInt(i % 2) : i % 2) as never;
  return tensor(data, [elements], dtype);
}

describe.each([false, true])('TensorProto, as tensor_content: %s', (asContent) => {
  test.each(NUMERIC)('%s comes back unchanged', (dtype) => {
    for (const elements of [0, 3, 5000]) {
      const original = sample(dtype, elements);
      let bytes: Buffer;
      try {
        bytes = encodeTensorProto(original, { asContent });
      } catch (error) {
        // TensorProto has typed fields for these only as tensor_content.
        expect(asContent).toBe(false);
        expect(String(error)).toContain(dtype);
        return;
      }
      const back = decodeTensorProto(bytes);
      expect([back.dtype, back.shape, back.data]).toEqual([dtype, [elements], original.data]);
      expect(messageType('tensorflow.TensorProto').decode(bytes).dtype).toBe(dtypeNumber(dtype));
    }
  });

  test('strings come back by their bytes', () => {
    const original = tensor(['', 'é', new Uint8Array([0xff]), 'x'.repeat(9000)], [2, 2]);
    const back = decodeTensorProto(encodeTensorProto(original, { asContent }));
    expect([back.dtype, back.shape]).toEqual(['string', [2, 2]]);
    expect(back.bytes().map((element) => Buffer.from(element).toString('latin1'))).toEqual(
      original.bytes().map((element) => Buffer.from(element).toString('latin1')),
    );
  });
});

test('scalars and many dimensions keep their shape', () => {
  for (const shape of [[], [1, 1, 1, 1, 1, 1, 1], [0, 3]]) {
    const size = shape.reduce<number>((count, dim) => count * dim, 1);
    const back = decodeTensorProto(encodeTensorProto(tensor(new Float32Array(size), shape)));
    expect(back.shape).toEqual(shape);
  }
});

test('a decoded tensor is memory of its own and may be written to', () => {
  const bytes = encodeTensorProto(tensor(new Float32Array(100_000).fill(1)));
  const first = decodeTensorProto(bytes);
  const second = decodeTensorProto(bytes);
  (first.data as Float32Array).fill(7);
  expect((second.data as Float32Array).every((value) => value === 1)).toBe(true);
  // Aligned as TensorFlow wants it, with nothing of another tensor around it.
  expect((first.data as Float32Array).byteOffset).toBe(0);
  expect((first.data as Float32Array).buffer.byteLength).toBe(400_000);
});

test('decoded memory is given back', { timeout: 60_000 }, async () => {
  const body = Buffer.from(
    `{"instances": [${JSON.stringify([...new Float32Array(250_000).fill(1.5)])}]}`,
  );
  const x: TensorSpec = {
    name: 'x',
    tensorName: 'x:0',
    dtype: 'float',
    shape: null,
    hasDefault: false,
  };
  const signature = { name: 'serving_default', inputs: { x } };
  // 300 MB in all: without finalizers the process would keep them.
  for (let i = 0; i < 300; i += 1) {
    decodePredict(body, signature);
    if (i % 20 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setImmediate(resolve));
  expect(process.memoryUsage().arrayBuffers).toBeLessThan(250e6);
});

test('one string repeated a million times over is refused', () => {
  const type = messageType('tensorflow.TensorProto');
  const bytes = type.encode({
    dtype: dtypeNumber('string'),
    tensorShape: { dim: [{ size: 1_000_000n }] },
    stringVal: [Buffer.alloc(1_000_000)],
  });
  expect(() => decodeTensorProto(bytes)).toThrow(
    expect.objectContaining({
      code: 'RESOURCE_EXHAUSTED',
      message: 'the strings take 1000000000000 bytes, at most 2147483648 are taken',
    }),
  );
});

test.each<[string, Uint8Array]>([
  ['an empty message', new Uint8Array()],
  ['half a field', new Uint8Array([0x0a])],
  ['no elements of a large shape', Buffer.from('0801120b1209088080808080808001', 'hex')],
])('%s is refused under its name', (_what, bytes) => {
  expect(() => decodeTensorProto(bytes, 'image')).toThrow(
    expect.objectContaining({ message: expect.stringContaining('image') }),
  );
});

describe('predict bodies', () => {
  const spec = (name: string, dtype: DType): TensorSpec => ({
    name,
    tensorName: '',
    dtype,
    shape: null,
    hasDefault: false,
  });

  test('names of any letters find their tensors', () => {
    // In UTF-16 the last one stands before the one in front of it, in UTF-8 after it.
    const names = ['b', 'a', 'é', '\uff5e', '\u{1f600}', '__proto__'];
    const inputs = Object.create(null) as Record<string, TensorSpec>;
    for (const name of names) inputs[name] = spec(name, 'int32');
    const body = names.map((name, index) => `${JSON.stringify(name)}: ${index}`).join();
    const { inputs: read, format } = decodePredict(`{"inputs": {${body}}}`, { name: '', inputs });
    expect(format).toBe('column');
    for (const [index, name] of names.entries()) {
      expect(Object.getOwnPropertyDescriptor(read, name)?.value.data).toEqual(
        new Int32Array([index]),
      );
    }
  });

  test('what is printed reads back the same', () => {
    const y = tensor(new Float32Array([0.1, -0, 1e-40, 3e38]), [2, 2]);
    const text = encodePredict({ y }).toString().replace('predictions', 'instances');
    const { y: back } = decodePredict(text, { name: '', inputs: { y: spec('y', 'float') } }).inputs;
    expect([back?.shape, back?.data]).toEqual([[2, 2], y.data]);
  });

  test('non-finite values are tokens, null or strings', () => {
    const y = tensor(new Float32Array([Number.NaN, Number.POSITIVE_INFINITY]));
    const print = (nonFinite?: 'token' | 'null' | 'string') =>
      encodePredict({ y }, nonFinite === undefined ? {} : { nonFinite })
        .toString()
        .replaceAll(/\s/g, '');
    expect(print()).toBe('{"predictions":[NaN,Infinity]}');
    expect(print('null')).toBe('{"predictions":[null,null]}');
    expect(print('string')).toBe('{"predictions":["NaN","Infinity"]}');
  });

  test('errors have the code and text of the server', () => {
    const signature = { name: 'serving_default', inputs: { x: spec('x', 'float') } };
    const read = (body: string, options?: { maxDepth?: number }) => () =>
      decodePredict(body, signature, options);
    expect(read('{')).toThrow(
      expect.objectContaining({
        code: 'INVALID_ARGUMENT',
        message: expect.stringContaining('JSON Parse error'),
      }),
    );
    expect(read('{"signature_name": "other", "instances": [1]}')).toThrow(
      'Serving signature name: "other" not found in signature def',
    );
    expect(read('{"instances": [[[[1]]]]}', { maxDepth: 2 })).toThrow(
      expect.objectContaining({ code: 'INVALID_ARGUMENT' }),
    );
    const scalar = new Tensor('float', [], new Float32Array([1]));
    expect(() => encodePredict({ y: scalar })).toThrow('has no shape information');
  });
});
