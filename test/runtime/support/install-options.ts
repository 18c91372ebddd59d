import { existsSync, readdirSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { REAL_DISK } from '../../../ts/runtime/disk.js';
import type { InstallOptions } from '../../../ts/runtime/install.js';
import type { InstallEvent } from '../../../ts/runtime/install-context.js';
import type { FakeIndex } from './fake-index.js';
import { type FakeWheel, HOST, VERSION } from './fake-wheel.js';

/** A world of its own: cache, settings and what was told. */
export interface World {
  readonly home: string;
  /** Where the CPU install of the fake version goes. */
  readonly folder: string;
  readonly events: InstallEvent[];
  options(changes?: Partial<InstallOptions>): InstallOptions;
}

/** Makes a world in a new temporary folder. */
export async function makeWorld(wheel: FakeWheel, index: FakeIndex | null): Promise<World> {
  const home = await mkdtemp(join(tmpdir(), 'servable-runtime-'));
  const events: InstallEvent[] = [];
  return {
    home,
    folder: join(home, 'cache', 'servable', 'runtime', `${VERSION}-cpu`),
    events,
    options: (changes = {}) => ({
      version: VERSION,
      cuda: null,
      folder: null,
      indexUrl: index?.url ?? null,
      full: false,
      from: [],
      strip: true,
      force: false,
      env: { HOME: home, XDG_CACHE_HOME: join(home, 'cache') },
      host: HOST,
      pins: wheel.pins,
      disk: REAL_DISK,
      signal: new AbortController().signal,
      backOffMs: 5,
      onEvent: (event) => events.push(event),
      ...changes,
    }),
  };
}

/** Every file below a folder, relative and sorted; empty when there is no such folder. */
export function filesBelow(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort();
}
