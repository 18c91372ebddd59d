import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { messageType } from '../../ts/codec/messages.js';
import { ROOT } from '../support/paths.js';
import { RpcClient } from '../support/rpc.js';
import { type RunningServer, startServer } from '../support/server.js';
import { WIRE_MODELS, wireModelConfig } from '../support/wire-models.js';

const run = promisify(execFile);

let server: RunningServer;
let grpcurl: string;

beforeAll(async () => {
  // Prints the program's path; builds it with Go into test/.cache/bin where it is missing.
  const { stdout } = await run(process.execPath, [
    join(ROOT, 'scripts', 'go-tools.mjs'),
    'grpcurl',
  ]);
  grpcurl = stdout.trim();
  server = await startServer({
    args: [`--model_config_file=${wireModelConfig()}`, '--enable_session_service'],
    models: WIRE_MODELS,
  });
}, 900_000);

afterAll(async () => {
  expect(await server?.stop()).toBe(0);
});

/** Runs grpcurl, which knows nothing but the address: every name and message comes by reflection. */
async function ask(...args: string[]): Promise<string> {
  const options = args.filter((argument) => argument.startsWith('-'));
  const rest = args.filter((argument) => !argument.startsWith('-'));
  const { stdout } = await run(grpcurl, ['-plaintext', ...options, server.grpc, ...rest], {
    timeout: 30_000,
  });
  return stdout;
}

/** Calls an RPC with messages in JSON and returns the answers. */
async function call(method: string, ...messages: object[]): Promise<unknown[]> {
  const body = messages.map((message) => JSON.stringify(message)).join('\n');
  const text = await ask(`-d=${body}`, `tensorflow.serving.${method}`);
  return text
    .split(/\n(?=\{)/)
    .filter((part) => part.trim() !== '')
    .map((part) => JSON.parse(part));
}

const x = { dtype: 'DT_FLOAT', tensor_shape: { dim: [{ size: 3 }] }, float_val: [1, 2, 5] };
const PREDICT = { model_spec: { name: 'half_plus_two' }, inputs: { x } };

describe('grpcurl', () => {
  it('lists services and methods', async () => {
    expect((await ask('list')).trim().split('\n').sort()).toEqual([
      'grpc.health.v1.Health',
      'grpc.reflection.v1.ServerReflection',
      'grpc.reflection.v1alpha.ServerReflection',
      'tensorflow.serving.ModelService',
      'tensorflow.serving.PredictionService',
      'tensorflow.serving.SessionService',
    ]);
    const methods = await ask('list', 'tensorflow.serving.PredictionService');
    expect(methods.trim().split('\n').sort()).toEqual(
      [
        'Classify',
        'GetModelMetadata',
        'MultiInference',
        'Predict',
        'PredictStreamed',
        'Regress',
      ].map((name) => `tensorflow.serving.PredictionService.${name}`),
    );
  });

  it('describes a message with its imports', async () => {
    const text = await ask('describe', 'tensorflow.serving.PredictRequest');
    expect(text).toContain('map<string, .tensorflow.TensorProto> inputs = 2;');
    expect(await ask('describe', 'tensorflow.serving.SessionService.SessionRun')).toContain(
      'rpc SessionRun ( .tensorflow.serving.SessionRunRequest )',
    );
  });

  it('calls Predict', async () => {
    const [answer] = await call('PredictionService/Predict', PREDICT);
    expect(answer).toMatchObject({
      outputs: { y: { dtype: 'DT_FLOAT', floatVal: [2.5, 3, 4.5] } },
      modelSpec: { name: 'half_plus_two', version: '123', signatureName: 'serving_default' },
    });
  });

  it('calls PredictStreamed with several requests', async () => {
    const answers = await call('PredictionService/PredictStreamed', PREDICT, PREDICT, PREDICT);
    expect(answers).toHaveLength(3);
    expect(answers[2]).toMatchObject({ outputs: { y: { floatVal: [2.5, 3, 4.5] } } });
  });

  it('calls Classify, Regress and MultiInference', async () => {
    const feature = { x: { float_list: { value: [4] } } };
    const input = { example_list: { examples: [{ features: { feature } }] } };
    const spec = (signature_name: string) => ({ name: 'half_plus_two', signature_name });
    expect(
      await call('PredictionService/Classify', { model_spec: spec('classify_x_to_y'), input }),
    ).toMatchObject([{ result: { classifications: [{ classes: [{ score: 4 }] }] } }]);
    expect(
      await call('PredictionService/Regress', { model_spec: spec('regress_x_to_y'), input }),
    ).toMatchObject([{ result: { regressions: [{ value: 4 }] } }]);
    const task = { model_spec: spec('regress_x_to_y'), method_name: 'tensorflow/serving/regress' };
    expect(await call('PredictionService/MultiInference', { tasks: [task], input })).toMatchObject([
      { results: [{ regressionResult: { regressions: [{ value: 4 }] } }] },
    ]);
  });

  it('opens the Any of GetModelMetadata', async () => {
    const [answer] = await call('PredictionService/GetModelMetadata', {
      model_spec: { name: 'words' },
      metadata_field: ['signature_def'],
    });
    expect(answer).toMatchObject({
      metadata: {
        signature_def: {
          '@type': 'type.googleapis.com/tensorflow.serving.SignatureDefMap',
          signatureDef: { serving_default: { inputs: { word: { dtype: 'DT_STRING' } } } },
        },
      },
    });
  });

  it('calls the other services', async () => {
    expect(
      await call('ModelService/GetModelStatus', { model_spec: { name: 'words' } }),
    ).toMatchObject([{ model_version_status: [{ version: '1', state: 'AVAILABLE' }] }]);
    expect(
      await call('SessionService/SessionRun', {
        model_spec: { name: 'half_plus_two' },
        feed: [{ name: 'x:0', tensor: x }],
        fetch: ['y:0'],
      }),
    ).toMatchObject([{ tensor: [{ name: 'y:0', tensor: { floatVal: [2.5, 3, 4.5] } }] }]);
    const health = await ask('-d={"service": "words"}', 'grpc.health.v1.Health/Check');
    expect(JSON.parse(health)).toEqual({ status: 'SERVING' });
  });

  it('shows the code and the text of an error', async () => {
    const failed = call('PredictionService/Predict', { ...PREDICT, model_spec: { name: 'half' } });
    await expect(failed).rejects.toMatchObject({
      stderr: expect.stringMatching(
        /Code: NotFound\s+Message: Servable not found for request: Latest\(half\)/,
      ),
    });
  });
});

// grpcurl asks v1 and falls back to v1alpha only where that is missing.
it.each(['grpc.reflection.v1', 'grpc.reflection.v1alpha'])('%s lists the same', async (scope) => {
  const client = new RpcClient(server.grpc);
  const stream = client.bidi(`/${scope}.ServerReflection/ServerReflectionInfo`);
  const answer = new Promise<Buffer>((resolve, reject) => {
    stream.on('data', resolve);
    stream.on('error', reject);
  });
  stream.write(
    messageType('grpc.reflection.v1.ServerReflectionRequest').encode({ listServices: '*' }),
  );
  const { listServicesResponse } = messageType(
    'grpc.reflection.v1.ServerReflectionResponse',
  ).decode(await answer);
  expect(listServicesResponse?.service).toHaveLength(6);
  stream.end();
  client.close();
});
