import { createHash } from 'node:crypto';
import { ServingError } from '../../errors.js';
import { hasSavedModel, type Inspection } from '../source/version-directory.js';
import { childUri, isArchive, parseRemote, shown } from './location.js';
import type { ObjectStore, StoredFile } from './object-store.js';
import type { Place, PlaceListing } from './place.js';

/** What a version in a store is made of. */
export interface StoredVersion {
  readonly files: readonly StoredFile[];
  /** Equal listings have equal fingerprints. */
  readonly fingerprint: string;
  /** The one file is an archive to unpack. */
  readonly archive: boolean;
}

/** A prefix in a bucket, or a folder of a web server. */
export class RemotePlace implements Place {
  readonly archives = true;
  readonly location: string;
  /** Connected once its code is loaded. */
  readonly store: Promise<ObjectStore>;

  constructor(uri: string, store: Promise<ObjectStore>) {
    this.location = uri;
    this.store = store;
  }

  async list(): Promise<PlaceListing> {
    const { path } = parseRemote(this.location);
    const store = await this.store;
    if (isArchive(this.location)) {
      await store.stat(path);
      return { names: [], isVersion: true };
    }
    const { files, folders } = await store.list(path);
    // A folder called `1.zip` is no archive, and unlike a local one cannot be told from it later.
    const plain = folders.filter((name) => !isArchive(name));
    return { names: [...files.map(({ name }) => name), ...plain], isVersion: false };
  }

  child(name: string): string {
    return childUri(this.location, name);
  }

  async inspect(location: string): Promise<Inspection> {
    try {
      const { files, fingerprint, archive } = await this.version(location);
      const complete = archive
        ? files[0]?.size !== 0
        : hasSavedModel(files.map(({ name }) => name));
      return { fingerprint, complete, paths: [] };
    } catch (error) {
      // What is wrong with one version is no news of the others; the download will tell it as that version's error.
      if (error instanceof ServingError && error.code !== 'UNAVAILABLE') {
        return { fingerprint: error.message, complete: false, paths: [] };
      }
      throw error;
    }
  }

  timed(): null {
    return null;
  }

  /** Listings carry no cheaper sign than the listing itself; the watcher spaces them out. */
  async glance(): Promise<string | null> {
    return 'listed';
  }

  /** The files of a version now. `NOT_FOUND` when there is none. */
  async version(location: string): Promise<StoredVersion> {
    const { path } = parseRemote(location);
    const archive = isArchive(location);
    const store = await this.store;
    const files = archive ? [await store.stat(path)] : await store.walk(path);
    if (files.length === 0) {
      throw new ServingError(
        'NOT_FOUND',
        `${shown(location)}: holds no files, wanted a folder with saved_model.pb, or an archive`,
      );
    }
    return { files, archive, fingerprint: fingerprintOf(files) };
  }
}

function fingerprintOf(files: readonly StoredFile[]): string {
  const lines = files.map(({ name, size, tag }) => `${name}\0${size}\0${tag}\n`).sort();
  return createHash('sha1').update(lines.join('')).digest('base64');
}
