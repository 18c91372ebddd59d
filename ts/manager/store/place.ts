import type { Inspection } from '../source/version-directory.js';

/** What lies under a base path, as far as a look at its children tells. */
export interface PlaceListing {
  /** Names of the children. */
  readonly names: readonly string[];
  /** The base path is one version itself, as an archive is. */
  readonly isVersion: boolean;
}

/**
 * A base path that versions are found under: a local folder, or a prefix in a store.
 *
 * A version is known by its location: a path or a URI that the same place made.
 */
export interface Place {
  /** Where archives such as `1.zip` count as versions. */
  readonly archives: boolean;
  /** Looks at the children. Rejects with a `ServingError`, or with the system's error for a local folder. */
  list(): Promise<PlaceListing>;
  /** The location of a child. */
  child(name: string): string;
  /** The location of the base path itself. */
  readonly location: string;
  /** Looks through a version without reading its files. A store's outage rejects; anything else is part of the fingerprint. */
  inspect(location: string): Promise<Inspection>;
  /** The paths whose times tell whether versions at these locations, or the children, have changed; `null` where times do not tell. */
  timed(locations: readonly string[]): string[] | null;
  /** A cheap look that tells whether a version was replaced; `null` where only `inspect` tells. */
  glance(location: string): Promise<string | null>;
}
