import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { CLI } from './paths.js';

export { DEMO, goldenFile, modelDir, modelsDir, ROOT } from './paths.js';

const HOW_TO_INSTALL =
  'run "npm run build && node dist/cli.js runtime install", or set SERVABLE_TENSORFLOW_LIBRARY to a libtensorflow_cc.so.2';

/**
 * The TensorFlow library that the tests open, as an absolute path.
 *
 * `SERVABLE_TENSORFLOW_LIBRARY` decides; without it the installed runtime does (`servable runtime path`).
 *
 * @throws {Error} with the command to run where there is none; a test never skips itself for want of a runtime.
 */
export function runtimeLibrary(): string {
  const named = process.env.SERVABLE_TENSORFLOW_LIBRARY;
  if (named !== undefined && named !== '') {
    if (!existsSync(named)) {
      throw new Error(`SERVABLE_TENSORFLOW_LIBRARY: ${named} does not exist; ${HOW_TO_INSTALL}`);
    }
    return named;
  }
  if (!existsSync(CLI)) throw new Error(`no TensorFlow runtime: ${HOW_TO_INSTALL}`);
  try {
    const path = execFileSync(process.execPath, [CLI, 'runtime', 'path'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    }).trim();
    process.env.SERVABLE_TENSORFLOW_LIBRARY = path;
    return path;
  } catch (cause) {
    throw new Error(`no TensorFlow runtime: ${HOW_TO_INSTALL}`, { cause });
  }
}
