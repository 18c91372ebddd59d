import { type DType, dtypeLayout, type Layout, type NumericData } from './dtype.js';
import { ServingError } from './errors.js';
import { bfloat16Bits, halfBits, halfValue } from './float16.js';

export { type DType, dtypeLayout, dtypeNumber, dtypeOf, type NumericData } from './dtype.js';

/** What a tensor holds: numbers as a typed array, or strings. */
export type TensorData = NumericData | readonly string[];

/** JavaScript's own array of halves (Node 24 and newer). */
export type Float16Data = ArrayBufferView & { readonly [Symbol.toStringTag]: 'Float16Array' };

/** What {@link tensor} takes as numbers. */
export type NumericSource = NumericData | Uint8ClampedArray | Float16Data;

/** The element type a typed array stands for when none is named. */
function impliedDType(data: NumericSource): DType {
  if (isFloat16(data)) return 'half';
  if (data instanceof Uint8ClampedArray) return 'uint8';
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

function isFloat16(data: NumericSource): data is Float16Data {
  return data[Symbol.toStringTag] === 'Float16Array';
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
    if (this.dtype === 'half') return Float32Array.from(numbers, halfValue);
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
 * thread, until the call settles. Floats for `half` and `bfloat16` are the exception: they are rounded, to the nearest value
 * with ties to even, into memory of the tensor's own.
 *
 * @param data a typed array, or strings (UTF-8) and byte arrays for a `string` tensor. `half` and `bfloat16` are their bits as a
 * `Uint16Array` (or a `Float16Array`), or floats; a `Uint8Array` is the raw bytes of any dtype, little-endian
 * @param shape dimensions; one dimension of the data's length when left out
 * @param dtype wanted where the array does not tell: `half`, `bfloat16`, `bool`, quantised and complex types
 * @throws {ServingError} `INVALID_ARGUMENT` when shape, dtype and data do not fit
 */
export function tensor(
  data: NumericSource | readonly (string | Uint8Array)[],
  shape?: readonly number[],
  dtype?: DType,
): Tensor {
  if (isNumericData(data)) return numericTensor(data, shape, dtype);
  if (dtype !== undefined && dtype !== 'string') {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `tensor of ${dtype}: expected a typed array, got a list`,
    );
  }
  for (const element of data as readonly unknown[]) {
    if (typeof element !== 'string' && !(element instanceof Uint8Array)) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `tensor of string: expected strings or byte arrays, got ${typeof element}`,
      );
    }
  }
  const strings = data as readonly (string | Uint8Array)[];
  const dims = shape ?? [strings.length];
  checkShape(dims, strings.length);
  return new Tensor('string', Object.freeze([...dims]), strings);
}

function numericTensor(data: NumericSource, shape?: readonly number[], dtype?: DType): Tensor {
  const type = dtype ?? impliedDType(data);
  const form = dtypeLayout(type);
  if (form === null) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `tensor of ${type}: cannot be made of a typed array`,
    );
  }
  const numbers = elements(data, type, form);
  const dims = shape ?? [numbers.length / form.lanes];
  checkShape(dims, numbers.length / form.lanes);
  return new Tensor(type, Object.freeze([...dims]), numbers);
}

/** The data as the array of `dtype`. */
function elements(data: NumericSource, dtype: DType, form: Layout): NumericData {
  if (data instanceof form.array) return data;
  const { buffer, byteOffset, byteLength } = data;
  if (dtype === 'half' && isFloat16(data)) {
    return new Uint16Array(buffer, byteOffset, byteLength / 2);
  }
  if (data instanceof Uint8Array) return viewAs(data, dtype, form);
  if (data instanceof Uint8ClampedArray && form.array === Uint8Array) {
    return new Uint8Array(buffer, byteOffset, byteLength);
  }
  if (data instanceof Float32Array || data instanceof Float64Array) {
    if (dtype === 'half') return Uint16Array.from(data, halfBits);
    if (dtype === 'bfloat16') return Uint16Array.from(data, bfloat16Bits);
  }
  throw new ServingError(
    'INVALID_ARGUMENT',
    `tensor of ${dtype}: expected ${form.array.name} or Uint8Array, got ${data.constructor.name}`,
  );
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
