import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  decodeExamples,
  encodeClassifications,
  encodeRegressions,
} from '../../ts/codec/examples.js';
import { messageType } from '../../ts/codec/messages.js';
import { decodePredict, encodePredict } from '../../ts/codec/predict.js';
import { ServingError } from '../../ts/errors.js';
import type { TensorSpec } from '../../ts/signature.js';
import { type DType, dtypeLayout, Tensor, tensor } from '../../ts/tensor.js';
import { ROOT } from '../support/paths.js';

type Value = number | string | boolean | { b64: string } | Value[];

interface Tensors {
  [name: string]: { dtype: string; shape: number[] | null; values: Value[] };
}

type Features = Record<string, { bytes?: Value[]; float?: Value[]; int64?: string[] }>;

interface Case {
  name: string;
  direction: 'request' | 'response';
  method: 'predict' | 'classify' | 'regress' | 'error';
  json: string;
  tensorInfo?: Record<string, { dtype: string }>;
  format: 'row' | 'columnar';
  tensors: Tensors;
  classifications: { label: string; score: Value }[][];
  regressions: Value[];
  error?: { code: string; message: string };
  expected: {
    text: string;
    format: string;
    signature_name: string;
    tensors: Tensors;
    context?: Features;
    examples: Features[];
  };
}

const FILE = join(ROOT, '..', 'shared', 'spec', 'cases', 'cases.json');
const cases = existsSync(FILE) ? (JSON.parse(readFileSync(FILE, 'utf8')) as Case[]) : [];
if (cases.length === 0) process.stdout.write(`skipped: ${FILE} is not there\n`);

/** Answers that are others on purpose; the codec's own tests list them with their reasons. */
const DIFFERENT = new Set([
  'x_trailing_garbage_ignored',
  'x_range_DT_INT8',
  'x_range_DT_UINT8',
  'x_range_DT_INT16',
  'x_unsupported_row_DT_HALF',
  'x_unsupported_col_DT_HALF',
  'x_unsupported_row_DT_BFLOAT16',
  'x_unsupported_col_DT_BFLOAT16',
  'x_unsupported_row_DT_UINT16',
  'x_unsupported_col_DT_UINT16',
  'x_unsupported_DT_HALF',
  'x_unsupported_DT_BFLOAT16',
  'x_unsupported_DT_UINT16',
  'x_instances_b64_multi',
  'x_one_DT_DOUBLE_123456789012345678901234567890',
  'x_one_DT_UINT64_18446744073709551616',
]);

const dtypeName = (name: string): DType => name.replace(/^DT_/, '').toLowerCase() as DType;

const bytesOf = (value: Value): Buffer =>
  typeof value === 'object' && 'b64' in value
    ? Buffer.from(value.b64, 'base64')
    : Buffer.from(String(value));

/** The tensor a case describes; elements it does not give are zeros. */
function tensorOf({ dtype, shape, values }: Tensors[string]): Tensor {
  const type = dtypeName(dtype);
  const dims = shape ?? [];
  const size = dims.reduce((count, dim) => count * dim, 1);
  if (type === 'string') return tensor(values.slice(0, size).map(bytesOf), dims);
  const form = dtypeLayout(type);
  if (form === null) throw new Error(`no array for ${dtype}`);
  const data = new form.array(size * form.lanes);
  const isWide = data instanceof BigInt64Array || data instanceof BigUint64Array;
  for (const [at, value] of values.flat().slice(0, data.length).entries()) {
    const number = typeof value === 'string' && isWide ? BigInt(value) : Number(value);
    data[at] = (isWide ? BigInt(number) : number) as never;
  }
  return new Tensor(type, dims, data);
}

/** What of a tensor is compared: strings by their bytes, all NaNs equal. */
const shown = (value: Tensor): unknown => [
  value.dtype,
  [...value.shape],
  value.dtype === 'string'
    ? value.bytes().map((element) => Buffer.from(element).toString('hex'))
    : value.data,
];

const mapped = <From, To>(record: Record<string, From>, map: (value: From) => To) =>
  Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));

