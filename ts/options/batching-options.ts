import { choice, flag, int, type OptionSpec, text } from './option-spec.js';

/** Options of dynamic batching. */
export const BATCHING = {
  enable_batching: flag('Batching', false, 'run rows of concurrent requests together'),
  batching_parameters_file: text(
    'Batching',
    '',
    'BatchingParameters in text format; the defaults are TensorFlow Serving’s',
  ),
  enable_per_model_batching_parameters: flag(
    'Batching',
    false,
    'batch only versions with a batching_params.pbtxt, by its parameters',
  ),
  batching_mode: choice(
    'Batching',
    '',
    ['', 'fixed', 'auto'],
    'fixed waits as the file says, auto as long as it pays; by default fixed with a file, else auto',
  ),
  batching_auto_latency_percent: int(
    'Batching',
    20,
    'most that auto waits for company, as a part of the time a run takes',
    { max: 100, unit: '%' },
  ),
} as const satisfies Record<string, OptionSpec>;
