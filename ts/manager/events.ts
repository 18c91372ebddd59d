import type { ServingError } from '../errors.js';
import type { State } from '../native/catalog.js';
import type { WarmupReport } from '../native/warmup.js';
import type { FetchProgress } from './store/fetch-version.js';

/** A servable: one version of one model. */
export interface ServableId {
  readonly name: string;
  readonly version: bigint;
}

/** Every event of the manager with its arguments. */
export interface ManagerEvents {
  /** A servable changed its state; `error` is its health when it ended with a failure. */
  state: [event: ServableId & { readonly state: State; readonly error: ServingError | null }];
  /** A load has begun; `attempt` counts from 1. `reload` replaces the content of an available version. */
  loading: [event: ServableId & { readonly attempt: number; readonly reload: boolean }];
  /** A version that lies in a store or an archive is being brought to the local disk; comes often. */
  fetching: [event: ServableId & { readonly progress: FetchProgress }];
  /** It is there, downloaded or found in the cache. */
  fetched: [event: ServableId & { readonly path: string; readonly fetchMs: number }];
  /** A model was run before requests find it. */
  warmed: [event: ServableId & { readonly report: WarmupReport }];
  /** A load succeeded and requests find the servable. */
  loaded: [event: ServableId & { readonly loadMs: number; readonly reload: boolean }];
  /** A load failed; `retryInMs` is `null` when no retry is planned. */
  failed: [event: ServableId & { readonly error: ServingError; readonly retryInMs: number | null }];
  /** A signature of a batched version is run one request at a time. */
  unbatched: [event: ServableId & { readonly signature: string; readonly reason: string }];
  /** A base path could not be read, or can be read again (`null`). Sent when it changes, not at every look. */
  source: [event: { readonly name: string; readonly error: ServingError | null }];
  /** A new config is in force. */
  config: [event: { readonly names: readonly string[] }];
}
