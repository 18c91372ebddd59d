import type { EventEmitter } from 'node:events';
import type { BatchingParameters } from '../batching.js';
import type { Catalog } from '../native/catalog.js';
import type { LoadedModel, LoadOptions } from '../native/model.js';
import type { WarmupReport } from '../native/warmup.js';
import type { Clock } from './clock.js';
import type { ManagerEvents } from './events.js';
import type { Limiter } from './limiter.js';
import type { MemoryBudget } from './memory.js';
import type { ManagerOptions } from './options.js';
import type { Stores } from './store/stores.js';

/** The part of the catalog that the manager writes. */
export type CatalogWriter = Pick<
  Catalog,
  'publish' | 'withdraw' | 'setLabels' | 'setStatus' | 'setSource' | 'remove'
>;

/** Where a model comes from. */
export interface LoadOrigin {
  /** From a store that others may write to. */
  readonly remote: boolean;
}

/** Loads a SavedModel; rejects with a `ServingError`. */
export type LoadModel = (options: LoadOptions, origin: LoadOrigin) => Promise<LoadedModel>;

/** Runs a loaded model before requests find it; rejects with a `ServingError`, which fails the load. */
export type WarmUp = (
  model: LoadedModel,
  batching: BatchingParameters | null,
) => Promise<WarmupReport>;

/** What one model gets from the manager. */
export interface ModelDeps {
  readonly catalog: CatalogWriter;
  readonly loadModel: LoadModel;
  /** Without it no model is warmed up. */
  readonly warmUp?: WarmUp;
  readonly clock: Clock;
  readonly options: ManagerOptions;
  readonly events: EventEmitter<ManagerEvents>;
  readonly loads: Limiter;
  readonly unloads: Limiter;
  readonly memory: MemoryBudget;
  /** Remote stores and archives; without them only local folders are served. */
  readonly stores?: Stores;
  readonly warn: (name: string, text: string) => void;
  /** Called after every step: something may have settled. */
  readonly changed: () => void;
}
