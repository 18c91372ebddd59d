import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  modelConfigs,
  parseModelServerConfig,
  readModelConfigFile,
  reloadedConfigs,
} from '../../ts/manager/source/model-config.js';
import { ModelFolder } from './support.js';

const configsOf = (text: string, source = 'models.config') =>
  modelConfigs(parseModelServerConfig(text, source));

test('names, paths, policies and labels are read', () => {
  const configs = configsOf(`
    # three models
    model_config_list {
      config { name: 'modelA' base_path: '/models/modelA/' model_platform: 'tensorflow' model_version_policy { all: {} } }
      config { name: "modelB", base_path: "/models/" "modelB"; model_platform: "tensorflow",
               model_version_policy { specific { versions: 1 versions: [2, 9007199254740993] } }
               version_labels { key: 'stable' value: 1 } version_labels { key: 'canary' value: 9007199254740993 } },
      config: < name: 'modelC' base_path: '/models/modelC/' model_type: TENSORFLOW model_version_policy { latest { num_versions: 2 } } >
      config { name: 'modelD' base_path: 's3://b/d' model_platform: 'tensorflow' logging_config { sampling_config { sampling_rate: 0.5 } } }
    }`);
  expect(configs).toMatchObject([
    { name: 'modelA', basePath: '/models/modelA/', versionPolicy: { kind: 'all' } },
    {
      name: 'modelB',
      basePath: '/models/modelB',
      versionPolicy: { kind: 'specific', versions: [1n, 2n, 9007199254740993n] },
      versionLabels: new Map([
        ['stable', 1n],
        ['canary', 9007199254740993n],
      ]),
    },
    { name: 'modelC', platform: 'tensorflow', versionPolicy: { kind: 'latest', numVersions: 2 } },
    {
      name: 'modelD',
      versionPolicy: { kind: 'latest', numVersions: 1 },
      logging: { samplingConfig: { samplingRate: 0.5 } },
    },
  ]);
});

test('YAML and JSON of the same shape say the same', () => {
  const text = `model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow"
    model_version_policy { specific { versions: 9007199254740993 } } version_labels { key: "a" value: 2 } } }`;
  const yaml = `
model_config_list:
  config:
    - name: m
      base_path: /m
      model_platform: tensorflow
      model_version_policy: { specific: { versions: [9007199254740993] } }
      version_labels: { a: 2 }
`;
  const json = `{"modelConfigList": {"config": [{"name": "m", "basePath": "/m", "modelPlatform": "tensorflow",
    "modelVersionPolicy": {"specific": {"versions": ["9007199254740993"]}}, "versionLabels": {"a": 2}}]}}`;
  const wanted = configsOf(text);
  expect(configsOf(yaml, 'models.yaml')).toEqual(wanted);
  expect(configsOf(json, 'models.json')).toEqual(wanted);
});

test.each([
  ['models.yaml', 'model_config_list: [', /^Invalid protobuf file: 'models.yaml': .*line 1/],
  [
    'models.yml',
    'model_config_list: { confg: [] }',
    /^Invalid protobuf file: 'models.yml': .*confg/,
  ],
  [
    'models.json',
    '{"model_config_list": {"config": 7}}',
    /^Invalid protobuf file: 'models.json': /,
  ],
])('a mistake in %s names the file and the place', (source, text, error) => {
  expect(() => configsOf(text, source)).toThrow(error);
});

test('an empty file is no models', () => {
  expect(configsOf('')).toEqual([]);
  expect(configsOf('', 'models.yaml')).toEqual([]);
});

test('a file is read, and one that cannot be is named', async () => {
  const path = join(new ModelFolder().path, 'models.config');
  await expect(readModelConfigFile(path)).rejects.toThrow(
    `Invalid protobuf file: '${path}': ENOENT`,
  );
  writeFileSync(
    path,
    'model_config_list { config { name: "m" base_path: "/m" model_platform: "tensorflow" } }',
  );
  expect(await readModelConfigFile(path)).toMatchObject([{ name: 'm', basePath: '/m' }]);
});

const entry = (fields: string) => `model_config_list { config { ${fields} } }`;

test.each([
  [
    entry('name: "n" base_path: "/n" model_type: OTHER'),
    'ModelServerConfig::model_type choice 2 not supported.',
  ],
  [
    'custom_model_config { }',
    'ModelServerConfig: got custom_model_config, wanted model_config_list',
  ],
  [
    entry('base_path: "/x" model_platform: "tensorflow"'),
    'Illegal config entry 1: got an empty name, wanted a name for the model with base_path()=/x',
  ],
])('%s is refused', (text, error) => {
  expect(() => configsOf(text)).toThrow(error);
});

test('a reload without a list of models is refused', () => {
  const text =
    'ServerModelConfig type not supported by HandleReloadConfigRequest. Only ModelConfigList is currently supported';
  expect(() => reloadedConfigs(null)).toThrow(text);
  expect(() => reloadedConfigs(parseModelServerConfig('', 'x'))).toThrow(text);
  expect(() => reloadedConfigs(parseModelServerConfig('custom_model_config { }', 'x'))).toThrow(
    text,
  );
  expect(reloadedConfigs(parseModelServerConfig('model_config_list { }', 'x'))).toEqual([]);
});

test('YAML and JSON entries may say how their model is batched', () => {
  const yaml = (batching: string) => `
model_config_list:
  config:
    - {name: a, base_path: /a, model_platform: tensorflow}
    - {name: b, base_path: /b, model_platform: tensorflow, batching: ${batching}}
`;
  const batchingOf = (text: string) => configsOf(yaml(text), 'm.yaml')[1]?.batching;
  expect(configsOf(yaml('false'), 'm.yaml')[0]).not.toHaveProperty('batching');
  expect(batchingOf('false')).toBe(false);
  expect(batchingOf('{}')).toEqual({});
  expect(batchingOf('{max_batch_size: 32, allowedBatchSizes: [8, 32], mode: auto}')).toMatchObject({
    maxBatchSize: 32,
    allowedBatchSizes: [8, 32],
    batchTimeoutMicros: null,
    mode: 'auto',
  });
  const refusal = (text: string): string => {
    try {
      return String(batchingOf(text));
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(refusal('{max_batch: 3}')).toMatch(/'m\.yaml': line 5, column \d+: .*max_batch/);
  expect(refusal('{mode: slow}')).toContain('batching.mode: got "slow", wanted fixed or auto');
  expect(refusal('{num_batch_threads: 3}')).toContain('holds for the whole server');
  expect(refusal('7')).toContain('wanted false or parameters');
});
