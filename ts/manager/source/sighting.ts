import type { ServingError } from '../../errors.js';
import type { Content } from '../servable.js';

/** A version that can be loaded. */
export interface FoundVersion extends Content {
  readonly version: bigint;
}

/** What a source saw of one model. */
export type Sighting =
  | {
      readonly kind: 'versions';
      /** Versions to serve, highest first; `null` keeps what is served now. */
      readonly aspired: readonly FoundVersion[] | null;
      /** Versions that are wanted but still being copied. */
      readonly waiting: readonly bigint[];
      /** Why there is no version to serve; `null` when there is one or the config asks for none. */
      readonly error: ServingError | null;
    }
  /** The base path could not be read: what is served stays. */
  | { readonly kind: 'unreadable'; readonly error: ServingError };
