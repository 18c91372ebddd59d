import { choice, flag, int, list, type OptionSpec, text } from './option-spec.js';

const GIB = 1024 ** 3;
const MIB = 1024 ** 2;

/** Options of warm-up and of the request log. */
export const RECORDS = {
  enable_model_warmup: flag(
    'Models',
    true,
    'run assets.extra/tf_serving_warmup_requests of a version before it becomes available',
  ),
  num_request_iterations_for_warmup: int(
    'Models',
    0,
    'times each warm-up request is run; 0 is once',
    { max: 1_000_000 },
  ),
  auto_warmup: flag(
    'Models',
    true,
    'without that file, run each signature on zeros; never one that assigns variables',
  ),

  request_log_dir: text(
    'Request log',
    '',
    'folder that every logging_config must write to; without it their prefixes are absolute paths, and a logging_config without one writes to servable/requests in $XDG_STATE_HOME (~/.local/state)',
  ),
  request_log_rotate_bytes: int('Request log', 64 * MIB, 'size of a file; 0 is no limit', {
    max: Number.MAX_SAFE_INTEGER,
    unit: 'bytes',
  }),
  request_log_rotate_seconds: int('Request log', 3600, 'age of a file; 0 is no limit', {
    unit: 's',
  }),
  request_log_max_files: int('Request log', 0, 'files of one prefix that are kept; 0 is no limit'),
  request_log_max_bytes: int(
    'Request log',
    GIB,
    'bytes of one prefix that are kept; 0 is no limit',
    {
      max: Number.MAX_SAFE_INTEGER,
      unit: 'bytes',
    },
  ),
  request_log_max_age_seconds: int(
    'Request log',
    0,
    'time after which a file that is no longer written is deleted; 0 is never',
    { unit: 's' },
  ),
  request_log_queue_bytes: int(
    'Request log',
    64 * MIB,
    'requests that may wait to be written; past that they are counted and not logged',
    { max: 1_000_000_000, unit: 'bytes' },
  ),
  request_log_redact: list(
    'Request log',
    [],
    'inputs, outputs and features whose values are not logged: NAME or MODEL:NAME, comma separated',
  ),
  request_log_redaction: choice(
    'Request log',
    'empty',
    ['empty', 'hash'],
    'what stands for such values: nothing, or a keyed hash by which equal values can be told',
  ),
  request_log_task: text(
    'Request log',
    '',
    'data centre and number of this server, DC:INDEX, for per_task_sampling_configs',
  ),
} as const satisfies Record<string, OptionSpec>;
