/** What every option says about itself; `name` is the flag and, in camelCase, the configuration key. */
interface Common {
  /** One line for `--help`. */
  readonly doc: string;
  /** The heading `--help` lists it under. */
  readonly group: Group;
  /** Set when the option is read and checked but does nothing: the reason, printed as a warning. */
  readonly noEffect?: string;
  /** Set when the feature is not in this version: what happens instead, printed as a warning. */
  readonly later?: string;
  /** Set when starting without the feature would be unsafe: the reason, an error as soon as the option is set. */
  readonly refused?: string;
}

/** Headings of `servable serve --help`, in the order they are printed. */
export type Group = 'Models' | 'Listeners' | 'Limits' | 'TensorFlow' | 'Behaviour' | 'Accepted';

interface NumberOption extends Common {
  readonly kind: 'number';
  readonly default: number;
  readonly min: number;
  readonly max: number;
  readonly unit?: string;
  readonly fraction?: boolean;
}
interface BooleanOption extends Common {
  readonly kind: 'boolean';
  readonly default: boolean;
}
interface TextOption extends Common {
  readonly kind: 'text';
  readonly default: string;
}
interface ListOption extends Common {
  readonly kind: 'list';
  readonly default: readonly string[];
}
export interface ChoiceOption<C extends string> extends Common {
  readonly kind: 'choice';
  readonly default: C;
  readonly choices: readonly C[];
}

/** The description of one option. */
export type OptionSpec =
  | NumberOption
  | BooleanOption
  | TextOption
  | ListOption
  | ChoiceOption<string>;

const MIB = 1024 * 1024;
const INT32 = 2 ** 31 - 1;

function int(
  group: Group,
  value: number,
  doc: string,
  rest: Partial<Omit<NumberOption, 'kind' | 'default' | 'doc' | 'group'>> = {},
): NumberOption {
  return { kind: 'number', group, default: value, doc, min: 0, max: INT32, ...rest };
}
function flag(
  group: Group,
  value: boolean,
  doc: string,
  rest: Partial<Common> = {},
): BooleanOption {
  return { kind: 'boolean', group, default: value, doc, ...rest };
}
function text(group: Group, value: string, doc: string, rest: Partial<Common> = {}): TextOption {
  return { kind: 'text', group, default: value, doc, ...rest };
}
function list(group: Group, value: readonly string[], doc: string): ListOption {
  return { kind: 'list', group, default: value, doc };
}
function choice<const C extends string>(
  group: Group,
  value: NoInfer<C>,
  choices: readonly C[],
  doc: string,
): ChoiceOption<C> {
  return { kind: 'choice', group, default: value, choices, doc };
}

const PORT = { max: 65535 };
const TFLITE = 'only SavedModels are served';
const BATCHING = 'batching is not in this version; every request runs by itself';
const WARMUP = 'warm-up requests are not in this version; none are replayed';

