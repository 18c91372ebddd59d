import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type RunningServer, startServer } from '../support/server.js';
import { WIRE_MODELS, wireModelConfig } from '../support/wire-models.js';

let server: RunningServer;

beforeAll(async () => {
  server = await startServer({
    args: [`--model_config_file=${wireModelConfig()}`],
    models: WIRE_MODELS,
  });
});

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

interface Answer {
  readonly status: number;
  readonly type: string | null;
  readonly json: unknown;
}

async function ask(path: string, body?: string): Promise<Answer> {
  const response = await fetch(
    `${server.rest}${path}`,
    body === undefined ? {} : { method: 'POST', body },
  );
  return {
    status: response.status,
    type: response.headers.get('content-type'),
    json: await response.json(),
  };
}

const OK = { status: 200, type: 'application/json' };

describe("the examples of TensorFlow Serving's REST documentation", () => {
  it('half_plus_three: the status of version 123', async () => {
    expect(await ask('/v1/models/half_plus_three')).toEqual({
      ...OK,
      json: {
        model_version_status: [
          {
            version: '123',
            state: 'AVAILABLE',
            status: { error_code: 'OK', error_message: '' },
          },
        ],
      },
    });
  });

  it('half_plus_three: predict', async () => {
    expect(await ask('/v1/models/half_plus_three:predict', '{"instances": [1.0,2.0,5.0]}')).toEqual(
      { ...OK, json: { predictions: [3.5, 4, 5.5] } },
    );
  });

  it('half_plus_three: regress through the signature tensorflow/serving/regress', async () => {
    const body =
      '{"signature_name": "tensorflow/serving/regress", "examples": [{"x": 1.0}, {"x": 2.0}]}';
    expect(await ask('/v1/models/half_plus_three:regress', body)).toEqual({
      ...OK,
      json: { results: [3.5, 4] },
    });
  });

  it('half_plus_three: the metadata names every signature', async () => {
    const { json, status } = await ask('/v1/models/half_plus_three/metadata');
    expect(status).toBe(200);
    expect(json).toMatchObject({
      model_spec: { name: 'half_plus_three', signature_name: '', version: '123' },
      metadata: {
        signature_def: {
          signature_def: {
            'tensorflow/serving/regress': {
              inputs: { inputs: { dtype: 'DT_STRING' } },
              outputs: { outputs: { dtype: 'DT_FLOAT' } },
              method_name: 'tensorflow/serving/regress',
            },
          },
        },
      },
    });
  });

  it('half: a model that is not there', async () => {
    expect(await ask('/v1/models/half:predict', '{"instances": [1.0,5.0]}')).toEqual({
      status: 404,
      type: 'application/json',
      json: { error: 'Servable not found for request: Latest(half)' },
    });
  });

  it('rows of scalars', async () => {
    const body = `{
      "instances": [ "foo", "bar", "baz" ]
    }`;
    expect(await ask('/v1/models/words:predict', body)).toEqual({
      ...OK,
      json: { predictions: [3, 3, 3] },
    });
  });

  it('rows of 1 x 2 tensors', async () => {
    const body = '{"instances": [ [[1, 2]], [[3, 4]] ]}';
    expect(await ask('/v1/models/matrices:predict', body)).toEqual({
      ...OK,
      json: { predictions: [[[10, 20]], [[30, 40]]] },
    });
  });

  it('rows of named inputs: tag, signal and sensor', async () => {
    const body = `{
      "instances": [
        { "tag": "foo", "signal": [1, 2, 3, 4, 5], "sensor": [[1, 2], [3, 4]] },
        { "tag": "bar", "signal": [3, 4, 1, 2, 5], "sensor": [[4, 5], [6, 8]] }
      ]
    }`;
    expect(await ask('/v1/models/readings:predict', body)).toEqual({
      ...OK,
      json: {
        predictions: [
          { label: '<foo>', total: 15, mean: 2.5 },
          { label: '<bar>', total: 15, mean: 5.75 },
        ],
      },
    });
  });

  it('columns of named inputs: tag, signal and sensor', async () => {
    const body = `{
      "inputs": {
        "tag": ["foo", "bar"],
        "signal": [[1, 2, 3, 4, 5], [3, 4, 1, 2, 5]],
        "sensor": [[[1, 2], [3, 4]], [[4, 5], [6, 8]]]
      }
    }`;
    expect(await ask('/v1/models/readings:predict', body)).toEqual({
      ...OK,
      json: { outputs: { label: ['<foo>', '<bar>'], total: [15, 15], mean: [2.5, 5.75] } },
    });
  });

  it('classify_objects: images in base64 and captions', async () => {
    const body = `{
      "signature_name": "classify_objects",
      "examples": [
        { "image": { "b64": "aW1hZ2UgYnl0ZXM=" }, "caption": "seaside" },
        { "image": { "b64": "YXdlc29tZSBpbWFnZSBieXRlcw==" }, "caption": "mountains" }
      ]
    }`;
    expect(await ask('/v1/models/objects:classify', body)).toEqual({
      ...OK,
      json: {
        results: [
          [
            ['seaside@nowhere', 11],
            ['image bytes', 0],
          ],
          [
            ['mountains@nowhere', 19],
            ['awesome image bytes', 0],
          ],
        ],
      },
    });
  });

  it('classify_objects: features of the context belong to every example, and its own win', async () => {
    const body = `{
      "signature_name": "classify_objects",
      "context": { "place": "coast", "caption": "untitled" },
      "examples": [
        { "image": { "b64": "aW1hZ2UgYnl0ZXM=" } },
        { "image": "plain text", "caption": ["mountains"] }
      ]
    }`;
    expect(await ask('/v1/models/objects:classify', body)).toEqual({
      ...OK,
      json: {
        results: [
          [
            ['untitled@coast', 11],
            ['image bytes', 0],
          ],
          [
            ['mountains@coast', 10],
            ['plain text', 0],
          ],
        ],
      },
    });
  });
});
