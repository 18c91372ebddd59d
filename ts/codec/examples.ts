import { ServingError } from '../errors.js';
import { addon, call } from '../native/load.js';
import type { NonFiniteStyle } from './predict.js';

/**
 * What a feature of an example may be; a bare value is a list of one.
 *
 * Strings and bytes make a bytes_list, booleans and `bigint` an int64_list, numbers a float_list. A list is of one kind.
 */
export type FeatureValue =
  | string
  | number
  | bigint
  | boolean
  | Uint8Array
  | readonly (string | number | bigint | boolean | Uint8Array)[];

/** A `tf.Example` as an object: feature names and values. */
export type ExampleInit = Readonly<Record<string, FeatureValue>>;

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
 * Serializes examples as `tf.Example` messages; `context` is shared by all, an example's own features win.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` names the feature that mixes kinds
 */
export function encodeExamples(examples: readonly ExampleInit[], context?: ExampleInit): Buffer[] {
  if (examples.length === 0) return [];
  const body = {
    examples: examples.map(jsonExample),
    ...(context === undefined ? {} : { context: jsonExample(context) }),
  };
  return decodeExamples(printJson(body)).examples;
}

/** Prints the answer of `:classify`: pairs of label and score for each example, all examples with as many. */
export function encodeClassifications(
  results: readonly (readonly { label: string; score: number }[])[],
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

/** Prints the answer of `:regress`. */
export function encodeRegressions(
  values: Float32Array,
  options: { nonFinite?: NonFiniteStyle } = {},
): Buffer {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return call(() => addon().encodeRegressions(bytes, options.nonFinite ?? 'token'));
}

/** Kinds of JSON values that keep `tf.Example`'s kinds apart: a float always has a point. */
class Float {
  readonly value: number;

  constructor(value: number) {
    this.value = value;
  }
}

function jsonExample(example: ExampleInit): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(example).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map(jsonValue) : jsonValue(value as string),
    ]),
  );
}

function jsonValue(value: string | number | bigint | boolean | Uint8Array): unknown {
  if (typeof value === 'number') return new Float(value);
  if (value instanceof Uint8Array) return { b64: Buffer.from(value).toString('base64') };
  return value;
}

/** `JSON.stringify` with the dialect's numbers: `1.0` stays a float, bigints and non-finite numbers are tokens. */
function printJson(value: unknown): string {
  if (value instanceof Float) return printFloat(value.value);
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(printJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, member]) => `${JSON.stringify(key)}:${printJson(member)}`,
  );
  return `{${members.join(',')}}`;
}

function printFloat(value: number): string {
  const text = Object.is(value, -0) ? '-0' : String(value);
  return /^-?\d+$/.test(text) ? `${text}.0` : text;
}
