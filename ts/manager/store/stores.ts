import { fileURLToPath } from 'node:url';
import { ServingError, toServingError } from '../../errors.js';
import { connect, type LoadOpendal } from './connect.js';
import type { FetchProgress } from './fetch-version.js';
import { archiveTimes, LocalPlace } from './local-place.js';
import { isRemote, parseRemote, schemeOf, shown } from './location.js';
import { ModelCache } from './model-cache.js';
import { cancelled, type ObjectStore } from './object-store.js';
import type { Place } from './place.js';
import { RemotePlace } from './remote-place.js';
import type { StoreOptions } from './settings.js';

/** A version on the local disk. */
export interface FetchedVersion {
  /** The SavedModel's folder. */
  readonly path: string;
  /** Lets the cache remove the files again; call it once they are no longer needed. */
  release(): void;
}

/** What is to be fetched. */
export interface FetchRequest {
  /** Path or URI of the version, as its place gave it. */
  readonly location: string;
  /** What the last look at it saw. */
  readonly fingerprint: string;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: FetchProgress) => void;
}

/** Where models come from: local folders, object stores, web servers, and archives in any of them. */
export interface Stores {
  /**
   * The place of a base path. Nothing is asked of it yet.
   *
   * @throws {ServingError} `INVALID_ARGUMENT` for a scheme that is not served
   */
  place(basePath: string): Place;
  /** Whether a version must be fetched or unpacked before it can be loaded. */
  needsFetch(location: string): Promise<boolean>;
  /** Brings a version to the local disk, or finds it there. Requests for the same version share one download. */
  fetch(request: FetchRequest): Promise<FetchedVersion>;
}

interface Job {
  readonly result: Promise<string>;
  readonly abort: AbortController;
  readonly listeners: Set<(progress: FetchProgress) => void>;
}

/** The stores of one server, with their common cache. */
export class ModelStores implements Stores {
  readonly #options: StoreOptions;
  readonly #load: LoadOpendal | undefined;
  readonly #cache: ModelCache;
  readonly #connections = new Map<string, Promise<ObjectStore>>();
  readonly #jobs = new Map<string, Job>();

  /** @param load loads the object store library; npm's `opendal` when left out */
  constructor(options: StoreOptions, load?: LoadOpendal) {
    this.#options = options;
    this.#load = load;
    this.#cache = new ModelCache(options.modelCacheDir, options.modelCacheMaxBytes);
  }

  place(basePath: string): Place {
    return isRemote(basePath) ? this.#remote(basePath) : new LocalPlace(localPath(basePath), true);
  }

  async needsFetch(location: string): Promise<boolean> {
    return isRemote(location) || (await archiveTimes(location)) !== null;
  }

  async fetch(request: FetchRequest): Promise<FetchedVersion> {
    const { location, fingerprint, signal, onProgress } = request;
    const key = this.#cache.key(location, fingerprint);
    await this.#cache.pin(key);
    let job = this.#jobs.get(key);
    if (job === undefined || job.abort.signal.aborted) {
      job = this.#begin(key, location, fingerprint);
      this.#jobs.set(key, job);
    }
    job.listeners.add(onProgress);
    try {
      const path = await unlessAborted(job.result, signal, location);
      return { path, release: once(() => this.#cache.unpin(key)) };
    } catch (error) {
      await this.#cache.unpin(key);
      throw error;
    } finally {
      job.listeners.delete(onProgress);
      // The download goes on for as long as somebody waits for it.
      if (job.listeners.size === 0) job.abort.abort();
    }
  }

  #begin(key: string, location: string, fingerprint: string): Job {
    const abort = new AbortController();
    const listeners = new Set<(progress: FetchProgress) => void>();
    const result = this.#find(key, location, fingerprint, abort.signal, (progress) => {
      for (const listener of listeners) listener(progress);
    })
      .catch((error: unknown) => {
        throw storageError(location, error);
      })
      .finally(() => {
        if (this.#jobs.get(key)?.abort === abort) this.#jobs.delete(key);
      });
    return { result, abort, listeners };
  }

  async #find(
    key: string,
    location: string,
    fingerprint: string,
    signal: AbortSignal,
    onProgress: (progress: FetchProgress) => void,
  ): Promise<string> {
    const cached = await this.#cache.find(key);
    if (cached !== null) return cached;
    const { fetchVersion } = await import('./fetch-version.js');
    const place = isRemote(location) ? this.#remote(location) : null;
    return await fetchVersion({
      place,
      location,
      fingerprint,
      cache: this.#cache,
      key,
      signal,
      onProgress,
    });
  }

  #remote(uri: string): RemotePlace {
    const location = parseRemote(uri);
    const { scheme, bucket, query, login } = location;
    const name = `${scheme}://${login}@${bucket}${query}`;
    let store = this.#connections.get(name);
    if (store === undefined) {
      const limits = {
        timeoutMs: this.#options.storeTimeoutSeconds * 1000,
        retryPauseMs: this.#options.storeRetryPauseMs,
      };
      store = connect(location, this.#options.source, limits, this.#load);
      // Told to whoever asks something of it.
      store.catch(() => undefined);
      this.#connections.set(name, store);
    }
    return new RemotePlace(uri, store);
  }
}

/**
 * The local path of a base path without a store.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` for a URI of another scheme than `file:`
 */
export function localPath(basePath: string): string {
  const scheme = schemeOf(basePath);
  if (scheme === null) return basePath;
  if (scheme === 'file') return fileURLToPath(basePath);
  throw new ServingError(
    'INVALID_ARGUMENT',
    `base path ${shown(basePath)}: got scheme "${scheme}", wanted an absolute path, file://, s3://, oss://, gs://, az:// or https://`,
  );
}

function unlessAborted<T>(work: Promise<T>, signal: AbortSignal, location: string): Promise<T> {
  // The one who waits may leave first; the failure is then nobody's.
  work.catch(() => undefined);
  if (signal.aborted) return Promise.reject(cancelled(shown(location)));
  return new Promise((resolve, reject) => {
    const stop = () => reject(cancelled(shown(location)));
    signal.addEventListener('abort', stop, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
  });
}

function storageError(location: string, error: unknown): ServingError {
  const code = (error as NodeJS.ErrnoException).code;
  if (!(error instanceof ServingError) && (code === 'ENOSPC' || code === 'EDQUOT')) {
    return new ServingError(
      'RESOURCE_EXHAUSTED',
      `${shown(location)}: no space left in the model cache`,
      { cause: error },
    );
  }
  return toServingError(error);
}

function once(action: () => Promise<void>): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    // The mark of a process that has ended does not count, so a failure here costs nothing.
    action().catch(() => undefined);
  };
}
