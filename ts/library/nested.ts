import { ServingError } from '../errors.js';
import { bfloat16Bits, halfBits } from '../float16.js';
import { type DType, dtypeLayout, elementCount, Tensor } from '../tensor.js';

/** Whole-number types with their least and greatest values. */
const RANGES: Readonly<Partial<Record<DType, readonly [bigint, bigint]>>> = {
  int8: [-128n, 127n],
  qint8: [-128n, 127n],
  uint8: [0n, 255n],
  quint8: [0n, 255n],
  int16: [-32768n, 32767n],
  qint16: [-32768n, 32767n],
  uint16: [0n, 65535n],
  quint16: [0n, 65535n],
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  qint32: [-(2n ** 31n), 2n ** 31n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint64: [0n, 2n ** 64n - 1n],
};

/** The most dimensions TensorFlow knows. */
const MAX_RANK = 254;

/**
 * Makes a tensor of nested arrays, whose lengths give the shape: `[[1, 2], [3, 4]]` is `[2, 2]`, a bare value a scalar.
 *
 * @param where names the value in errors, such as `inputs.x`
 * @throws {ServingError} `INVALID_ARGUMENT` with the place of the first element that does not fit
 */
export function nestedTensor(where: string, dtype: DType, value: unknown): Tensor {
  const shape: number[] = [];
  for (let level = value; Array.isArray(level); level = level[0]) {
    if (shape.length === MAX_RANK) {
      throw new ServingError('INVALID_ARGUMENT', `${where}: more than ${MAX_RANK} dimensions`);
    }
    shape.push(level.length);
    if (level.length === 0) break;
  }
  const flat: unknown[] = [];
  flatten(where, value, shape, 0, flat);
  if (dtype === 'string') {
    return new Tensor(
      dtype,
      Object.freeze(shape),
      flat.map((element, at) => text(place(where, shape, at), element)),
    );
  }
  const form = dtypeLayout(dtype);
  if (form === null || form.lanes !== 1) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `${where}: a tensor of ${dtype} cannot be made of nested arrays; use tensor()`,
    );
  }
  const data = new form.array(elementCount(shape));
  const convert = converter(dtype);
  for (const [at, element] of flat.entries()) {
    data[at] = convert(() => place(where, shape, at), element) as never;
  }
  return new Tensor(dtype, Object.freeze(shape), data);
}

function flatten(
  where: string,
  value: unknown,
  shape: readonly number[],
  axis: number,
  flat: unknown[],
): void {
  if (axis === shape.length) {
    if (Array.isArray(value)) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `${where}: expected a value, got a list of ${value.length}`,
      );
    }
    flat.push(value);
    return;
  }
  const wanted = shape[axis] ?? 0;
  if (!Array.isArray(value) || value.length !== wanted) {
    const got = Array.isArray(value) ? `a list of ${value.length}` : typeof value;
    throw new ServingError(
      'INVALID_ARGUMENT',
      `${where}: expected a list of ${wanted}, got ${got}`,
    );
  }
  for (const [index, element] of value.entries()) {
    flatten(`${where}[${index}]`, element, shape, axis + 1, flat);
  }
}

/** The place of a flat index, such as `inputs.x[3][0]`. */
function place(where: string, shape: readonly number[], at: number): string {
  let rest = at;
  const indices: number[] = [];
  for (const dim of shape.toReversed()) {
    indices.unshift(rest % dim);
    rest = Math.floor(rest / dim);
  }
  return where + indices.map((index) => `[${index}]`).join('');
}

function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value);
  if (value !== null && typeof value === 'object') return value.constructor?.name ?? 'an object';
  return String(value);
}

function misfit(where: string, wanted: string, value: unknown): ServingError {
  return new ServingError('INVALID_ARGUMENT', `${where}: expected ${wanted}, got ${shown(value)}`);
}

function text(where: string, value: unknown): string | Uint8Array {
  if (typeof value === 'string' || value instanceof Uint8Array) return value;
  throw misfit(where, 'string', value);
}

type Convert = (where: () => string, value: unknown) => number | bigint;

/** How one element becomes a value of the dtype's array. */
function converter(dtype: DType): Convert {
  if (dtype === 'bool') {
    return (where, value) => {
      if (typeof value !== 'boolean') throw misfit(where(), dtype, value);
      return value ? 1 : 0;
    };
  }
  const range = RANGES[dtype];
  if (range !== undefined) return integer(dtype, range);
  const round = dtype === 'half' ? halfBits : dtype === 'bfloat16' ? bfloat16Bits : null;
  return (where, value) => {
    if (typeof value !== 'number') throw misfit(where(), dtype, value);
    return round === null ? value : round(value);
  };
}

function integer(dtype: DType, [least, greatest]: readonly [bigint, bigint]): Convert {
  const wide = dtype === 'int64' || dtype === 'uint64';
  return (where, value) => {
    const whole =
      typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
    if (!whole || value < least || value > greatest) throw misfit(where(), dtype, value);
    return wide ? BigInt(value) : Number(value);
  };
}
