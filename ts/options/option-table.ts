import { ACCEPTED } from './accepted-options.js';
import { BATCHING } from './batching-options.js';
import { OBSERVE_OPTIONS } from './observe-options.js';
import { choice, flag, int, list, type OptionSpec, text } from './option-spec.js';
import { RECORDS } from './record-options.js';
import { RELIABILITY } from './reliability-options.js';
import { LIMIT_OPTIONS, SECURITY_OPTIONS } from './security-options.js';

const MIB = 1024 * 1024;
const PORT = { max: 65535 };

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
    'ModelServerConfig as text format, YAML or JSON; replaces --model_name and --model_base_path',
  ),
  model_config_file_poll_wait_seconds: int(
    'Models',
    0,
    'time between reads of the config file; 0 reads it once',
    { unit: 's' },
  ),
  model_config_state_file: text(
    'Models',
    '',
    'file (.json) that keeps the models as the admin API or gRPC changed them; goes before what is configured',
  ),
  file_system_poll_wait_seconds: int(
    'Models',
    1,
    'time between looks for new versions; 0 looks once, below 0 never',
    { min: -1, unit: 's' },
  ),
  store_poll_wait_seconds: int(
    'Models',
    15,
    'time between looks at a remote store at least, where every look costs a request',
    { min: 1, unit: 's' },
  ),
  store_timeout_seconds: int('Models', 30, 'silence after which a store is given up', {
    min: 1,
    unit: 's',
  }),
  model_cache_dir: text(
    'Models',
    '',
    'folder for what stores and archives hold (default: $XDG_CACHE_HOME/servable/models)',
  ),
  model_cache_max_bytes: int('Models', 50 * 1024 * MIB, 'most it may hold; 0 is no limit', {
    max: Number.MAX_SAFE_INTEGER,
    unit: 'bytes',
  }),
  servable_versions_always_present: flag(
    'Models',
    false,
    'keep the versions of a model whose folder has become empty',
  ),
  allow_version_labels_for_unavailable_models: flag(
    'Models',
    false,
    'let a new label point at a version that is not loaded',
  ),
  force_allow_any_version_labels_for_unavailable_models: flag(
    'Models',
    false,
    'let any label point at a version that is not loaded, also when it moves',
  ),
  model_loading: choice(
    'Models',
    'eager',
    ['eager', 'on_demand'],
    'load models at the start, or each at its first request',
  ),
  pinned_models: list(
    'Models',
    [],
    'models that are loaded at the start and stay, whatever --model_loading says',
  ),
  total_model_memory_limit_bytes: int(
    'Models',
    0,
    'memory for models, each taken for 1.2 times its files; 0 is no limit',
    { max: Number.MAX_SAFE_INTEGER, unit: 'bytes' },
  ),
  transition_policy: choice(
    'Models',
    'availability_preserving',
    ['availability_preserving', 'resource_preserving'],
    'load a new version before the old one is unloaded, or after',
  ),
  ended_version_ttl_seconds: int(
    'Models',
    600,
    'time that status answers remember an unloaded version; below 0 is for ever',
    { min: -1, unit: 's' },
  ),
  num_initial_load_threads: int(
    'Models',
    0,
    'versions loaded at once at start-up; 0 is four a core',
  ),
  num_load_threads: int('Models', 0, 'versions loaded at once after start-up; 0 is one'),
  num_unload_threads: int('Models', 0, 'versions unloaded at once; 0 is no limit'),
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
  ...RECORDS,
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
  rest_api_enable_docs: flag(
    'Listeners',
    true,
    'serve /openapi.json and /docs, a page to try requests',
  ),
  grpc_channel_arguments: list(
    'Listeners',
    [],
    'gRPC channel arguments, key=value, comma separated; message lengths, streams, keepalive, idle time and age of connections count',
  ),
  admin_port: int(
    'Listeners',
    0,
    'port of the admin API, which changes what is served; 0 turns it off',
    PORT,
  ),
  admin_host: text('Listeners', '127.0.0.1', 'address of the admin port'),
  admin_socket_path: text(
    'Listeners',
    '',
    'Unix socket of the admin API, beside or instead of its port',
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
  rest_api_compress_min_bytes: int(
    'Limits',
    16_384,
    'smallest REST answer compressed for clients that ask; 0 never compresses',
    { unit: 'bytes' },
  ),
  ...LIMIT_OPTIONS,
  drain_timeout_seconds: int('Limits', 20, 'time requests get to finish when the server stops', {
    max: 86_400,
    unit: 's',
  }),

  ...RELIABILITY,
  ...SECURITY_OPTIONS,
  ...BATCHING,

  tensorflow_library: text(
    'TensorFlow',
    '',
    'libtensorflow to open: file or folder (default: what `servable doctor` finds)',
  ),
  op_library: list('TensorFlow', [], 'libraries of custom ops, comma separated'),
  tensorflow_session_config_file: text(
    'TensorFlow',
    '',
    'ConfigProto in text format; the flags below add to it',
  ),
  platform_config_file: text(
    'TensorFlow',
    '',
    'PlatformConfigMap in text format; replaces the session and tag flags',
  ),
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
  xla_cpu_compilation_enabled: flag('TensorFlow', false, 'compile graphs with XLA on the CPU'),
  xla_gpu_compilation_enabled: flag('TensorFlow', false, 'compile graphs with XLA on the GPU'),
  mixed_precision: choice(
    'TensorFlow',
    '',
    ['', 'bfloat16'],
    'bfloat16 lets oneDNN compute in bfloat16 where it can',
  ),
  graph_remapping: choice(
    'TensorFlow',
    'auto',
    ['auto', 'always'],
    "when TensorFlow's remapper may fuse ops: auto leaves small dense models, which it slows down, as they are; same results",
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

  ...OBSERVE_OPTIONS,
  ...ACCEPTED,
} as const satisfies Record<string, OptionSpec>;
