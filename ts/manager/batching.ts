import { access } from 'node:fs/promises';
import { join } from 'node:path';
import type { BatchingParameters, BatchingSettings } from '../batching.js';
import { batchingParameters, readBatchingFile } from '../options/batching-config.js';
import type { ModelConfig } from './model-config.js';

/** TensorFlow Serving's name of a version's own parameters. */
const FILE = 'batching_params.pbtxt';

/**
 * How one version's requests are batched: as its model's config says, else the file in its folder where such files are used, else as
 * the server does; null where they are not.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` naming file, line and column of what is wrong in the file
 */
export async function batchingOf(
  { batching }: ModelConfig,
  path: string,
  { base, perModel, own }: BatchingSettings,
): Promise<BatchingParameters | null> {
  if (batching === false) return null;
  if (batching !== undefined) {
    const set = Object.keys(batching).length > 0;
    return batchingParameters({ ...own(set), ...batching });
  }
  if (!perModel) return base;
  const file = join(path, FILE);
  const exists = await access(file).then(
    () => true,
    () => false,
  );
  return exists ? readBatchingFile(file, own(true)) : null;
}
