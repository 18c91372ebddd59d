import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { protoJson } from '../../ts/codec/json.js';
import { DataType, messageType } from '../../ts/codec/messages.js';
import { metadataDocument } from '../../ts/codec/metadata.js';
import { statusDocument } from '../../ts/codec/status.js';

interface RestCase {
  id: string;
  response: { status: number; body: string };
}

const shared = new URL('../fixtures/golden/', import.meta.url);
const cases = (JSON.parse(readFileSync(new URL('rest.json', shared), 'utf8')) as RestCase[]).filter(
  ({ id, response }) => /^(status|metadata)\./.test(id) && response.status === 200,
);

interface StatusBody {
  model_version_status: {
    version: string;
    state: string;
    status: { error_code: string; error_message: string };
  }[];
}

test.each(cases.filter(({ id }) => id.startsWith('status.')))(
  'status document of $id is the recorded one to the byte',
  ({ response }) => {
    const body = JSON.parse(response.body) as StatusBody;
    const versions = body.model_version_status.map(({ version, state, status }) => {
      expect(status.error_code).toBe('OK');
      return { version: BigInt(version), state, code: 0, message: status.error_message };
    });
    expect(statusDocument(versions)).toBe(response.body);
  },
);

interface MetadataBody {
  model_spec: { name: string; version: string };
  metadata: { signature_def: { signature_def: Record<string, JsonSignature> } };
}
interface JsonTensor {
  name: string;
  dtype: string;
  tensor_shape: { dim: { size: string; name: string }[]; unknown_rank: boolean };
}
interface JsonSignature {
  inputs: Record<string, JsonTensor>;
  outputs: Record<string, JsonTensor>;
  method_name: string;
}

function tensorInfo({ name, dtype, tensor_shape: { dim, unknown_rank } }: JsonTensor) {
  return {
    name,
    dtype: DataType[dtype as keyof typeof DataType],
    tensorShape: {
      dim: dim.map((entry) => ({ size: BigInt(entry.size), name: entry.name })),
      unknownRank: unknown_rank,
    },
  };
}

function mapRecord<A, B>(record: Record<string, A>, map: (value: A) => B): Record<string, B> {
  return Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
}

/** The signatures of a recorded body as the message a loaded model gives. */
function signatureDefMap(body: MetadataBody): Buffer {
  return messageType('tensorflow.serving.SignatureDefMap').encode({
    signatureDef: mapRecord(body.metadata.signature_def.signature_def, (signature) => ({
      methodName: signature.method_name,
      inputs: mapRecord(signature.inputs, tensorInfo),
      outputs: mapRecord(signature.outputs, tensorInfo),
    })),
  });
}

/** Lines without their commas, sorted: equal for two layouts that differ only in the order of map keys. */
const lines = (text: string) =>
  text
    .split('\n')
    .map((line) => line.replace(/,$/, ''))
    .sort();

test.each(cases.filter(({ id }) => id.startsWith('metadata.')))(
  'metadata document of $id is the recorded one but for the order of names',
  ({ response }) => {
    const body = JSON.parse(response.body) as MetadataBody;
    const { name, version } = body.model_spec;
    const document = metadataDocument(name, BigInt(version), signatureDefMap(body));
    expect(JSON.parse(document)).toEqual(body);
    expect(lines(document)).toEqual(lines(response.body));
    expect(document.slice(0, 60)).toBe(response.body.slice(0, 60));
  },
);

test('names in a metadata document are sorted', () => {
  const type = messageType('tensorflow.serving.SignatureDefMap');
  const document = metadataDocument(
    'm',
    7n,
    type.encode({ signatureDef: { b: { inputs: { z: {}, y: {} } }, B: {}, a: {} } }),
  );
  const body = JSON.parse(document) as MetadataBody;
  expect(Object.keys(body.metadata.signature_def.signature_def)).toEqual(['B', 'a', 'b']);
  expect(Object.keys(body.metadata.signature_def.signature_def.b?.inputs ?? {})).toEqual([
    'y',
    'z',
  ]);
});

test('signature defaults are printed as TensorProto JSON', () => {
  const type = messageType('tensorflow.serving.SignatureDefMap');
  const map = type.encode({
    signatureDef: {
      s: {
        defaults: {
          x: {
            dtype: 1,
            tensorShape: { dim: [{ size: 4n }] },
            floatVal: [0.1, Number.NaN, Number.NEGATIVE_INFINITY, 16777216],
            int64Val: [-9007199254740993n],
            tensorContent: Buffer.from([1, 2, 3]),
          },
        },
      },
    },
  });
  const body = JSON.parse(metadataDocument('m', 1n, map)) as {
    metadata: { signature_def: { signature_def: { s: { defaults: { x: object } } } } };
  };
  expect(body.metadata.signature_def.signature_def.s.defaults.x).toMatchObject({
    dtype: 'DT_FLOAT',
    float_val: [0.1, 'NaN', '-Infinity', 16777216],
    int64_val: ['-9007199254740993'],
    tensor_content: 'AQID',
    string_val: [],
    version_number: 0,
  });
});

test('a failed version shows its code and its text, escaped as protobuf does', () => {
  const document = statusDocument([
    { version: 3n, state: 'END', code: 5, message: 'no "x" in <y>\n\u2028' },
  ]);
  expect(document).toContain('"error_code": "NOT_FOUND"');
  expect(document).toContain('"error_message": "no \\"x\\" in \\u003cy\\u003e\\n\\u2028"');
  expect(JSON.parse(document)).toMatchObject({
    model_version_status: [{ version: '3', state: 'END' }],
  });
});

test('a model without versions has an empty list', () => {
  expect(JSON.parse(statusDocument([]))).toEqual({ model_version_status: [] });
});

test('enum values without a name are printed as numbers', () => {
  const type = messageType('tensorflow.TensorInfo');
  expect(
    JSON.parse(protoJson(type.reflection, { ...type.decode(type.encode({ dtype: 77 })) })),
  ).toEqual({ dtype: 77 });
});
