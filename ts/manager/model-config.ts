import { isDeepStrictEqual } from 'node:util';
import type { ModelBatching } from '../batching.js';
import type { LoggingConfig } from '../codec/messages.js';

/** The only platform there is. */
export const PLATFORM = 'tensorflow';

/** Which of the versions found under a base path are served. */
export type VersionPolicy =
  | { readonly kind: 'latest'; readonly numVersions: number }
  | { readonly kind: 'all' }
  | { readonly kind: 'specific'; readonly versions: readonly bigint[] };

/** One configured model. */
export interface ModelConfig {
  readonly name: string;
  /** Absolute path or URI of a local folder or of a store; its children named as integers are the versions. An archive is version 1. */
  readonly basePath: string;
  readonly versionPolicy: VersionPolicy;
  readonly versionLabels: ReadonlyMap<string, bigint>;
  /** Tags of the MetaGraph to load; the server's when left out. */
  readonly tags?: readonly string[];
  /** `tensorflow` when left out; nothing else is served. */
  readonly platform?: string;
  /** How its requests are batched, whatever the server's options say; `false`: they are not. */
  readonly batching?: ModelBatching | false;
  /** Which requests are recorded; none when left out. */
  readonly logging?: LoggingConfig;
}

/** Whether two configs ask for the same. */
export function sameConfig(a: ModelConfig, b: ModelConfig): boolean {
  const complete = (config: ModelConfig) => ({ ...config, platform: config.platform ?? PLATFORM });
  return isDeepStrictEqual(complete(a), complete(b));
}
