import { ServingError } from '../errors.js';
import type { Classification } from '../example-results.js';
import { addon, call } from '../native/load.js';
import { isNumericData, type NumericData } from '../tensor.js';
import type { NonFiniteStyle } from './predict.js';

/**
 * What a feature of an example may be; a bare value is a list of one.
 *
 * Strings (UTF-8) and bytes make a bytes_list, numbers a float_list (32 bits), booleans and `bigint` an int64_list; so do arrays of
 * floats and of integers. A list is of one kind; an empty one is a feature without values.
 */
export type FeatureValue =
  | string
  | number
  | bigint
  | boolean
  | NumericData
  | readonly (string | number | bigint | boolean | Uint8Array)[];

/** A `tf.Example` as an object: feature names and values. */
export type ExampleInit = Readonly<Record<string, FeatureValue>>;

/** An example: an object of features, or a serialized `tf.Example`. */
export type ExampleInput = ExampleInit | Uint8Array;

/** A decoded body of `:classify` or `:regress`. */
export interface DecodedExamples {
  /** Empty for the default signature. */
  readonly signatureName: string;
  /** Serialized `tf.Example`s; where there is a context its bytes stand in front of each. */
  readonly examples: Buffer[];
}

/**
 * Reads the JSON body of `:classify` or `:regress`, with the server's own kernel.
 *
 * @throws {ServingError} with the code and text the server would answer
 */
export function decodeExamples(body: Uint8Array | string): DecodedExamples {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  return call(() => addon().decodeExamples(bytes));
}

/**
 * Serializes examples as `tf.Example` messages. `context` is shared by all, an example's own features win: its bytes stand in front
 * of each example's, which is how protobuf merges messages.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` names the first feature that is of no kind or of several
 */
export function encodeExamples(
  examples: readonly ExampleInput[],
  context?: ExampleInput,
): Buffer[] {
  const shared = context === undefined ? null : serialize('context', context);
  return examples.map((example, index) => {
    const own = serialize(`examples[${index}]`, example);
    return shared === null ? own : Buffer.concat([shared, own]);
  });
}

/**
 * Prints the answer of `:classify`: pairs of label and score for each example.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` where the examples do not all have as many pairs
 */
export function encodeClassifications(
  results: readonly (readonly Classification[])[],
  options: { nonFinite?: NonFiniteStyle } = {},
): Buffer {
  const classes = results[0]?.length ?? 0;
  if (results.some((pairs) => pairs.length !== classes)) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      'classifications: every example needs as many pairs',
    );
  }
  const pairs = results.flat();
  const scores = Float32Array.from(pairs, ({ score }) => score);
  return call(() =>
    addon().encodeClassifications(
      { batch: results.length, classes },
      pairs.map(({ label }) => label),
      new Uint8Array(scores.buffer),
      options.nonFinite ?? 'token',
    ),
  );
}

/** Prints the answer of `:regress`: one value for each example. */
export function encodeRegressions(
  values: Float32Array,
  options: { nonFinite?: NonFiniteStyle } = {},
): Buffer {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return call(() => addon().encodeRegressions(bytes, options.nonFinite ?? 'token'));
}

function serialize(where: string, example: ExampleInput): Buffer {
  if (example instanceof Uint8Array) {
    return Buffer.from(example.buffer, example.byteOffset, example.byteLength);
  }
  if (typeof example !== 'object' || example === null) {
    throw new ServingError(
      'INVALID_ARGUMENT',
      `${where}: expected an object of features or a serialized tf.Example, got ${typeof example}`,
    );
  }
  const entries = Object.entries(example).map(([name, value]) => {
    const feature = list(`${where}.${name}`, value);
    return field(1, field(1, Buffer.from(name, 'utf8')), field(2, feature));
  });
  return field(1, ...entries);
}

/** A `tf.Feature`: one of three lists, or none without values. */
function list(where: string, value: FeatureValue): Buffer {
  const values = valuesOf(value);
  if (values.length === 0) return Buffer.alloc(0);
  const kind = kindOf(where, values[0]);
  for (const [index, element] of values.entries()) {
    if (kindOf(`${where}[${index}]`, element) !== kind) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `${where}[${index}]: expected a value for the ${LISTS[kind]}, got ${typeof element}`,
      );
    }
  }
  if (kind === BYTES) return field(kind, ...values.map((element) => field(1, bytesOf(element))));
  if (kind === FLOATS) return field(kind, field(1, floats(values as number[])));
  const varints = values.map((element, index) => varint(int64(`${where}[${index}]`, element)));
  return field(kind, field(1, ...varints));
}

/** Field numbers of the lists in `tf.Feature`. */
const BYTES = 1;
const FLOATS = 2;
const INT64S = 3;

type Kind = typeof BYTES | typeof FLOATS | typeof INT64S;

const LISTS: Readonly<Record<Kind, string>> = {
  [BYTES]: 'bytes_list',
  [FLOATS]: 'float_list',
  [INT64S]: 'int64_list',
};

/** The values of a feature, those of an integer array as bigints. */
function valuesOf(value: FeatureValue): readonly unknown[] {
  if (!isNumericData(value) || value instanceof Uint8Array) {
    return Array.isArray(value) ? value : [value];
  }
  if (value instanceof Float32Array || value instanceof Float64Array) return [...value];
  return Array.from<number | bigint, bigint>(value, BigInt);
}

function kindOf(where: string, value: unknown): Kind {
  if (typeof value === 'string' || value instanceof Uint8Array) return BYTES;
  if (typeof value === 'number') return FLOATS;
  if (typeof value === 'bigint' || typeof value === 'boolean') return INT64S;
  throw new ServingError(
    'INVALID_ARGUMENT',
    `${where}: expected a string, bytes, number, bigint or boolean, got ${value === null ? 'null' : typeof value}`,
  );
}

function bytesOf(value: unknown): Uint8Array {
  return value instanceof Uint8Array ? value : Buffer.from(value as string, 'utf8');
}

function int64(where: string, value: unknown): bigint {
  const whole = BigInt(value as bigint | boolean);
  if (BigInt.asIntN(64, whole) === whole) return whole;
  throw new ServingError('INVALID_ARGUMENT', `${where}: expected int64, got ${whole}`);
}

function floats(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  for (const [index, value] of values.entries()) bytes.writeFloatLE(value, index * 4);
  return bytes;
}

/** A length-delimited field. Written by hand: loading protobufjs for these four messages would double the package's start-up. */
function field(number: number, ...parts: readonly Uint8Array[]): Buffer {
  let length = 0;
  for (const part of parts) length += part.length;
  return Buffer.concat([Buffer.from([(number << 3) | 2]), varint(BigInt(length)), ...parts]);
}

function varint(value: bigint): Buffer {
  let rest = BigInt.asUintN(64, value);
  const bytes: number[] = [];
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  bytes.push(Number(rest));
  return Buffer.from(bytes);
}
