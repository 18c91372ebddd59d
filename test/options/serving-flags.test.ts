import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parseFlags } from '../../ts/options/flags.js';
import {
  OPTION_NAMES,
  OPTIONS,
  type OptionName,
  type OptionSpec,
  optionKey,
  resolveOptions,
} from '../../ts/options/options.js';
import { ROOT } from '../support/paths.js';

/** Every flag of TensorFlow Serving's main.cc with its kind and default. `--version` prints the versions and is no option. */
const SERVING: readonly (readonly [OptionName, OptionSpec['kind'], unknown])[] = [
  ['port', 'number', 8500],
  ['grpc_socket_path', 'text', ''],
  ['rest_api_port', 'number', 0],
  ['rest_api_num_threads', 'number', 4 * availableParallelism()],
  ['rest_api_timeout_in_ms', 'number', 30_000],
  ['rest_api_enable_cors_support', 'boolean', false],
  ['enable_batching', 'boolean', false],
  ['allow_version_labels_for_unavailable_models', 'boolean', false],
  ['batching_parameters_file', 'text', ''],
  ['enable_per_model_batching_parameters', 'boolean', false],
  ['model_config_file', 'text', ''],
  ['model_config_file_poll_wait_seconds', 'number', 0],
  ['model_name', 'text', 'default'],
  ['model_base_path', 'text', ''],
  ['num_load_threads', 'number', 0],
  ['num_unload_threads', 'number', 0],
  ['max_num_load_retries', 'number', 5],
  ['load_retry_interval_micros', 'number', 60_000_000],
  ['file_system_poll_wait_seconds', 'number', 1],
  ['flush_filesystem_caches', 'boolean', true],
  ['tensorflow_session_parallelism', 'number', 0],
  ['tensorflow_session_config_file', 'text', ''],
  ['tensorflow_intra_op_parallelism', 'number', 0],
  ['tensorflow_inter_op_parallelism', 'number', 0],
  ['use_alts_credentials', 'boolean', false],
  ['ssl_config_file', 'text', ''],
  ['platform_config_file', 'text', ''],
  ['per_process_gpu_memory_fraction', 'number', 0],
  ['saved_model_tags', 'list', ['serve']],
  ['grpc_channel_arguments', 'list', []],
  ['grpc_max_threads', 'number', 4 * availableParallelism()],
  ['enable_model_warmup', 'boolean', true],
  ['num_request_iterations_for_warmup', 'number', 0],
  ['monitoring_config_file', 'text', ''],
  ['remove_unused_fields_from_bundle_metagraph', 'boolean', true],
  ['prefer_tflite_model', 'boolean', false],
  ['num_tflite_pools', 'number', availableParallelism()],
  ['num_tflite_interpreters_per_pool', 'number', 1],
  ['enable_signature_method_name_check', 'boolean', false],
  ['xla_cpu_compilation_enabled', 'boolean', false],
  ['xla_gpu_compilation_enabled', 'boolean', false],
  ['enable_profiler', 'boolean', true],
  ['thread_pool_factory_config_file', 'text', ''],
  ['mixed_precision', 'choice', ''],
  ['skip_initialize_tpu', 'boolean', false],
  ['enable_grpc_healthcheck_service', 'boolean', false],
  ['enable_serialization_as_tensor_content', 'boolean', false],
];

/** Defaults that are others here, and why. */
const OTHER_DEFAULTS: Partial<Record<OptionName, string>> = {
  rest_api_port: 'REST is open unless turned off',
  enable_grpc_healthcheck_service: 'the health service is open unless turned off',
  rest_api_num_threads: 'has no effect',
  grpc_max_threads: 'has no effect',
  num_tflite_pools: 'has no effect',
};

test.each(SERVING)('--%s is a %s', (name, kind, value) => {
  const spec: OptionSpec = OPTIONS[name];
  expect(spec.kind).toBe(kind);
  if (OTHER_DEFAULTS[name] === undefined) expect(spec.default).toEqual(value);
  else expect(spec.default).not.toEqual(value);
});

test('the command line of a usual deployment is understood as a whole', () => {
  const argv = SERVING.map(([name, , value]) => `--${name}=${value}`);
  const { values } = parseFlags(argv);
  expect(Object.keys(values).sort()).toEqual(SERVING.map(([name]) => optionKey(name)).sort());
  expect(() => resolveOptions({ ...values, restApiPort: 8501 })).not.toThrow();
});

/** The text of every source but the tables that only declare options. */
function sources(): string {
  const folder = join(ROOT, 'ts');
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !/options\/[a-z-]*(options|table)\.ts$/.test(file))
    .filter((file) => !file.endsWith('.d.ts') && !file.includes('generated/'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
}

test('no option is passed over in silence: it is read somewhere, or a warning says why it does nothing', () => {
  const text = sources();
  const silent = OPTION_NAMES.filter((name) => {
    const spec: OptionSpec = OPTIONS[name];
    if ((spec.noEffect ?? spec.later ?? '') !== '') return false;
    return !new RegExp(`\\b${optionKey(name)}\\b`).test(text);
  });
  expect(silent).toEqual([]);
});

test('that would be noticed', () => {
  expect(/\brestApiNumThreads\b/.test(sources())).toBe(false);
  expect(OPTIONS.rest_api_num_threads.noEffect).not.toBe('');
});
