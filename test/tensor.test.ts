import { describe, expect, test } from 'vitest';
import { nestedTensor } from '../ts/library/nested.js';
import {
  type DType,
  dtypeLayout,
  dtypeNumber,
  dtypeOf,
  type Float16Data,
  tensor,
} from '../ts/tensor.js';

/** Every element type but strings and handles, by TensorFlow's numbers. */
const NUMERIC_TYPES = Array.from({ length: 33 }, (_, index) => dtypeOf(index + 1)).filter(
  (dtype) => dtypeLayout(dtype) !== null,
);

describe('tensor()', () => {
  test('takes the element type from the array and one dimension from its length', () => {
    const made = tensor(new Float32Array([1, 2, 5]));
    expect([made.dtype, made.shape, made.size]).toEqual(['float', [3], 3]);
    expect(tensor(new BigInt64Array(2)).dtype).toBe('int64');
    expect(tensor(['a', 'ß']).dtype).toBe('string');
  });

  test('keeps the array it is given', () => {
    const data = new Float32Array(6);
    expect(tensor(data, [2, 3]).data).toBe(data);
  });

  test('takes raw bits and pairs for the types JavaScript has no numbers for', () => {
    expect(tensor(new Uint16Array([0x3c00]), [1], 'half').toFloat32()).toEqual(
      new Float32Array([1]),
    );
    expect(tensor(new Float32Array(4), [2], 'complex64').size).toBe(2);
    expect(tensor(new Uint8Array([1, 0]), [2], 'bool').toArray()).toEqual([true, false]);
    expect(tensor(Buffer.from([0, 0, 128, 63]), [1], 'float').data).toEqual(new Float32Array([1]));
  });

  test.each<[string, () => unknown, string]>([
    [
      'shape',
      () => tensor(new Float32Array(3), [2]),
      'tensor shape [2]: expected 2 elements, got 3',
    ],
    [
      'negative',
      () => tensor(new Float32Array(3), [-1]),
      'tensor shape [-1]: expected whole numbers from 0, got -1',
    ],
    [
      'dtype',
      () => tensor(new Float32Array(1), [1], 'int32'),
      'tensor of int32: expected Int32Array or Uint8Array, got Float32Array',
    ],
    [
      'string',
      () => tensor(new Float32Array(1), [1], 'string'),
      'tensor of string: cannot be made of a typed array',
    ],
    [
      'bytes',
      () => tensor(new Uint8Array(3), [1], 'float'),
      'tensor of float: expected a multiple of 4 bytes, got 3',
    ],
  ])('refuses a misfit of %s with what it got and wanted', (_what, make, text) => {
    expect(make).toThrow(text);
  });

  test('strings are UTF-8 and bytes are what they are', () => {
    const made = tensor(['é', new Uint8Array([0xff, 0])]);
    expect(made.bytes().map((element) => [...element])).toEqual([
      [0xc3, 0xa9],
      [0xff, 0],
    ]);
    expect(made.data).toEqual(['é', '\ufffd\u0000']);
  });

  test('toArray() has the shape of the tensor', () => {
    expect(tensor(new Int32Array([1, 2, 3, 4]), [2, 2]).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(tensor(new Int32Array([7]), []).toArray()).toBe(7);
  });

  test('rounds floats to half and bfloat16, ties to even', () => {
    const values = [0.1, -2.5, 65519, 65520, 2049, 2051, 6e-8, 2 ** -25, -0, Number.NaN];
    const half = [0x2e66, 0xc100, 0x7bff, 0x7c00, 0x6800, 0x6802, 1, 0, 0x8000, 0x7e00];
    for (const data of [new Float32Array(values), new Float64Array(values)]) {
      expect(tensor(data, undefined, 'half').data).toEqual(new Uint16Array(half));
    }
    const wide = new Float64Array([0.1, -2.5, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 3.4e38, -1e-45]);
    const brain = [0x3dcd, 0xc020, 0x3f80, 0x3f82, 0x7f80, 0x8000];
    expect(tensor(wide, [2, 3], 'bfloat16').data).toEqual(new Uint16Array(brain));
    // Rounding to float on the way would make a tie of it and go the wrong way.
    const once = new Float64Array([1 + 2 ** -8 + 2 ** -40]);
    expect(tensor(once, [1], 'bfloat16').data).toEqual(new Uint16Array([0x3f81]));
  });

  test('every bfloat16 reads back the same', () => {
    const bits = Uint16Array.from({ length: 0x7f81 }, (_, i) => i);
    const floats = tensor(bits, undefined, 'bfloat16').toFloat32();
    expect(tensor(floats, undefined, 'bfloat16').data).toEqual(bits);
  });

  test("takes JavaScript's own halves and clamped bytes as they are", () => {
    class Float16Array extends Uint16Array {
      override get [Symbol.toStringTag]() {
        return 'Float16Array' as never;
      }
    }
    const halves = new Float16Array([0x3c00, 0xc000]);
    const made = tensor(halves as unknown as Float16Data);
    expect([made.dtype, made.toFloat32()]).toEqual(['half', new Float32Array([1, -2])]);
    const pixels = new Uint8ClampedArray([1, 300]);
    const bytes = tensor(pixels);
    expect([bytes.dtype, bytes.data]).toEqual(['uint8', new Uint8Array([1, 255])]);
    expect((bytes.data as Uint8Array).buffer).toBe(pixels.buffer);
  });

  test.each(NUMERIC_TYPES)('makes a tensor of %s from its array and from raw bytes', (dtype) => {
    const form = dtypeLayout(dtype);
    if (form === null) throw new Error(dtype);
    const data = new form.array(4 * form.lanes);
    expect(tensor(data, [2, 2], dtype)).toMatchObject({ dtype, shape: [2, 2], data, size: 4 });
    const raw = new Uint8Array(data.byteLength + 1).subarray(1);
    expect(tensor(raw, undefined, dtype)).toMatchObject({ dtype, shape: [4], data });
    const other = dtype === 'double' || dtype === 'complex128' ? Int8Array : Float64Array;
    if (dtype === 'half' || dtype === 'bfloat16') return;
    expect(() => tensor(new other(4), undefined, dtype)).toThrow(
      `tensor of ${dtype}: expected ${form.array.name} or Uint8Array, got ${other.name}`,
    );
  });

  test.each(['resource', 'variant', 'string'] as const)('%s is not made of numbers', (dtype) => {
    expect(() => tensor(new Uint8Array(1), [1], dtype)).toThrow('cannot be made of a typed array');
  });

  test('every half reads back the same', () => {
    const bits = Uint16Array.from({ length: 0x7c01 }, (_, i) => i);
    const floats = [...tensor(bits, undefined, 'half').toFloat32()];
    expect(nestedTensor('x', 'half', floats).data).toEqual(bits);
  });
});

describe('nested arrays', () => {
  test('lengths give the shape', () => {
    const made = nestedTensor('inputs.x', 'float', [
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    expect([made.shape, made.data]).toEqual([[3, 2], new Float32Array([1, 2, 3, 4, 5, 6])]);
    expect(nestedTensor('inputs.x', 'float', 5).shape).toEqual([]);
    expect(nestedTensor('inputs.x', 'float', []).shape).toEqual([0]);
    expect(nestedTensor('inputs.x', 'float', [[], []]).shape).toEqual([2, 0]);
  });

  test.each<[DType, unknown, string]>([
    ['float', [1, 'abc'], 'inputs.x[1]: expected float, got "abc"'],
    ['float', [[1, 2], [3]], 'inputs.x[1]: expected a list of 2, got a list of 1'],
    ['float', [[1], 2], 'inputs.x[1]: expected a list of 1, got number'],
    ['float', [1, [2]], 'inputs.x[1]: expected a value, got a list of 1'],
    ['uint8', [300], 'inputs.x[0]: expected uint8, got 300'],
    ['int32', [1.5], 'inputs.x[0]: expected int32, got 1.5'],
    ['int64', [2n ** 63n], 'inputs.x[0]: expected int64, got 9223372036854775808'],
    ['bool', [1], 'inputs.x[0]: expected bool, got 1'],
    ['string', [5], 'inputs.x[0]: expected string, got 5'],
    ['string', [null], 'inputs.x[0]: expected string, got null'],
    [
      'complex64',
      [1],
      'inputs.x: a tensor of complex64 cannot be made of nested arrays; use tensor()',
    ],
  ])('a misfit for %s names its place', (dtype, value, text) => {
    expect(() => nestedTensor('inputs.x', dtype, value)).toThrow(text);
  });

  test('an array that holds itself is refused', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    expect(() => nestedTensor('inputs.x', 'float', loop)).toThrow('more than 254 dimensions');
  });

  test('numbers become the nearest value of the type', () => {
    expect(nestedTensor('x', 'int64', [1, 2n]).data).toEqual(new BigInt64Array([1n, 2n]));
    expect(nestedTensor('x', 'half', [1, -0, 65520, Number.NaN]).data).toEqual(
      new Uint16Array([0x3c00, 0x8000, 0x7c00, 0x7e00]),
    );
    expect(nestedTensor('x', 'bfloat16', [1, -2, 3.1406, Number.POSITIVE_INFINITY]).data).toEqual(
      new Uint16Array([0x3f80, 0xc000, 0x4049, 0x7f80]),
    );
  });
});

test('element types have the numbers TensorFlow gives them', () => {
  expect(dtypeNumber('float')).toBe(1);
  expect(dtypeOf(7)).toBe('string');
  expect(dtypeOf(101)).toBe('float');
  expect(() => dtypeOf(99)).toThrow('dtype 99');
});