/** Every option of the server, once. Names are TensorFlow Serving's where it has one. */
export const OPTIONS = {
  model_name: text('Models', 'default', 'name of the model under --model_base_path'),
  model_base_path: text(
    'Models',
    '',
    'folder of numbered versions, or of one SavedModel (then version 1)',
  ),
  model_config_file: text(
    'Models',
    '',
    'ModelServerConfig in text format; replaces --model_name and --model_base_path',
  ),
  file_system_poll_wait_seconds: int(
    'Models',
    1,
    'time between looks for new versions; 0 looks once, below 0 never',
    { min: -1, unit: 's' },
  ),
  allow_version_labels_for_unavailable_models: flag(
    'Models',
    false,
    'let a new label point at a version that is not loaded',
  ),
  num_load_threads: int('Models', 0, 'versions loaded at once after start-up; 0 is one'),
  max_num_load_retries: int('Models', 5, 'attempts after a failed load'),
  load_retry_interval_micros: int('Models', 60_000_000, 'pause between attempts; below 0 is none', {
    min: -1,
    max: Number.MAX_SAFE_INTEGER,
    unit: 'µs',
  }),
  saved_model_tags: list(
    'Models',
    ['serve'],
    'tags of the graph to load, comma separated; the whole set must match',
  ),
  listen_after_load: flag(
    'Models',
    false,
    'open the ports only after every model has loaded, as TensorFlow Serving does',
  ),

  host: text('Listeners', '::', 'address of both ports; :: is every IPv6 and IPv4 address'),
  port: int('Listeners', 8500, 'gRPC port; 0 turns it off', PORT),
  rest_api_port: int('Listeners', 8501, 'REST port; 0 turns it off', PORT),
  grpc_socket_path: text('Listeners', '', 'Unix socket for gRPC, beside or instead of the port'),
  rest_api_socket_path: text(
    'Listeners',
    '',
    'Unix socket for REST, beside or instead of the port',
  ),
  workers: int('Listeners', 0, 'threads that own listeners; 0 chooses by the number of cores', {
    max: 256,
  }),
  rest_api_enable_cors_support: flag('Listeners', false, 'send CORS headers on REST answers'),
  rest_api_cors_origins: list(
    'Listeners',
    ['*'],
    'origins that CORS answers name, comma separated; * is any',
  ),
  rest_api_cors_headers: list(
    'Listeners',
    ['Content-Type'],
    'request headers that CORS answers allow, comma separated',
  ),
  grpc_channel_arguments: list(
    'Listeners',
    [],
    'gRPC channel arguments, key=value, comma separated',
  ),
  enable_grpc_healthcheck_service: flag(
    'Listeners',
    true,
    'serve grpc.health.v1.Health with the state of every model',
  ),
  enable_grpc_reflection: flag(
    'Listeners',
    true,
    'serve gRPC reflection, so that grpcurl can list and call',
  ),
  enable_session_service: flag(
    'Listeners',
    false,
    'serve SessionService/SessionRun, which runs any node of a graph',
  ),

  rest_api_timeout_in_ms: int(
    'Limits',
    30_000,
    'time a REST inference may take; 0 or less is no limit',
    { min: -1, unit: 'ms' },
  ),
  max_body_bytes: int('Limits', 256 * MIB, 'largest REST body, also after expansion', {
    min: 1,
    max: 2 ** 32,
    unit: 'bytes',
  }),
  max_body_expansion: int(
    'Limits',
    200,
    'largest ratio of a gzip body above 16 MiB to its compressed size',
    { min: 1 },
  ),
  rest_api_compress_min_bytes: int(
    'Limits',
    16_384,
    'smallest REST answer compressed for clients that ask; 0 never compresses',
    { unit: 'bytes' },
  ),
  grpc_max_message_bytes: int('Limits', 256 * MIB, 'largest gRPC message', {
    min: 1,
    unit: 'bytes',
  }),
  drain_timeout_seconds: int('Limits', 20, 'time requests get to finish when the server stops', {
    max: 86_400,
    unit: 's',
  }),

  tensorflow_library: text(
    'TensorFlow',
    '',
    'libtensorflow to open: file or folder (default: what `servable doctor` finds)',
  ),
  op_library: list('TensorFlow', [], 'libraries of custom ops, comma separated'),
  tensorflow_session_parallelism: int(
    'TensorFlow',
    0,
    'threads inside and between ops; 0 lets TensorFlow choose',
  ),
  tensorflow_intra_op_parallelism: int(
    'TensorFlow',
    0,
    'threads inside an op; 0 lets TensorFlow choose',
  ),
  tensorflow_inter_op_parallelism: int(
    'TensorFlow',
    0,
    'threads between ops; 0 lets TensorFlow choose',
  ),
  per_process_gpu_memory_fraction: int(
    'TensorFlow',
    0,
    'share of GPU memory to take; 0 lets TensorFlow choose',
    { max: 1, fraction: true },
  ),
  inference_threads: int(
    'TensorFlow',
    0,
    'threads that run what does not run on a listener; 0 is one a core',
    { max: 1024 },
  ),

  input_shape_check: choice(
    'Behaviour',
    'auto',
    ['auto', 'strict', 'off'],
    'refuse shapes that contradict the signature: where TensorFlow would abort, always, never',
  ),
  enable_signature_method_name_check: flag(
    'Behaviour',
    false,
    'refuse signatures whose method_name does not fit the call',
  ),
  enable_serialization_as_tensor_content: flag(
    'Behaviour',
    false,
    'send gRPC tensors as tensor_content',
  ),
  log_level: choice(
    'Behaviour',
    'info',
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    'least important log lines that are written',
  ),
  log_format: choice(
    'Behaviour',
    'auto',
    ['auto', 'text', 'json'],
    'auto is text on a terminal and JSON elsewhere',
  ),

  enable_batching: flag('Accepted', false, 'run requests in batches', { later: BATCHING }),
  batching_parameters_file: text('Accepted', '', 'BatchingParameters in text format', {
    later: BATCHING,
  }),
  enable_per_model_batching_parameters: flag(
    'Accepted',
    false,
    'read batching_params.pbtxt of each version',
    { later: BATCHING },
  ),
  model_config_file_poll_wait_seconds: int('Accepted', 0, 'time between reads of the config file', {
    later: 'the config file is read once, at the start',
    unit: 's',
  }),
  enable_model_warmup: flag('Accepted', false, 'replay assets.extra/tf_serving_warmup_requests', {
    later: WARMUP,
  }),
  num_request_iterations_for_warmup: int('Accepted', 0, 'times each warm-up request is replayed', {
    later: WARMUP,
  }),
  monitoring_config_file: text('Accepted', '', 'MonitoringConfig in text format', {
    later: 'the metrics page is not in this version',
  }),
  tensorflow_session_config_file: text('Accepted', '', 'ConfigProto in text format', {
    later: 'use --tensorflow_session_parallelism and --per_process_gpu_memory_fraction',
  }),
  platform_config_file: text('Accepted', '', 'PlatformConfigMap in text format', {
    later: 'session options come from the flags',
  }),
  ssl_config_file: text('Accepted', '', 'SSLConfig in text format', {
    refused:
      'TLS is not in this version, and serving in the clear instead would be unsafe; put a TLS proxy in front',
  }),
  use_alts_credentials: flag('Accepted', false, 'ALTS', {
    refused: 'ALTS needs Google’s infrastructure and is not supported',
  }),
  rest_api_num_threads: int('Accepted', 0, 'REST threads', {
    noEffect: 'every worker answers REST on its event loop; see --workers',
  }),
  grpc_max_threads: int('Accepted', 0, 'gRPC threads', {
    noEffect: 'every worker answers gRPC on its event loop; see --workers',
  }),
  num_unload_threads: int('Accepted', 0, 'unload threads', {
    noEffect: 'unloading never blocks loading',
  }),
  flush_filesystem_caches: flag('Accepted', true, 'drop read caches after loads', {
    noEffect: 'local files have no cache of ours',
  }),
  remove_unused_fields_from_bundle_metagraph: flag(
    'Accepted',
    true,
    'keep only signatures in memory',
    { noEffect: 'only signatures are kept in any case' },
  ),
  enable_profiler: flag('Accepted', true, 'serve ProfilerService', {
    noEffect: 'libtensorflow’s C API has no profiler service',
  }),
  prefer_tflite_model: flag('Accepted', false, 'use model.tflite', { noEffect: TFLITE }),
  num_tflite_pools: int('Accepted', 0, 'TFLite pools', { noEffect: TFLITE }),
  num_tflite_interpreters_per_pool: int('Accepted', 1, 'TFLite interpreters', { noEffect: TFLITE }),
  xla_cpu_compilation_enabled: flag('Accepted', false, 'XLA on CPU', {
    noEffect: 'set TF_XLA_FLAGS in the environment instead',
  }),
  xla_gpu_compilation_enabled: flag('Accepted', false, 'XLA on GPU', {
    noEffect: 'set TF_XLA_FLAGS in the environment instead',
  }),
  thread_pool_factory_config_file: text('Accepted', '', 'ThreadPoolFactoryConfig', {
    noEffect: 'see --inference_threads',
  }),
  mixed_precision: text('Accepted', '', 'bfloat16 through oneDNN', {
    noEffect: 'convert the model instead',
  }),
  skip_initialize_tpu: flag('Accepted', false, 'leave TPUs alone', {
    noEffect: 'TPUs are not used',
  }),
} as const satisfies Record<string, OptionSpec>;
