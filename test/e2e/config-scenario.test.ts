import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import {
  ModelService,
  Models,
  PLUS_THREE,
  PLUS_TWO,
  predictOne,
} from '../native/manager-support.js';
import { predictFloats } from '../support/grpc.js';
import { type RunningServer, startServer } from '../support/server.js';

// One story on one server, as an operator lives it: the tests build on each other and run in this order.

const models = new Models();
let server: RunningServer;
let service: ModelService;

const POLICIES = {
  modelA: 'model_version_policy { all: {} }',
  modelB: 'model_version_policy { specific { versions: 1 versions: 2 } }',
  modelC: 'model_version_policy { latest { num_versions: 2 } }',
  modelD: '',
} as const;

function entry(name: keyof typeof POLICIES, more = '', basePath = join(models.path, name)): string {
  return `config { name: '${name}' base_path: '${basePath}/' model_platform: 'tensorflow' ${POLICIES[name]} ${more} }`;
}

const labels = (stable: number, canary: number): string =>
  `version_labels { key: 'stable' value: ${stable} } version_labels { key: 'canary' value: ${canary} }`;

const write = (...entries: string[]): string =>
  models.write('model_config.pbtxt', `model_config_list {\n  ${entries.join('\n  ')}\n}\n`);

beforeAll(async () => {
  models.add('modelA', 1, PLUS_TWO);
  models.add('modelB', 1, PLUS_TWO);
  models.add('modelB', 2, PLUS_THREE);
  for (const version of [1, 2, 3])
    models.add('modelC', version, version === 3 ? PLUS_THREE : PLUS_TWO);
  models.add('modelD', 7, PLUS_THREE);
  server = await startServer({
    args: [
      `--model_config_file=${write(entry('modelA'), entry('modelB', labels(1, 2)), entry('modelC'))}`,
      '--model_config_file_poll_wait_seconds=1',
      '--workers=2',
    ],
    models: ['modelA', 'modelB', 'modelC'],
  });
  service = new ModelService(server);
});
afterAll(async () => {
  service?.close();
  await server?.stop();
  models.remove();
});

async function restAnswers(wanted: Record<string, number>): Promise<void> {
  for (const [path, value] of Object.entries(wanted)) {
    expect(await predictOne(server, path), path).toBe(value);
  }
}

async function grpcAnswers(model: string, value: number): Promise<void> {
  const outputs = await predictFloats({
    address: server.grpc,
    model,
    inputs: { x: { shape: [1], values: [1] } },
  });
  expect(outputs.y?.values).toEqual([value]);
}

it('serves every model by its policy, by version and by label, over REST and gRPC', async () => {
  expect(await service.states('modelA')).toEqual({ 1: 'AVAILABLE' });
  expect(await service.states('modelB')).toEqual({ 1: 'AVAILABLE', 2: 'AVAILABLE' });
  expect(await service.states('modelC')).toEqual({ 2: 'AVAILABLE', 3: 'AVAILABLE' });
  await restAnswers({
    modelA: 2.5,
    'modelA/versions/1': 2.5,
    modelB: 3.5,
    'modelB/versions/1': 2.5,
    'modelB/versions/2': 3.5,
    'modelB/labels/stable': 2.5,
    'modelB/labels/canary': 3.5,
    modelC: 3.5,
    'modelC/versions/2': 2.5,
    'modelC/versions/3': 3.5,
  });
  expect(await predictOne(server, 'modelC/versions/1')).toBe(
    '404 Servable not found for request: Specific(modelC, 1)',
  );
  expect(await predictOne(server, 'modelB/labels/beta')).toBe(
    '400 Unrecognized servable version label: beta',
  );
  for (const [model, value] of [
    ['modelA', 2.5],
    ['modelB', 3.5],
    ['modelC', 3.5],
  ] as const) {
    await grpcAnswers(model, value);
  }
});

