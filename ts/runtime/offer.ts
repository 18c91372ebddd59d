import { createInterface } from 'node:readline/promises';
import { megabytes, REAL_DISK } from './disk.js';
import { type InstallOptions, type InstallResult, installRuntime } from './install.js';
import { pinnedSizes, pinnedWheel } from './pinned-wheel.js';
import { PIN_TABLE } from './pins.js';
import { DEFAULT_VERSION, THIS_HOST } from './platform.js';
import { installReporter } from './progress.js';
import { BACKOFF_MS } from './remote-file.js';

/** Asks a yes-or-no question on the terminal; anything but yes is no. */
export async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

/** An install as the command line runs it: on the real disk, reported to stderr, stopped cleanly by Ctrl-C. */
export async function runInstall(wanted: Partial<InstallOptions>): Promise<InstallResult> {
  const reporter = installReporter();
  const stop = new AbortController();
  const interrupt = () => {
    stop.abort(new Error('interrupted; the same command continues'));
  };
  process.once('SIGINT', interrupt);
  process.once('SIGTERM', interrupt);
  try {
    return await installRuntime({
      version: DEFAULT_VERSION,
      cuda: null,
      folder: null,
      indexUrl: null,
      full: false,
      from: [],
      strip: true,
      force: false,
      env: process.env,
      host: THIS_HOST,
      pins: PIN_TABLE,
      disk: REAL_DISK,
      signal: stop.signal,
      backOffMs: BACKOFF_MS,
      onEvent: reporter.onEvent,
      ...wanted,
    });
  } finally {
    reporter.stop();
    process.off('SIGINT', interrupt);
    process.off('SIGTERM', interrupt);
  }
}

/** Offers the default install with its size; true once it is done, false when the answer is no. */
export async function offerInstall(): Promise<boolean> {
  const pin = pinnedWheel(PIN_TABLE, DEFAULT_VERSION, 'cpu', THIS_HOST);
  if (pin === null) return false;
  const { download, disk } = pinnedSizes(pin);
  const sizes = `${megabytes(download)} to fetch, ${megabytes(disk)} on disk`;
  const what = `Install TensorFlow ${DEFAULT_VERSION} (${sizes})?`;
  if (!(await confirm(`No TensorFlow library found. ${what}`))) return false;
  await runInstall({});
  return true;
}
