import { expect, test } from 'vitest';
import { type MessageName, messageType } from '../../ts/codec/messages.js';
import { parseText, printText, readTextFile } from '../../ts/codec/text-format.js';

const parse = <Name extends MessageName>(name: Name, text: string) =>
  parseText(messageType(name), text, 'file.pbtxt');

test('batching parameters are read', () => {
  expect(
    parse(
      'tensorflow.serving.BatchingParameters',
      `max_batch_size { value: 128 } batch_timeout_micros { value: 0 }
       allowed_batch_sizes: [8, 32] allowed_batch_sizes: 128 thread_pool_name { value: 'pool' }
       enable_large_batch_splitting { value: true }`,
    ),
  ).toMatchObject({
    maxBatchSize: { value: 128n },
    batchTimeoutMicros: { value: 0n },
    maxEnqueuedBatches: null,
    allowedBatchSizes: [8n, 32n, 128n],
    threadPoolName: { value: 'pool' },
    enableLargeBatchSplitting: { value: true },
    padVariableLengthInputs: false,
  });
});

test('TLS and monitoring configs are read', () => {
  const ssl = parse(
    'tensorflow.serving.SSLConfig',
    'server_key: "-----BEGIN\\n" "KEY-----" server_cert: "c" client_verify: true',
  );
  expect(ssl).toEqual({
    serverKey: '-----BEGIN\nKEY-----',
    serverCert: 'c',
    customCa: '',
    clientVerify: true,
  });
  expect(
    parse('tensorflow.serving.MonitoringConfig', 'prometheus_config { enable: true path: "/m" }'),
  ).toEqual({ prometheusConfig: { enable: true, path: '/m' } });
});

test('a session config is read and becomes bytes', () => {
  const config = parse(
    'tensorflow.ConfigProto',
    `intra_op_parallelism_threads: 2 gpu_options { per_process_gpu_memory_fraction: 0.25 allow_growth: true }
     graph_options { optimizer_options { global_jit_level: ON_1 } } device_count { key: "GPU" value: 0 }`,
  );
  expect(config).toMatchObject({
    intraOpParallelismThreads: 2,
    gpuOptions: { perProcessGpuMemoryFraction: 0.25, allowGrowth: true },
    graphOptions: { optimizerOptions: { globalJitLevel: 1 } },
    deviceCount: { GPU: 0 },
  });
  const type = messageType('tensorflow.ConfigProto');
  expect(type.decode(type.encode(config))).toEqual(config);
});

test('a platform config with an Any is read', () => {
  const { platformConfigs } = parse(
    'tensorflow.serving.PlatformConfigMap',
    `platform_configs { key: "tensorflow" value { source_adapter_config {
       [type.googleapis.com/tensorflow.serving.SavedModelBundleSourceAdapterConfig] {
         legacy_config { saved_model_tags: "serve" } } } } }`,
  );
  const value = platformConfigs.tensorflow?.sourceAdapterConfig?.value ?? new Uint8Array();
  const adapter = messageType('tensorflow.serving.SavedModelBundleSourceAdapterConfig');
  expect(adapter.decode(value).legacyConfig?.savedModelTags).toEqual(['serve']);
});

const CONFIG = 'tensorflow.serving.ModelServerConfig';

test.each([
  [
    'model_config_list {\n  config {\n    nam: "x"\n  }\n}',
    "line 3, column 7: tensorflow.serving.ModelConfig: unknown field 'nam'",
  ],
  [
    'model_config_list {\n  config { name: "a" name: "b" }\n}',
    'line 2, column 30: tensorflow.serving.ModelConfig.name: multiple values',
  ],
  ['model_config_list {\n  config {', "line 2, column 10: expected '}'"],
  ['model_config_list {\n  config { name: 7 } }', 'line 2, column 16: expected string'],
  ['model_config_list { config { name: "a\nb" } }', 'illegal string'],
  ['model_config_list { } custom_model_config { }', 'config: multiple values'],
  ['}', "illegal field name '}'"],
])('the mistake in %j is named with its place', (text, reason) => {
  expect(() => parse(CONFIG, text)).toThrow(`Invalid protobuf file: 'file.pbtxt': `);
  expect(() => parse(CONFIG, text)).toThrow(reason);
});

test('a file that cannot be read is named', async () => {
  await expect(readTextFile(messageType(CONFIG), '/no/such.pbtxt')).rejects.toThrow(
    "Invalid protobuf file: '/no/such.pbtxt': ENOENT",
  );
});

test('what is printed reads back the same', () => {
  const type = messageType(CONFIG);
  const text = `model_config_list { config { name: "m" base_path: "/m" version_labels { key: "a" value: 9007199254740993 }
    model_version_policy { specific { versions: 3 } } } }`;
  const config = parse(CONFIG, text);
  expect(parseText(type, printText(type, config), 'printed')).toEqual(config);
});