it('when A leaves the file and D enters it, A is unloaded, D is loaded, B and C stay', async () => {
  write(entry('modelB', labels(1, 2)), entry('modelC'), entry('modelD'));
  await expect
    .poll(() => service.states('modelD'), { timeout: 10_000 })
    .toEqual({ 7: 'AVAILABLE' });
  await expect.poll(() => service.states('modelA')).toEqual({ 1: 'END' });
  await restAnswers({ modelD: 3.5, 'modelB/labels/stable': 2.5, modelC: 3.5 });
  await grpcAnswers('modelD', 3.5);
  expect(await predictOne(server, 'modelA')).toBe(
    '404 Servable not found for request: Latest(modelA)',
  );
  expect(server.output().match(/"model":"modelB","version":"\d","loadMs"/g)).toHaveLength(2);
});

it('the label stable moves to version 2', async () => {
  write(entry('modelB', labels(2, 2)), entry('modelC'), entry('modelD'));
  await expect
    .poll(() => predictOne(server, 'modelB/labels/stable'), { timeout: 10_000 })
    .toBe(3.5);
  await restAnswers({ 'modelB/labels/canary': 3.5, 'modelB/versions/1': 2.5 });
});

it.each([
  [
    'a syntax error',
    () => `model_config_list {\n  ${entry('modelB')}\n  config { name 'x' }\n}`,
    /Failed to read ModelServerConfig file: Invalid protobuf file: '[^']*': line 3, column \d+: /,
  ],
  [
    'an unknown field',
    () => `model_config_list {\n  config { nam: 'x' }\n}`,
    /line 2, column \d+: tensorflow.serving.ModelConfig: unknown field 'nam'/,
  ],
  [
    'a name given twice',
    () => `model_config_list { ${entry('modelB')} ${entry('modelB')} }`,
    /Illegal to list model modelB multiple times in config list/,
  ],
  [
    'a relative base path',
    () => `model_config_list { ${entry('modelB', '', 'models/b')} }`,
    /Expected model modelB to have an absolute path or URI; got base_path\(\)=models\/b\//,
  ],
  [
    'a label to a version that is not there',
    () => `model_config_list { ${entry('modelB', labels(1, 9))} }`,
    /Request to assign label to version 9 of model modelB, which is not currently available for inference/,
  ],
  [
    'another platform',
    () => `model_config_list { ${entry('modelB').replace("'tensorflow'", "'onnx'")} }`,
    /Illegal to change a model's platform. For model modelB platform was tensorflow and new platform requested is onnx/,
  ],
])('%s changes nothing and is told in the log', async (_what, text, complaint) => {
  models.write('model_config.pbtxt', text());
  await server.printed(complaint);
  await restAnswers({
    'modelB/labels/stable': 3.5,
    modelC: 3.5,
    'modelC/versions/2': 2.5,
    modelD: 3.5,
  });
});

it('a bad base path is the error of its model alone, in the log and in its status; others stay', async () => {
  write(
    entry('modelA', '', '/nowhere/modelA'),
    entry('modelB', labels(2, 2)),
    entry('modelC', '', '/nowhere/modelC'),
    entry('modelD'),
  );
  await server.printed(/Could not find base path \/nowhere\/modelA\/ for servable modelA/);
  await server.printed(/Could not find base path \/nowhere\/modelC\/ for servable modelC/);
  // What C served under its old path stays, because the new one says nothing about its versions.
  await restAnswers({ 'modelB/labels/stable': 3.5, modelC: 3.5, modelD: 3.5 });
});

it('a good edit heals', async () => {
  write(entry('modelA'), entry('modelB', labels(1, 2)), entry('modelC'), entry('modelD'));
  await expect.poll(() => predictOne(server, 'modelA'), { timeout: 10_000 }).toBe(2.5);
  await restAnswers({
    'modelB/labels/stable': 2.5,
    'modelB/labels/canary': 3.5,
    'modelC/versions/2': 2.5,
    modelD: 3.5,
  });
  for (const model of ['modelA', 'modelD'])
    await grpcAnswers(model, model === 'modelA' ? 2.5 : 3.5);
  await server.printed(/model config file is good again/);
});
