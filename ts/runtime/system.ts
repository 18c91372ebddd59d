import { execFile } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { absent, type Candidate, judge, libraryIn } from './candidate.js';
import { acceptedNames, type Host } from './platform.js';

const LDCONFIG_MS = 5_000;

/** Libraries the dynamic linker's cache knows, by file name → path. */
function linkerCache(): Promise<Map<string, string>> {
  const program = ['/sbin/ldconfig', '/usr/sbin/ldconfig'].find((path) => existsSync(path));
  if (program === undefined) return Promise.resolve(new Map());
  return new Promise((resolve) => {
    const options = { timeout: LDCONFIG_MS, maxBuffer: 64 * 1024 * 1024 };
    execFile(program, ['-p'], options, (error, stdout) => {
      const found = new Map<string, string>();
      // Without a linker cache (a minimal image) the folders below are still looked at.
      const lines = error === null ? stdout.split('\n') : [];
      for (const line of lines) {
        const match = /^\s*(libtensorflow\S*)\s.*=>\s*(\S+)$/.exec(line);
        if (match?.[1] !== undefined && match[2] !== undefined) found.set(match[1], match[2]);
      }
      resolve(found);
    });
  });
}

function folders(env: Readonly<Record<string, string | undefined>>, host: Host): string[] {
  const fromEnv = host.platform === 'darwin' ? env.DYLD_LIBRARY_PATH : env.LD_LIBRARY_PATH;
  const own = (fromEnv ?? '').split(':').filter((folder) => folder !== '');
  const machine = host.arch === 'arm64' ? 'aarch64' : 'x86_64';
  const standard =
    host.platform === 'darwin'
      ? ['/opt/homebrew/lib', '/usr/local/lib']
      : ['/usr/local/lib', '/usr/lib', `/usr/lib/${machine}-linux-gnu`, '/usr/lib64'];
  return [...own, ...standard];
}

/** Libraries installed for the whole system: the linker's search path, its cache, then the standard folders. */
export async function* systemLibraries(world: {
  env: Readonly<Record<string, string | undefined>>;
  host: Host;
}): AsyncGenerator<Candidate> {
  const { env, host } = world;
  const seen = new Set<string>();
  const places: string[] = [];
  if (host.platform === 'linux') {
    const cache = await linkerCache();
    for (const name of acceptedNames(host.platform)) {
      const path = cache.get(name);
      if (path !== undefined) places.push(path);
    }
  }
  const looked = folders(env, host);
  for (const folder of looked) {
    const path = libraryIn(folder, host.platform);
    if (path !== null) places.push(path);
  }
  for (const path of places) {
    // One file has many names; the inode tells them apart.
    const file = statSync(path, { throwIfNoEntry: false });
    const key = file === undefined ? path : `${file.dev}:${file.ino}`;
    if (seen.has(key)) continue;
    seen.add(key);
    const origin = dirname(path);
    yield judge({ source: 'system', origin, path: join(path), version: null }, host);
  }
  if (seen.size === 0) yield absent('system', looked.join(':'), 'no TensorFlow library');
}
