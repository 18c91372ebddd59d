import type { BatchingSettings } from './batching.js';
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
  const how: WarmupOptions = {
    iterations: options.numRequestIterationsForWarmup,
    auto: options.autoWarmup,
    batchSizes: [1],
    checkMethodName: options.enableSignatureMethodNameCheck,
  };
  return { warmUp: (model) => warmUp(model, how) };
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
