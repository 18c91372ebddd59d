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

/** What a tensor holds: numbers as a typed array, or strings. */
export type TensorData = NumericData | readonly string[];

type NumericConstructor = {
  new (buffer: ArrayBufferLike, byteOffset?: number, length?: number): NumericData;
  new (length: number): NumericData;
  readonly BYTES_PER_ELEMENT: number;
};

interface Layout {
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

/** The element type a typed array stands for when none is named. */
function impliedDType(data: NumericData): DType {
  if (data instanceof Float32Array) return 'float';
  if (data instanceof Float64Array) return 'double';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint8Array) return 'uint8';
  if (data instanceof Int16Array) return 'int16';
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Uint16Array) return 'uint16';
  if (data instanceof Uint32Array) return 'uint32';
  if (data instanceof BigInt64Array) return 'int64';
  return 'uint64';
}

/** Number of elements of a shape; a scalar (`[]`) has one. */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dim of shape) count *= dim;
  return count;
}

/** True for the typed arrays tensors are made of (a `Buffer` counts as a `Uint8Array`). */
export function isNumericData(value: unknown): value is NumericData {
  return ArrayBuffer.isView(value) && !(value instanceof DataView);
}

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** How strings lie in memory: all bytes in one block, element `i` from `ends[i - 1]` to `ends[i]`. */
export interface StringBlock {
  readonly block: Uint8Array;
  readonly ends: Float64Array;
}

/**
 * A tensor: element type, shape and row-major data.
 *
 * A result's `data` is a typed array over TensorFlow's own memory, freed when the array is garbage collected; where the
 * JavaScript engine refuses such arrays it is a copy.
 */
export class Tensor {
  readonly dtype: DType;
  /** Dimensions; `[]` is a scalar. */
  readonly shape: readonly number[];
  readonly #numbers: NumericData | null;
  #strings: readonly string[] | null;
  readonly #block: StringBlock | null;
  #bytes: readonly Uint8Array[] | null;

  /** @internal Use {@link tensor}. */
  constructor(
    dtype: DType,
    shape: readonly number[],
    data: NumericData | StringBlock | readonly (string | Uint8Array)[],
  ) {
    this.dtype = dtype;
    this.shape = shape;
    this.#numbers = null;
    this.#strings = null;
    this.#block = null;
    this.#bytes = null;
    if (isNumericData(data)) {
      this.#numbers = data;
    } else if ('block' in data) {
      this.#block = data;
    } else if (data.every((element) => typeof element === 'string')) {
      this.#strings = data;
    } else {
      this.#bytes = data.map((element) =>
        typeof element === 'string' ? Buffer.from(element, 'utf8') : element,
      );
    }
  }

  /** Number of elements. */
  get size(): number {
    return elementCount(this.shape);
  }

  /**
   * The elements, row-major.
   *
   * Strings are decoded as UTF-8 with U+FFFD for what is not; {@link bytes} gives them as they are.
   */
  get data(): TensorData {
    if (this.#numbers !== null) return this.#numbers;
    this.#strings ??= this.bytes().map((element) => decoder.decode(element));
    return this.#strings;
  }

  /** The elements of a string tensor as bytes; views, not copies, of a result's block. */
  bytes(): readonly Uint8Array[] {
    if (this.#bytes !== null) return this.#bytes;
    if (this.#block !== null) {
      const { block, ends } = this.#block;
      let start = 0;
      const bytes: Uint8Array[] = [];
      for (const end of ends) {
        bytes.push(block.subarray(start, end));
        start = end;
      }
      this.#bytes = bytes;
    } else if (this.#strings !== null) {
      this.#bytes = this.#strings.map((element) => Buffer.from(element, 'utf8'));
    } else {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `bytes(): expected a string tensor, got ${this.dtype}`,
      );
    }
    return this.#bytes;
  }

  /** The elements of a `half` or `bfloat16` tensor as floats (a copy); a `float` tensor's data as it is. */
  toFloat32(): Float32Array {
    const numbers = this.#numbers;
    if (this.dtype === 'float' && numbers instanceof Float32Array) return numbers;
    if (!(numbers instanceof Uint16Array) || (this.dtype !== 'half' && this.dtype !== 'bfloat16')) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `toFloat32(): expected half, bfloat16 or float, got ${this.dtype}`,
      );
    }
    if (this.dtype === 'half') return Float32Array.from(numbers, halfToNumber);
    const wide = new Uint32Array(numbers.length);
    for (let i = 0; i < numbers.length; i += 1) wide[i] = (numbers[i] ?? 0) << 16;
    return new Float32Array(wide.buffer);
  }

  /** Nested arrays in the tensor's shape; a bare value for a scalar. */
  toArray(): unknown {
    const data = this.data;
    const lanes = dtypeLayout(this.dtype)?.lanes ?? 1;
    const shape = lanes === 1 ? this.shape : [...this.shape, lanes];
    let next = 0;
    const build = (axis: number): unknown => {
      if (axis === shape.length) {
        const value = data[next];
        next += 1;
        return this.dtype === 'bool' ? value === 1 : value;
      }
      return Array.from({ length: shape[axis] ?? 0 }, () => build(axis + 1));
    };
    return build(0);
  }
}

