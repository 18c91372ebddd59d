import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';
import type { SettingsSource } from './settings-file.js';

/** How versions in stores are found, fetched and kept. */
export interface StoreOptions {
  /** Folder of the local cache. */
  readonly modelCacheDir: string;
  /** Most bytes the cache may hold; 0 is no limit. */
  readonly modelCacheMaxBytes: number;
  /** Silence after which a request to a store is given up, seconds. */
  readonly storeTimeoutSeconds: number;
  /** Pause before a failed read is tried again, milliseconds. */
  readonly storeRetryPauseMs: number;
  /** Environment and home folder with the stores' credentials. */
  readonly source: SettingsSource;
}

/** The defaults: `$XDG_CACHE_HOME/servable/models` (else `~/.cache/servable/models`), 50 GiB, 30 seconds. */
export function defaultStoreOptions(
  env: Readonly<Record<string, string | undefined>> = process.env,
): StoreOptions {
  const home = env.HOME !== undefined && env.HOME !== '' ? env.HOME : homedir();
  const xdg = env.XDG_CACHE_HOME;
  const cache = xdg !== undefined && isAbsolute(xdg) ? xdg : join(home, '.cache');
  return {
    modelCacheDir: join(cache, 'servable', 'models'),
    modelCacheMaxBytes: 50 * 1024 ** 3,
    storeTimeoutSeconds: 30,
    storeRetryPauseMs: 500,
    source: { env, home },
  };
}
