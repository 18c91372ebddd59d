import type { BatchingSettings } from './batching.js';
import { checkBatching, drainBatches, setBatchThreads } from './native/batching.js';
import { batchingSettings } from './options/batching-config.js';
import type { Options } from './options/options.js';
import type { SessionSettings } from './options/session-config.js';

/**
 * Sets the batcher of this process up as the options say.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` a parameters file that cannot be read, or a value that is wrong, with TensorFlow Serving's text
 */
export async function startBatching(
  options: Options,
  session: SessionSettings,
): Promise<BatchingSettings> {
  const settings = await batchingSettings(options, session);
  if (settings.base !== null) checkBatching(settings.base);
  setBatchThreads(settings.numBatchThreads, settings.threadPoolName);
  // A server before this one in the same process has left it draining.
  drainBatches(false);
  return settings;
}
