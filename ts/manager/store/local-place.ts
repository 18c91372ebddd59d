import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import {
  errorCode,
  glance,
  type Inspection,
  inspectDirectory,
} from '../source/version-directory.js';
import { isArchive } from './location.js';
import type { Place, PlaceListing } from './place.js';

/** A local folder, or a local archive. */
export class LocalPlace implements Place {
  readonly archives: boolean;
  readonly location: string;

  /** @param archives whether archives can be unpacked here */
  constructor(path: string, archives: boolean) {
    this.location = path;
    this.archives = archives;
  }

  async list(): Promise<PlaceListing> {
    if (this.archives && (await archiveTimes(this.location)) !== null) {
      return { names: [], isVersion: true };
    }
    return { names: await readdir(this.location), isVersion: false };
  }

  child(name: string): string {
    return join(this.location, name);
  }

  async inspect(location: string): Promise<Inspection> {
    const times = this.archives ? await archiveTimes(location) : null;
    if (times === null) return await inspectDirectory(location);
    return { fingerprint: times, complete: !times.startsWith('0 '), paths: [location] };
  }

  timed(locations: readonly string[]): string[] {
    return [
      this.location,
      ...locations.flatMap((it) => (isArchive(it) ? [it] : [it, join(it, 'saved_model.pb')])),
    ];
  }

  async glance(location: string): Promise<string | null> {
    return (this.archives ? await archiveTimes(location) : null) ?? (await glance(location));
  }
}

/** Size and times of an archive file, or `null` for what is none: a folder may be called `1.zip` too. */
export async function archiveTimes(path: string): Promise<string | null> {
  if (!isArchive(path)) return null;
  try {
    const stats = await stat(path, { bigint: true });
    return stats.isFile() ? `${stats.size} ${stats.mtimeNs} ${stats.ctimeNs}` : null;
  } catch (error) {
    if (errorCode(error).startsWith('E')) return null;
    throw error;
  }
}
