import { choice, flag, int, list, type OptionSpec, text } from './option-spec.js';

/** Options that keep the server up: how it stops, what happens when its process dies, and which models it trusts. */
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
  isolated_load: choice(
    'Reliability',
    'auto',
    ['auto', 'always', 'never'],
    'load a model in another process first; auto: from remote stores, and what arrives while serving',
  ),
  check_ops: choice(
    'Reliability',
    'remote',
    ['remote', 'all'],
    'refuse models with ops that reach beyond them (files, network, Python): from remote stores, or all',
  ),
  allowed_ops: list(
    'Reliability',
    [],
    'ops that --check_ops lets pass, comma separated; * is every one',
  ),
  allowed_link_targets: list(
    'Reliability',
    [],
    'folders that symbolic links out of a base path may lead into, comma separated; / is anywhere',
  ),
  model_checksums_file: text(
    'Reliability',
    '',
    'output of sha256sum with files named MODEL/VERSION/FILE, which versions are checked against',
  ),
  require_checksums: flag(
    'Reliability',
    false,
    'refuse versions that neither --model_checksums_file nor a SHA256SUMS of their own lists',
  ),
} as const satisfies Record<string, OptionSpec>;