/** The value of IEEE 754 half-precision bits. */
function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function checkShape(shape: readonly number[], elements: number): void {
  for (const dim of shape) {
    if (!Number.isSafeInteger(dim) || dim < 0) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `tensor shape [${shape.join(',')}]: expected whole numbers from 0, got ${dim}`,
      );
    }
  }
  const wanted = elementCount(shape);
  if (wanted !== elements) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `tensor shape [${shape.join(',')}]: expected ${wanted} elements, got ${elements}`,
    );
  }
}

/**
 * Makes a tensor of row-major data.
 *
 * The data is not copied: a tensor given to `predict` must not be written to, nor its memory transferred to another
 * thread, until the call settles.
 *
 * @param data a typed array, or strings (UTF-8) and byte arrays for a `string` tensor
 * @param shape dimensions; one dimension of the data's length when left out
 * @param dtype wanted where the array does not tell: `half`, `bfloat16`, `bool`, quantised and complex types
 * @throws {ServingError} `INVALID_ARGUMENT` when shape, dtype and data do not fit
 */
export function tensor(
  data: NumericData | readonly (string | Uint8Array)[],
  shape?: readonly number[],
  dtype?: DType,
): Tensor {
  if (!isNumericData(data)) {
    if (dtype !== undefined && dtype !== 'string') {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `tensor of ${dtype}: expected a typed array, got a list`,
      );
    }
    for (const element of data) {
      if (typeof element !== 'string' && !(element instanceof Uint8Array)) {
        throw new ServingError(
          'INVALID_ARGUMENT',
          `tensor of string: expected strings or byte arrays, got ${typeof element}`,
        );
      }
    }
    const dims = shape ?? [data.length];
    checkShape(dims, data.length);
    return new Tensor('string', Object.freeze([...dims]), data);
  }
  const type = dtype ?? impliedDType(data);
  const form = dtypeLayout(type);
  if (form === null) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `tensor of ${type}: cannot be made of a typed array`,
    );
  }
  const raw = data instanceof Uint8Array && form.array !== Uint8Array;
  if (!raw && !(data instanceof form.array)) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `tensor of ${type}: expected ${form.array.name} or Uint8Array, got ${data.constructor.name}`,
    );
  }
  const numbers = raw ? viewAs(data, type, form) : data;
  const dims = shape ?? [numbers.length / form.lanes];
  checkShape(dims, numbers.length / form.lanes);
  return new Tensor(type, Object.freeze([...dims]), numbers);
}

/** Raw bytes as the array of `dtype`: a view where their alignment allows it, else a copy. */
function viewAs(bytes: Uint8Array, dtype: DType, form: Layout): NumericData {
  const width = form.array.BYTES_PER_ELEMENT;
  if (bytes.byteLength % width !== 0) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `tensor of ${dtype}: expected a multiple of ${width} bytes, got ${bytes.byteLength}`,
    );
  }
  const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
  return new form.array(aligned.buffer, aligned.byteOffset, aligned.byteLength / width);
}
