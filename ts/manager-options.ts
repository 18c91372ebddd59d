import type { BatchingParameters, BatchingSettings } from './batching.js';
import type { ManagerDeps } from './manager/manager.js';
import { defaultManagerOptions, type ManagerOptions } from './manager/options.js';
import { defaultStoreOptions, type StoreOptions } from './manager/store/settings.js';
import type { PoolOptions } from './native/pool.js';
import { type WarmupOptions, warmUp } from './native/warmup.js';
import type { Options } from './options/options.js';
import type { SessionSettings } from './options/session-config.js';
import { loggingPlace } from './request-logs.js';

/** The manager's part of the options. */
export function managerOptions(
  options: Options,
  { configProto, savedModelTags }: SessionSettings,
  batching: BatchingSettings,
): ManagerOptions {
  return {
    fileSystemPollWaitSeconds: options.fileSystemPollWaitSeconds,
    storePollWaitSeconds: options.storePollWaitSeconds,
    maxNumLoadRetries: options.maxNumLoadRetries,
    loadRetryIntervalMicros: options.loadRetryIntervalMicros,
    numInitialLoadThreads:
      options.numInitialLoadThreads || defaultManagerOptions.numInitialLoadThreads,
    numLoadThreads: options.numLoadThreads,
    numUnloadThreads: options.numUnloadThreads,
    servableVersionsAlwaysPresent: options.servableVersionsAlwaysPresent,
    allowVersionLabelsForUnavailableModels: options.allowVersionLabelsForUnavailableModels,
    forceAllowAnyVersionLabelsForUnavailableModels:
      options.forceAllowAnyVersionLabelsForUnavailableModels,
    modelLoading: options.modelLoading,
    pinnedModels: options.pinnedModels,
    totalModelMemoryLimitBytes: options.totalModelMemoryLimitBytes,
    transitionPolicy: options.transitionPolicy,
    endedVersionTtlSeconds: options.endedVersionTtlSeconds,
    savedModelTags,
    configProto,
    graphRemapping: options.graphRemapping,
    inputShapeCheck: options.inputShapeCheck,
    checkOps: options.checkOps,
    allowedOps: options.allowedOps,
    allowedLinkTargets: options.allowedLinkTargets,
    modelChecksumsFile: options.modelChecksumsFile,
    requireChecksums: options.requireChecksums,
    logging: loggingPlace(options, savedModelTags),
    batching,
  };
}

/** The stores' part of the options; credentials come from the environment and files. */
export function storeOptions(options: Options): StoreOptions {
  const defaults = defaultStoreOptions();
  return {
    ...defaults,
    modelCacheDir: options.modelCacheDir || defaults.modelCacheDir,
    modelCacheMaxBytes: options.modelCacheMaxBytes,
    storeTimeoutSeconds: options.storeTimeoutSeconds,
  };
}

/** The manager's warm-up of models; none where it is off. */
export function warmUpWith(options: Options): Pick<ManagerDeps, 'warmUp'> {
  if (!options.enableModelWarmup) return {};
  const how: Omit<WarmupOptions, 'batchSizes'> = {
    iterations: options.numRequestIterationsForWarmup,
    auto: options.autoWarmup,
    checkMethodName: options.enableSignatureMethodNameCheck,
  };
  return {
    warmUp: (model, batching) => warmUp(model, { ...how, batchSizes: warmupSizes(batching) }),
  };
}

/** A batch of so many rows shows what a larger one would, and takes less memory. */
const LARGEST_WARMUP_BATCH = 32;

/** The batch sizes a version will be run with: the allowed ones, else one row and a batch. */
export function warmupSizes(batching: BatchingParameters | null): readonly number[] {
  if (batching === null) return [1];
  const { allowedBatchSizes, maxBatchSize } = batching;
  if (allowedBatchSizes.length > 0) return allowedBatchSizes;
  const largest = Math.min(maxBatchSize ?? LARGEST_WARMUP_BATCH, LARGEST_WARMUP_BATCH);
  return largest > 1 ? [1, largest] : [1];
}

/** The engine's own threads, and how much may wait for them. */
export function poolOptions(options: Options): PoolOptions {
  const { inferenceThreads, maxQueuedRequests, maxQueueTimeInMs } = options;
  return {
    ...(inferenceThreads > 0 ? { threads: inferenceThreads } : {}),
    maxQueued: maxQueuedRequests,
    maxQueueTimeMs: maxQueueTimeInMs,
  };
}
