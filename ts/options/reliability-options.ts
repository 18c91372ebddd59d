import { flag, int, type OptionSpec } from './option-spec.js';

/** Options that keep the server up: how it stops, and what happens when its process dies. */
export const RELIABILITY = {
  drain_delay_seconds: int(
    'Reliability',
    0,
    'time between "not ready" and closed ports when the server stops, for balancers to notice',
    { max: 86_400, unit: 's' },
  ),
  supervise: flag(
    'Reliability',
    false,
    'serve from a child process that is started again when it dies; this one keeps the ports',
  ),
  supervise_max_crashes: int(
    'Reliability',
    10,
    'crashes within --supervise_crash_window_seconds after which it is given up; 0 is no limit',
  ),
  supervise_crash_window_seconds: int('Reliability', 120, 'time in which crashes are counted', {
    min: 1,
    unit: 's',
  }),
  suspect_ttl_seconds: int(
    'Reliability',
    3600,
    'time a request is remembered that ran when the server died, and refused if it ends its trial',
    { min: 1, unit: 's' },
  ),
  quarantine_idle_seconds: int(
    'Reliability',
    60,
    'time without suspects after which the process that tries them out ends',
    { min: 1, unit: 's' },
  ),
} as const satisfies Record<string, OptionSpec>;