/** A text with its floats as their values: one float has several spellings, and ours are the shortest. */
function spelled(text: string, given: Case): string {
  const isDouble = Object.values(given.tensors ?? {}).some(({ dtype }) => dtype === 'DT_DOUBLE');
  return text.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:e[+-]?\d+)?/g, (token) => {
    if (!/^-?\d+[.e]/.test(token)) return token;
    return `<${isDouble ? Number(token) : Math.fround(Number(token))}>`;
  });
}

/** Examples as a case shows them. */
function exampleOf(bytes: Uint8Array): unknown {
  const { features } = messageType('tensorflow.Example').decode(bytes);
  return mapped(features?.feature ?? {}, ({ bytesList, floatList, int64List }) => ({
    ...(bytesList && { bytes: bytesList.value.map((value) => Buffer.from(value).toString('hex')) }),
    ...(floatList && { float: floatList.value }),
    ...(int64List && { int64: int64List.value.map(String) }),
  }));
}

function wantedExample(example: Features): unknown {
  return mapped(example, ({ bytes, float, int64 }) => ({
    ...(bytes && { bytes: bytes.map((value) => bytesOf(value).toString('hex')) }),
    ...(float && { float: float.map((value) => Math.fround(Number(value))) }),
    ...(int64 && { int64 }),
  }));
}

/** What the TypeScript API makes of a case, and what is recorded. */
function outcome(given: Case): { got: unknown; wanted: unknown } {
  const { expected } = given;
  if (given.direction === 'response') {
    const wanted = spelled(expected?.text ?? '', given);
    if (given.method === 'predict') {
      const format = given.format === 'row' ? 'row' : 'column';
      const got = encodePredict(mapped(given.tensors, tensorOf), { format });
      return { got: spelled(got.toString(), given), wanted };
    }
    if (given.method === 'classify') {
      const results = given.classifications.map((pairs) =>
        pairs.map(({ label, score }) => ({ label, score: Number(score) })),
      );
      return { got: spelled(encodeClassifications(results).toString(), given), wanted };
    }
    const values = Float32Array.from(given.regressions, Number);
    return { got: spelled(encodeRegressions(values).toString(), given), wanted };
  }
  if (given.method === 'predict') {
    const inputs: Record<string, TensorSpec> = {};
    for (const [name, { dtype }] of Object.entries(given.tensorInfo ?? {})) {
      const type = dtypeName(dtype);
      inputs[name] = { name, tensorName: '', dtype: type, shape: null, hasDefault: false };
    }
    const name = /"signature_name":\s*"([^"]*)"/.exec(given.json)?.[1] ?? '';
    const { format, inputs: read } = decodePredict(given.json, { name, inputs });
    return {
      got: { format, tensors: mapped(read, shown) },
      wanted: {
        format: expected?.format === 'row' ? 'row' : 'column',
        tensors: mapped(expected?.tensors ?? {}, (each) => shown(tensorOf(each))),
      },
    };
  }
  const { signatureName, examples } = decodeExamples(given.json);
  return {
    got: { signatureName, examples: examples.map(exampleOf) },
    wanted: {
      signatureName: expected?.signature_name,
      // An example's own features win over the context's.
      examples: expected?.examples.map((own) => wantedExample({ ...expected.context, ...own })),
    },
  };
}

describe.skipIf(cases.length === 0)('the recorded cases of the JSON dialect', () => {
  // The text of an error of the server itself is not the codec's.
  const ours = cases.filter(({ method, name }) => method !== 'error' && !DIFFERENT.has(name));

  test('all are looked at but those listed', () => {
    expect(cases.length - ours.length).toBe(DIFFERENT.size + 4);
  });

  test.each(ours.map((given): [string, Case] => [given.name, given]))('%s', (_name, given) => {
    if (given.error !== undefined) {
      const { code, message } = given.error;
      let failure: unknown;
      try {
        outcome(given);
      } catch (error) {
        failure = error;
      }
      expect(failure).toBeInstanceOf(ServingError);
      expect(failure).toMatchObject({ code, message });
      return;
    }
    const { got, wanted } = outcome(given);
    expect(got).toEqual(wanted);
  });
});
