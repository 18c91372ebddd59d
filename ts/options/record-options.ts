import { flag, int, type OptionSpec } from './option-spec.js';

/** Options of warm-up. */
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
} as const satisfies Record<string, OptionSpec>;
