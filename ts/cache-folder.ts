import { homedir } from 'node:os';
import { join } from 'node:path';

/** Where Servable keeps what it can fetch or make again: `$XDG_CACHE_HOME/servable`, else the system's place for a user's caches. */
export function cacheRoot(
  env: Readonly<Record<string, string | undefined>>,
  platform: NodeJS.Platform,
): string {
  const home = env.HOME ?? homedir();
  if (env.XDG_CACHE_HOME) return join(env.XDG_CACHE_HOME, 'servable');
  return platform === 'darwin'
    ? join(home, 'Library', 'Caches', 'servable')
    : join(home, '.cache', 'servable');
}
