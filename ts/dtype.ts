import { ServingError } from './errors.js';

/** TensorFlow's numbers of the element types, by TensorFlow's own lower-case names. */
const DTYPE_NUMBERS = {
  float: 1,
  double: 2,
  int32: 3,
  uint8: 4,
  int16: 5,
  int8: 6,
  string: 7,
  complex64: 8,
  int64: 9,
  bool: 10,
  qint8: 11,
  quint8: 12,
  qint32: 13,
  bfloat16: 14,
  qint16: 15,
  quint16: 16,
  uint16: 17,
  complex128: 18,
  half: 19,
  resource: 20,
  variant: 21,
  uint32: 22,
  uint64: 23,
  float8_e5m2: 24,
  float8_e4m3fn: 25,
  float8_e4m3fnuz: 26,
  float8_e4m3b11fnuz: 27,
  float8_e5m2fnuz: 28,
  int4: 29,
  uint4: 30,
  int2: 31,
  uint2: 32,
  float4_e2m1fn: 33,
} as const;

/** An element type, by TensorFlow's lower-case name: `float` is 32 bits, `double` 64, `half` 16. */
export type DType = keyof typeof DTYPE_NUMBERS;

/**
 * The arrays that hold a tensor's elements.
 *
 * `bool` is a `Uint8Array` of 0 and 1; `half` and `bfloat16` are the raw 16 bits; complex numbers are (real, imaginary)
 * pairs; types without an array of their own are raw bytes.
 */
export type NumericData =
  | Float32Array
  | Float64Array
  | Int8Array
  | Uint8Array
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

type NumericConstructor = {
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): NumericData;
  new (length: number): NumericData;
  readonly BYTES_PER_ELEMENT: number;
};

/** The array that holds the elements of a dtype. */
export interface Layout {
  readonly array: NumericConstructor;
  /** Array elements a tensor element takes: 2 for complex numbers. */
  readonly lanes: number;
}

const layout = (array: NumericConstructor, lanes = 1): Layout => ({ array, lanes });

const LAYOUTS: Readonly<Partial<Record<DType, Layout>>> = {
  float: layout(Float32Array),
  double: layout(Float64Array),
  int32: layout(Int32Array),
  uint8: layout(Uint8Array),
  int16: layout(Int16Array),
  int8: layout(Int8Array),
  complex64: layout(Float32Array, 2),
  int64: layout(BigInt64Array),
  bool: layout(Uint8Array),
  qint8: layout(Int8Array),
  quint8: layout(Uint8Array),
  qint32: layout(Int32Array),
  bfloat16: layout(Uint16Array),
  qint16: layout(Int16Array),
  quint16: layout(Uint16Array),
  uint16: layout(Uint16Array),
  complex128: layout(Float64Array, 2),
  half: layout(Uint16Array),
  uint32: layout(Uint32Array),
  uint64: layout(BigUint64Array),
  float8_e5m2: layout(Uint8Array),
  float8_e4m3fn: layout(Uint8Array),
  float8_e4m3fnuz: layout(Uint8Array),
  float8_e4m3b11fnuz: layout(Uint8Array),
  float8_e5m2fnuz: layout(Uint8Array),
  int4: layout(Int8Array),
  uint4: layout(Uint8Array),
  int2: layout(Int8Array),
  uint2: layout(Uint8Array),
  float4_e2m1fn: layout(Uint8Array),
};

const NAMES = new Map<number, DType>(
  (Object.entries(DTYPE_NUMBERS) as [DType, number][]).map(([name, number]) => [number, name]),
);

/** TensorFlow's number of an element type. */
export function dtypeNumber(dtype: DType): number {
  return DTYPE_NUMBERS[dtype];
}

/** The element type TensorFlow numbers `number`; a reference type (number + 100) counts as what it refers to. */
export function dtypeOf(number: number): DType {
  const name = NAMES.get(number > 100 ? number - 100 : number);
  if (name === undefined) {
    throw new ServingError('INVALID_ARGUMENT', `dtype ${number}: not a TensorFlow element type`);
  }
  return name;
}

/** The array type and element width of a dtype; `null` for string, resource and variant. */
export function dtypeLayout(dtype: DType): Layout | null {
  return LAYOUTS[dtype] ?? null;
}
