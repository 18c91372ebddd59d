import { choice, int, type OptionSpec, text } from './option-spec.js';

/** What the server tells of itself: metrics, logs and traces. */
export const OBSERVE_OPTIONS = {
  monitoring_config_file: text(
    'Observing',
    '',
    'MonitoringConfig in text format: a further path of the metrics page, or none at all',
  ),
  log_level: choice(
    'Observing',
    'info',
    ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    'least important log lines that are written',
  ),
  log_format: choice(
    'Observing',
    'auto',
    ['auto', 'text', 'json'],
    'auto is text on a terminal and JSON elsewhere',
  ),
  tensorflow_log: choice(
    'Observing',
    'routed',
    ['routed', 'raw'],
    'write TensorFlow’s lines as the server’s own, or leave standard error as it is',
  ),
  access_log: choice(
    'Observing',
    'off',
    ['off', 'errors', 'all'],
    'one JSON line for each request that fails, or for each',
  ),
  access_log_file: text(
    'Observing',
    '',
    'where they go: a file, - for standard output; empty is standard error',
  ),
  access_log_sample_rate: int(
    'Observing',
    1,
    'share of the successful requests that are logged; failures always are',
    { max: 1, fraction: true },
  ),
} as const satisfies Record<string, OptionSpec>;
