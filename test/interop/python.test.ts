import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GOLDEN_MODELS, goldenModelConfig } from '../support/model-config.js';
import { ROOT } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

const run = promisify(execFile);

let server: RunningServer;
let answers: Map<string, unknown>;

beforeAll(async () => {
  // Prints the interpreter's path; makes .venv where SERVABLE_TEST_PYTHON names none and there is none yet.
  const made = await run(process.execPath, [join(ROOT, 'scripts', 'python-env.mjs')]);
  const python = made.stdout.trim();
  const config = goldenModelConfig();
  server = await startServer({
    args: [`--model_config_file=${config}`],
    models: GOLDEN_MODELS,
  });
  const client = join(ROOT, 'test', 'interop', 'client.py');
  const where = ['--rest', server.rest, '--grpc', server.grpc, '--config', config];
  const { stdout } = await run(python, [client, ...where], { timeout: 120_000 });
  answers = new Map(
    stdout
      .split('\n')
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as { check: string; answer?: unknown; error?: string })
      .map(({ check, answer, error }) => [check, error === undefined ? answer : { error }]),
  );
}, 900_000);

afterAll(async () => {
  expect(await server.stop()).toBe(0);
});

const LATEST = { name: 'half_plus_two', version: 2 };
const PREDICTED = { ...LATEST, signature: 'serving_default' };

const EXPECTED: readonly [check: string, says: string, answer: unknown][] = [
  [
    'predict_numpy',
    'Predict takes a numpy array and answers one',
    { y: [2.5, 3, 4.5], dtype: 'float32', shape: [3], ...PREDICTED },
  ],
  ['predict_content', 'Predict takes a large array as tensor_content', { equal: true }],
  [
    'predict_several_inputs',
    'Predict takes several inputs of different dtypes',
    {
      b: [10, 20],
      sum: [
        [11, 12],
        [23, 24],
      ],
    },
  ],
  [
    'predict_strings',
    'Predict takes and answers strings',
    // tf.strings.upper without an encoding changes ASCII letters only.
    { upper: ['FOO', 'BäR'], length: [3, 4] },
  ],
  ['predict_output_filter', 'Predict answers only the outputs asked for', { outputs: ['b'] }],
  ['predict_version', 'Predict takes a version by version.value', { ...PREDICTED, version: 1 }],
  ['predict_label', 'Predict takes a version by its label', { stable: 1, canary: 2 }],
  [
    'predict_metadata_with_call',
    'Predict takes authorization metadata through with_call',
    { y: [4], code: 'OK' },
  ],
  ['predict_gzip', 'Predict takes gzip messages', { equal: true, code: 'OK' }],
  [
    'predict_future',
    'Predict answers 64 calls in flight each with its own answer',
    { y: Array.from({ length: 64 }, (_, index) => index / 2 + 2) },
  ],
  [
    'predict_errors',
    "Predict refuses in TensorFlow Serving's words",
    {
      model: { code: 'NOT_FOUND', details: 'Servable not found for request: Latest(nobody)' },
      version: {
        code: 'NOT_FOUND',
        details: 'Servable not found for request: Specific(half_plus_two, 99)',
      },
      signature: {
        code: 'FAILED_PRECONDITION',
        details: 'Serving signature key "none" not found.',
      },
      input: {
        code: 'INVALID_ARGUMENT',
        details:
          'Signature input alias: x(feed name: x:0) not found in request and no default value provided. Inputs expected to be in the request {x}, or default input alias set: ',
      },
      dtype: {
        code: 'INVALID_ARGUMENT',
        details: 'Expects arg[0] to be float but int32 is provided',
      },
    },
  ],
  [
    'metadata',
    'GetModelMetadata answers a SignatureDefMap that unpacks',
    {
      version: 2,
      signatures: [
        'classify_labels',
        'classify_only_labels',
        'classify_scores',
        'predict_two',
        'regress_x2_to_y3',
        'regress_x_to_y',
        'regress_x_to_y2',
        'serving_default',
      ],
      method: 'tensorflow/serving/predict',
      input: 'float32',
    },
  ],
  [
    'status',
    'GetModelStatus names every version',
    { versions: { 2: 'AVAILABLE', 1: 'AVAILABLE' } },
  ],
  [
    'reload',
    'HandleReloadConfigRequest takes a list and refuses a bad one',
    { code: 0, refused: 'INVALID_ARGUMENT', after: 1 },
  ],
  [
    'classify',
    'Classify answers labels and scores',
    {
      rows: [[{ label: '1.0', score: 2.5 }], [{ label: '2.0', score: 3 }]],
      ...LATEST,
      signature: 'classify_labels',
    },
  ],
  [
    'regress',
    'Regress answers one value an example',
    { values: [2.5, 3], ...LATEST, signature: 'regress_x_to_y' },
  ],
  ['regress_context', 'Regress gives the context to every example', { values: [5, 5] }],
  [
    'multi_inference',
    'MultiInference answers its tasks in order',
    { results: ['regression_result', 'classification_result'], value: 2.5 },
  ],
  [
    'rest_predict',
    'urllib predicts with its own content type',
    { status: 200, body: { predictions: [2.5, 3, 4.5] } },
  ],
  [
    'rest_version',
    'urllib predicts on a version by column',
    { status: 200, body: { outputs: [2.5] } },
  ],
  ['rest_label', 'urllib predicts on a label', { status: 200, body: { predictions: [2.5] } }],
  ['rest_gzip', 'urllib sends gzip', { status: 200, body: { predictions: [2.5] } }],
  ['rest_classify', 'urllib classifies', { status: 200, body: { results: [[['1.0', 2.5]]] } }],
  ['rest_regress', 'urllib regresses with a context', { status: 200, body: { results: [2.5, 3] } }],
  [
    'rest_status',
    'urllib reads the status',
    {
      status: 200,
      body: {
        model_version_status: [
          {
            version: '123',
            state: 'AVAILABLE',
            status: { error_code: 'OK', error_message: '' },
          },
        ],
      },
    },
  ],
  [
    'rest_metadata',
    'urllib reads the metadata',
    {
      status: 200,
      signatures: [
        'classify_labels',
        'classify_only_labels',
        'classify_scores',
        'predict_two',
        'regress_x2_to_y3',
        'regress_x_to_y',
        'regress_x_to_y2',
        'serving_default',
      ],
    },
  ],
  [
    'rest_unknown',
    'urllib gets 404 for a model that is not there',
    {
      status: 404,
      body: { error: 'Servable not found for request: Latest(nobody)' },
    },
  ],
];

test.each(EXPECTED)('%s: %s', (check, _says, expected) => {
  expect(answers.get(check)).toEqual(expected);
});

test('every check of the client is expected here', () => {
  expect([...answers.keys()].sort()).toEqual(EXPECTED.map(([check]) => check).sort());
});
