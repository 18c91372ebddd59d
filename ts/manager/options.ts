import { availableParallelism } from 'node:os';
import type { BatchingSettings } from '../batching.js';
import type { LoadOptions } from '../native/model.js';
import { NO_BATCHING } from '../options/batching-config.js';
import type { LoggingPlace } from './logging-rule.js';

/** How models are found, loaded and forgotten. Names are TensorFlow Serving's flags where it has one. */
export interface ManagerOptions {
  /** Seconds between looks for new versions; 0 looks once, below 0 only when asked. */
  readonly fileSystemPollWaitSeconds: number;
  /** Seconds between looks at a remote store at least: every look is a request that costs time and perhaps money. */
  readonly storePollWaitSeconds: number;
  /** Attempts after a failed first one, for failures that time may heal. */
  readonly maxNumLoadRetries: number;
  /** Pause before the first retry; each later one is twice as long, up to ten minutes. Below 0: no pause. */
  readonly loadRetryIntervalMicros: number;
  /** Loads at once until every configured model has settled. */
  readonly numInitialLoadThreads: number;
  /** Loads at once from then on; 0 is one. */
  readonly numLoadThreads: number;
  /** Unloads at once; 0 is no limit, so that a long request of one model never keeps another in memory. */
  readonly numUnloadThreads: number;
  /** Keep the versions of a model whose base path has become empty. */
  readonly servableVersionsAlwaysPresent: boolean;
  /** A label that is new for its model may point at a version that is not loaded. */
  readonly allowVersionLabelsForUnavailableModels: boolean;
  /** Such a label may also be moved there. */
  readonly forceAllowAnyVersionLabelsForUnavailableModels: boolean;
  /** Load models as soon as they are found, or each at its first request. */
  readonly modelLoading: ModelLoading;
  /** Names of models that are loaded at once and stay in memory, whatever `modelLoading` says. */
  readonly pinnedModels: readonly string[];
  /** Bytes for all models, by their estimates; 0 is no limit. */
  readonly totalModelMemoryLimitBytes: number;
  /** Load the new version before the old one is unloaded, or the other way round where memory is short. */
  readonly transitionPolicy: TransitionPolicy;
  /** Seconds that status answers remember a version after its unloading; below 0 is for ever. */
  readonly endedVersionTtlSeconds: number;
  /** Tags of models whose config names none. */
  readonly savedModelTags: readonly string[];
  /** Serialized `tensorflow.ConfigProto` of every session, or `null`. */
  readonly configProto: Uint8Array | null;
  /** Whether TensorFlow's remapper is left off for small dense models. */
  readonly graphRemapping: 'auto' | 'always';
  readonly inputShapeCheck: LoadOptions['inputShapeCheck'];
  /** Which models are looked through for ops that reach beyond them. */
  readonly checkOps: 'remote' | 'all';
  /** Ops that are allowed all the same; `*` is every one. */
  readonly allowedOps: readonly string[];
  /** Folders that links out of a base path may lead into. */
  readonly allowedLinkTargets: readonly string[];
  /** Output of sha256sum with files named `model/version/file`; empty: none. */
  readonly modelChecksumsFile: string;
  /** Refuse versions without checksums. */
  readonly requireChecksums: boolean;
  /** Where the requests of models may be logged; not checked when left out. */
  readonly logging?: LoggingPlace;
  /** How requests are batched. */
  readonly batching: BatchingSettings;
}

/** When models are loaded. */
export type ModelLoading = 'eager' | 'on_demand';

/** In which order a new version takes the place of an old one. */
export type TransitionPolicy = 'availability_preserving' | 'resource_preserving';

/** TensorFlow Serving's values. */
export const defaultManagerOptions: ManagerOptions = {
  fileSystemPollWaitSeconds: 1,
  storePollWaitSeconds: 15,
  maxNumLoadRetries: 5,
  loadRetryIntervalMicros: 60_000_000,
  numInitialLoadThreads: 4 * availableParallelism(),
  numLoadThreads: 0,
  numUnloadThreads: 0,
  servableVersionsAlwaysPresent: false,
  allowVersionLabelsForUnavailableModels: false,
  forceAllowAnyVersionLabelsForUnavailableModels: false,
  modelLoading: 'eager',
  pinnedModels: [],
  totalModelMemoryLimitBytes: 0,
  transitionPolicy: 'availability_preserving',
  endedVersionTtlSeconds: 600,
  savedModelTags: ['serve'],
  configProto: null,
  graphRemapping: 'auto',
  inputShapeCheck: 'auto',
  checkOps: 'remote',
  allowedOps: [],
  allowedLinkTargets: [],
  modelChecksumsFile: '',
  requireChecksums: false,
  batching: NO_BATCHING,
};
