/** A metric that is fed by name; see `registry.ts`. */
export interface Definition {
  /** TensorFlow's name, or one of ours. */
  readonly name: string;
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** Names of the labels, in the order their values are given. */
  readonly labels: readonly string[];
  /** Upper bounds of a histogram's buckets. */
  readonly bounds?: readonly number[];
}

/** `count` bounds, each `factor` times the one before. */
export function powers(first: number, factor: number, count: number): readonly number[] {
  const bounds: number[] = [];
  for (let bound = first; bounds.length < count; bound *= factor) bounds.push(bound);
  return bounds;
}

const SIZES = powers(1, 2, 14);

function counter(name: string, labels: readonly string[], help: string): Definition {
  return { name, kind: 'counter', labels, help };
}

function gauge(name: string, labels: readonly string[], help: string): Definition {
  return { name, kind: 'gauge', labels, help };
}

function histogram(
  name: string,
  labels: readonly string[],
  bounds: readonly number[],
  help: string,
): Definition {
  return { name, kind: 'histogram', labels, bounds, help };
}

/** The MLMD id of a version, from assets.extra/mlmd_uuid; a text, printed as 0. */
export const MLMD_MAP = gauge(
  '/tensorflow/serving/mlmd_map',
  ['model_name', 'version'],
  'Versions with an MLMD id.',
);

const BATCHING = '/tensorflow/serving/batching_session/';

/** Metrics of TensorFlow Serving that are printed even where nothing feeds them, as it does. */
export const SERVING_DEFINITIONS: readonly Definition[] = [
  MLMD_MAP,
  histogram(
    `${BATCHING}queuing_latency`,
    ['thread_pool_name'],
    powers(100, 1.2, 52),
    'Time requests wait for their batch, in microseconds.',
  ),
  counter(`${BATCHING}wrapped_run_count`, [], 'Runs of batches.'),
  histogram(
    `${BATCHING}padding_size`,
    ['execution_batch_size'],
    SIZES,
    'Rows added to a batch to reach an allowed size.',
  ),
  histogram(`${BATCHING}input_batch_size`, [], SIZES, 'Rows of a request that is batched.'),
  histogram(`${BATCHING}processed_batch_size`, [], SIZES, 'Rows of a batch that ran.'),
  gauge(
    '/tensorflow/serving/batching/mixed_priority_batching_policy',
    ['model_name', 'op_name'],
    'Of the batch op inside graphs, which nothing reports here.',
  ),
  histogram(
    '/tensorflow/serving/batching/padding_size_v2',
    ['model_name', 'op_name', 'execution_batch_size'],
    SIZES,
    'Of the batch op inside graphs, which nothing reports here.',
  ),
  counter(
    '/tensorflow/serving/batching/processed_batch_size_v2',
    ['model_name', 'op_name', 'batch_size'],
    'Of the batch op inside graphs, which nothing reports here.',
  ),
];

/** Estimated memory of a version in memory. */
export const MODEL_MEMORY = gauge(
  'servable_model_memory_bytes',
  ['model', 'version'],
  'Memory a version is taken to need: 1.2 times its files.',
);
/** Memory set aside for all models. */
export const MODEL_MEMORY_USED = gauge(
  'servable_models_memory_used_bytes',
  [],
  'Memory set aside for all models, by estimate.',
);
/** The limit of that. */
export const MODEL_MEMORY_LIMIT = gauge(
  'servable_models_memory_limit_bytes',
  [],
  'Most memory that models may take, by estimate; 0 is no limit.',
);
/** Time of the last load. */
export const MODEL_LOAD_TIME = gauge(
  'servable_model_load_duration_seconds',
  ['model', 'version'],
  'Time the last load of a version took, warm-up included.',
);
/** Loads by their outcome. */
export const MODEL_LOADS = counter(
  'servable_model_loads_total',
  ['model', 'code'],
  'Loads of a model’s versions, by outcome.',
);

const WORKER = ['worker'];

/** Lateness of timers on one event loop. */
export const LOOP_LAG = gauge(
  'servable_event_loop_lag_seconds',
  ['worker', 'quantile'],
  'Lateness of an event loop over its last interval.',
);
/** Busy share of one event loop. */
export const LOOP_UTILIZATION = gauge(
  'servable_event_loop_utilization_ratio',
  WORKER,
  'Share of its last interval that an event loop was busy.',
);
/** Requests that one event loop has not answered yet. */
export const WORKER_IN_FLIGHT = gauge(
  'servable_worker_requests_in_flight',
  WORKER,
  'Inference requests of a worker that are not answered, waiting ones included.',
);
/** Heap of one event loop. */
export const HEAP_USED = gauge(
  'servable_heap_used_bytes',
  WORKER,
  'JavaScript heap in use of a worker.',
);
/** Time in garbage collections. */
export const GC_TIME = counter(
  'servable_gc_duration_seconds_total',
  ['worker', 'kind'],
  'Time a worker spent in garbage collections.',
);
/** Garbage collections. */
export const GC_RUNS = counter(
  'servable_gc_runs_total',
  ['worker', 'kind'],
  'Garbage collections of a worker.',
);
/** Access-log lines that did not reach their file. */
export const ACCESS_LOG_DROPPED = counter(
  'servable_access_log_dropped_total',
  [],
  'Lines of the access log that were dropped because their destination did not take them.',
);

/** Metrics of ours that are fed by name. */
export const OWN_DEFINITIONS: readonly Definition[] = [
  MODEL_MEMORY,
  MODEL_MEMORY_USED,
  MODEL_MEMORY_LIMIT,
  MODEL_LOAD_TIME,
  MODEL_LOADS,
  LOOP_LAG,
  LOOP_UTILIZATION,
  WORKER_IN_FLIGHT,
  HEAP_USED,
  GC_TIME,
  GC_RUNS,
  ACCESS_LOG_DROPPED,
];
