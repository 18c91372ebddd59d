import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { beforeAll, describe, expect, it } from 'vitest';
import { type DescribedModel, openApiDocument } from '../../ts/api/openapi/document.js';
import { predictRequestSchema } from '../../ts/api/openapi/schema.js';
import { describeSavedModel } from '../../ts/cli/saved-model-file.js';
import { sampleRequest } from '../../ts/codec/sample-request.js';
import type {
  SignatureDescription,
  TensorDescription,
} from '../../ts/codec/signature-description.js';
import { DEMO, modelDir } from '../support/paths.js';
import { wireModel } from '../support/wire-models.js';

// biome-ignore lint/suspicious/noExplicitAny: a document is looked into at many depths
type Json = any;

function described(name: string, base: string): DescribedModel {
  const graph = describeSavedModel(base).graphs[0];
  return { name, version: 7n, signatures: graph?.signatures ?? [] };
}

const FIXTURES = ['half_plus_two', 'echo', 'multi', 'strings', 'image', 'lookup'];
const ajv = new Ajv2020({ strict: false, validateFormats: false });

function signature(inputs: TensorDescription[], name = 'serving_default'): SignatureDescription {
  return { name, methodName: 'tensorflow/serving/predict', inputs, outputs: [] };
}

describe('the OpenAPI document', () => {
  let document: Json;
  beforeAll(() => {
    const models = [
      ...FIXTURES.map((name) => described(name, modelDir(name))),
      ...['words', 'readings', 'objects', 'defaults'].map((n) => described(n, wireModel(n))),
      described('demo', DEMO),
      described('a/b:c {d} ü', wireModel('half_plus_three')),
    ];
    // As clients get it: through JSON.
    document = JSON.parse(JSON.stringify(openApiDocument(models, '1.2.3')));
  });

  it('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(document);
    expect(errors).toBeUndefined();
    expect(valid).toBe(true);
    expect(validator.version).toBe('3.1');
  });

  it('refers only to what is there', () => {
    const refs = JSON.stringify(document).match(/"\$ref":"#\/[^"]+"/g) ?? [];
    expect(refs.length).toBeGreaterThan(50);
    for (const found of new Set(refs)) {
      const path = (JSON.parse(`{${found}}`) as { $ref: string }).$ref.slice(2).split('/');
      const target = path.reduce((at: Json, key) => at?.[key], document);
      expect(target, found).toBeTypeOf('object');
    }
  });

  it('names every operation once', () => {
    const ids = Object.values(document.paths as Record<string, Json>).flatMap((item) =>
      ['get', 'post'].map((method) => item[method]?.operationId).filter((id) => id !== undefined),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('has the paths of a model by version and by label, names encoded', () => {
    const paths = Object.keys(document.paths);
    expect(paths).toEqual(
      expect.arrayContaining([
        '/v1/models',
        '/v1/models/half_plus_two',
        '/v1/models/half_plus_two/metadata',
        '/v1/models/half_plus_two:predict',
        '/v1/models/half_plus_two:classify',
        '/v1/models/half_plus_two:regress',
        '/v1/models/half_plus_two/versions/{version}:predict',
        '/v1/models/half_plus_two/labels/{label}:predict',
        '/v1/models/a%2Fb%3Ac%20%7Bd%7D%20%C3%BC:regress',
      ]),
    );
    expect(paths).not.toContain('/v1/models/words:classify');
    expect(paths.join()).not.toContain('__saved_model');
  });

  it('has examples that its own schemas accept, the default signature first', () => {
    for (const [name, { content }] of Object.entries<Json>(document.components.requestBodies)) {
      const { schema, examples } = content['application/json'];
      const accepts = ajv.compile(schema);
      for (const [key, { value }] of Object.entries<Json>(examples ?? {})) {
        expect(accepts(value), `${name} ${key} ${JSON.stringify(accepts.errors)}`).toBe(true);
      }
    }
    const bodies = document.components.requestBodies;
    const { examples } = bodies['half_plus_two.predict'].content['application/json'];
    expect(Object.keys(examples)).toEqual(['serving_default', 'predict_two']);
    expect(examples.predict_two.value).toEqual({
      signature_name: 'predict_two',
      instances: [{ x: 1, x2: 1 }],
    });
  });
});

describe('bodies that are no JSON', () => {
  const types = (name: string, base: string): string[] => {
    const document: Json = openApiDocument([described(name, base)], '1');
    return Object.keys(document.components.requestBodies[`${name}.predict`].content);
  };
  const ALWAYS = ['application/json', 'application/x-protobuf'];
  const IMAGES = ['image/jpeg', 'image/png'];

  it('are offered where a signature has the input for them', () => {
    expect(types('readings', wireModel('readings'))).toEqual(ALWAYS);
    expect(types('matrices', wireModel('matrices'))).toEqual([...ALWAYS, 'application/x-npy']);
    expect(types('image', modelDir('image'))).toEqual([...ALWAYS, 'application/x-npy', ...IMAGES]);
    expect(types('words', wireModel('words'))).toEqual([...ALWAYS, 'text/csv', ...IMAGES]);
    expect(types('counter', modelDir('counter'))).toEqual([
      ...ALWAYS,
      'application/x-npy',
      'text/csv',
    ]);
  });
});

describe('the schema of a predict request', () => {
  const accepts = (inputs: TensorDescription[], body: unknown, name?: string): boolean =>
    ajv.validate(predictRequestSchema(signature(inputs, name)), body);

  const x: TensorDescription = { name: 'x', dtype: 'float', shape: [-1, 2] };

  it('takes rows and columns, bare and named, and no third form', () => {
    expect(accepts([x], { instances: [[1, 2]] })).toBe(true);
    expect(accepts([x], { instances: [{ x: [1, 2] }] })).toBe(true);
    expect(accepts([x], { inputs: [[1, 2]] })).toBe(true);
    expect(accepts([x], { inputs: { x: [[1, 2]] } })).toBe(true);
    expect(accepts([x], { instances: [[1, 2]], inputs: [[1, 2]] })).toBe(false);
    expect(accepts([x], {})).toBe(false);
  });

  it('knows sizes, ranks and types', () => {
    expect(accepts([x], { instances: [[1, 2, 3]] })).toBe(false);
    expect(accepts([x], { instances: [1] })).toBe(false);
    expect(accepts([x], { instances: [['1', '2']] })).toBe(false);
    expect(accepts([x], { instances: [] })).toBe(false);
    const b: TensorDescription = { name: 'b', dtype: 'uint8', shape: [-1] };
    expect(accepts([b], { instances: [255] })).toBe(true);
    expect(accepts([b], { instances: [256] })).toBe(false);
    expect(accepts([b], { instances: [1.5] })).toBe(false);
    const s: TensorDescription = { name: 's', dtype: 'string', shape: [-1] };
    expect(accepts([s], { instances: ['a', { b64: 'AA==' }] })).toBe(true);
    expect(accepts([s], { instances: [{ b64: 1 }] })).toBe(false);
  });

  it('wants the name of any signature but the default one', () => {
    expect(accepts([x], { instances: [[1, 2]] }, 'other')).toBe(false);
    expect(accepts([x], { signature_name: 'other', instances: [[1, 2]] }, 'other')).toBe(true);
    expect(accepts([x], { signature_name: 'wrong', instances: [[1, 2]] }, 'other')).toBe(false);
  });

  it('offers no rows where an input has no dimension, and as many as a fixed one says', () => {
    const scalar: TensorDescription = { name: 'n', dtype: 'int32', shape: [] };
    expect(accepts([scalar], { instances: [1] })).toBe(false);
    expect(accepts([scalar], { inputs: 1 })).toBe(true);
    const three: TensorDescription = { name: 'n', dtype: 'int32', shape: [3] };
    expect(accepts([three], { instances: [1, 2] })).toBe(false);
    expect(accepts([three], { instances: [1, 2, 3] })).toBe(true);
  });
});

it('a sample of examples has no whole numbers, which would be read as int64', () => {
  const classify = { ...signature([]), name: 'c', methodName: 'tensorflow/serving/classify' };
  expect(sampleRequest(classify, 10)).toEqual({ signature_name: 'c', examples: [{ x: 1.5 }] });
});
