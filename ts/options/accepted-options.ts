import { flag, int, type OptionSpec, text } from './option-spec.js';

const TFLITE = 'only SavedModels are served';

/** Flags of TensorFlow Serving that are read and checked, with the reason why they change nothing here. */
export const ACCEPTED = {
  use_alts_credentials: flag('Accepted', false, 'ALTS on the gRPC port', {
    noEffect: 'ALTS works between machines of Google Cloud only; the gRPC port is not encrypted',
  }),
  rest_api_num_threads: int('Accepted', 0, 'REST threads', {
    noEffect: 'every worker answers REST on its event loop; see --workers',
  }),
  grpc_max_threads: int('Accepted', 0, 'gRPC threads', {
    noEffect: 'every worker answers gRPC on its event loop; see --workers',
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
  thread_pool_factory_config_file: text('Accepted', '', 'ThreadPoolFactoryConfig', {
    noEffect:
      'thread pool factories are C++ plug-ins of TensorFlow Serving; see --inference_threads',
  }),
  skip_initialize_tpu: flag('Accepted', false, 'leave TPUs alone', {
    noEffect: 'libtensorflow’s C API starts no TPU',
  }),
} as const satisfies Record<string, OptionSpec>;
