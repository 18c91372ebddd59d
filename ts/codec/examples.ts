import { ServingError } from '../errors.js';
import type { Classification } from '../example-results.js';
import { addon, call } from '../native/load.js';
import { isNumericData, type NumericData } from '../tensor.js';
import { type Init, messageType, type Feature as WireFeature } from './messages.js';
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
  const feature = Object.fromEntries(
    Object.entries(example).map(([name, value]) => [name, wireFeature(`${where}.${name}`, value)]),
  );
  return messageType('tensorflow.Example').encode({ features: { feature } });
}

type Kind = keyof WireFeature;

function wireFeature(where: string, value: FeatureValue): Init<WireFeature> {
  const list = valuesOf(value);
  const [first] = list;
  if (first === undefined && list.length === 0) return {};
  const kind = kindOf(where, first);
  for (const [index, element] of list.entries()) {
    const other = kindOf(`${where}[${index}]`, element);
    if (other !== kind) {
      throw new ServingError(
        'INVALID_ARGUMENT',
        `${where}[${index}]: expected a value for the ${LISTS[kind]}, got ${typeof element}`,
      );
    }
  }
  if (kind === 'floatList') return { floatList: { value: list as number[] } };
  if (kind === 'bytesList') return { bytesList: { value: list.map(bytesOf) } };
  return { int64List: { value: list.map((element, at) => int64(`${where}[${at}]`, element)) } };
}

const LISTS: Readonly<Record<Kind, string>> = {
  bytesList: 'bytes_list',
  floatList: 'float_list',
  int64List: 'int64_list',
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
  if (typeof value === 'string' || value instanceof Uint8Array) return 'bytesList';
  if (typeof value === 'number') return 'floatList';
  if (typeof value === 'bigint' || typeof value === 'boolean') return 'int64List';
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
