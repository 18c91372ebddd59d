import type { LoadedModel } from '../native/model.js';
import { batchingOf } from './batching.js';
import { estimateBytes, type Grant } from './memory.js';
import type { ModelConfig } from './model-config.js';
import type { ModelDeps } from './model-deps.js';
import { verifyChecksums } from './source/checksums.js';
import { checkLinks } from './source/links.js';
import { checkVersionDirectory } from './source/version-directory.js';
import { localPath } from './source/version-watcher.js';
import { isRemote } from './store/location.js';

/** A model in memory and the memory set aside for it. */
export interface OpenedModel {
  readonly model: LoadedModel;
  readonly grant: Grant;
  /** Gives both up, for a model that was not published. */
  discard(): Promise<void>;
}

/**
 * Loads the SavedModel of one version and runs its warm-up requests, in a place of `loads` that others have while it waits for memory.
 *
 * @param path its directory on the local disk
 * @throws {ServingError} `NOT_FOUND` no SavedModel there; `FAILED_PRECONDITION` a link, an op or a file that is not allowed;
 *   `INVALID_ARGUMENT` wrong batching parameters; `RESOURCE_EXHAUSTED` no memory left for it; TensorFlow's code and text; what a warm-up
 *   request failed with
 */
export async function openModel(
  config: ModelConfig,
  version: bigint,
  path: string,
  { loadModel, loads, warmUp, memory, options, events }: ModelDeps,
): Promise<OpenedModel> {
  const { name, tags, basePath } = config;
  const remote = isRemote(basePath);
  await checkVersionDirectory(path);
  await checkLinks(path, remote ? path : localPath(config), options.allowedLinkTargets);
  await verifyChecksums({ name, version, path }, options);
  const batching = await batchingOf(config, path, options.batching);
  const bytes = await estimateBytes(path);
  const grant = await memory.admit({ name, version }, bytes, (until) => loads.aside(until));
  try {
    const load = {
      exportDir: path,
      tags: tags ?? options.savedModelTags,
      configProto: options.configProto,
      graphRemapping: options.graphRemapping,
      inputShapeCheck: options.inputShapeCheck,
      allowedOps: remote || options.checkOps === 'all' ? options.allowedOps : null,
      batching,
    };
    const model = await loadModel(load, { remote });
    for (const unbatched of model.unbatched ?? []) {
      events.emit('unbatched', { name, version, ...unbatched });
    }
    if (warmUp !== undefined) {
      try {
        events.emit('warmed', { name, version, report: await warmUp(model, batching) });
      } catch (error) {
        await model.close();
        throw error;
      }
    }
    const discard = async () => {
      await model.close();
      grant.release();
    };
    return { model, grant, discard };
  } catch (error) {
    grant.release();
    throw error;
  }
}
