import { ServingError } from '../errors.js';
import type { ModelDeps } from './model-deps.js';
import type { Content, Servable } from './servable.js';
import type { FetchProgress } from './store/fetch-version.js';
import type { FetchedVersion } from './store/stores.js';

/** A version that was brought from a store. */
export interface LocalContent {
  readonly content: Content;
  readonly fetched: FetchedVersion;
}

/** What a fetch works with. */
export interface FetchContext {
  readonly name: string;
  readonly deps: ModelDeps;
  /** The servable's `progress` is another now. */
  readonly progressed: () => void;
}

/** Whether a servable's content must be fetched or unpacked before it can be loaded. */
export async function mustFetch({ content }: Servable, { stores }: ModelDeps): Promise<boolean> {
  return content !== null && stores !== undefined && (await stores.needsFetch(content.path));
}

/**
 * Brings the content of a servable to the local disk. `servable.fetch` ends it early.
 *
 * @throws {ServingError} `CANCELLED` when the version is no longer wanted, else what is wrong with the store or the version
 */
export async function fetchContent(
  servable: Servable,
  content: Content,
  { name, deps, progressed }: FetchContext,
): Promise<LocalContent> {
  const { stores, events, clock } = deps;
  if (stores === undefined) throw new ServingError('INTERNAL', `${content.path}: no stores`);
  const abort = new AbortController();
  servable.fetch = abort;
  const begun = clock.now();
  const { version } = servable;
  try {
    const fetched = await stores.fetch({
      location: content.path,
      fingerprint: content.fingerprint,
      signal: abort.signal,
      onProgress: (progress) => {
        if (servable.fetch !== abort) return;
        events.emit('fetching', { name, version, progress });
        const text = progressText(progress);
        if (text === servable.progress) return;
        servable.progress = text;
        progressed();
      },
    });
    if (!servable.aspired) {
      fetched.release();
      throw new ServingError('CANCELLED', 'Loading of servable cancelled');
    }
    const fetchMs = clock.now() - begun;
    events.emit('fetched', { name, version, path: fetched.path, fetchMs });
    return { content, fetched };
  } catch (error) {
    if (servable.aspired) throw error;
    throw new ServingError('CANCELLED', 'Loading of servable cancelled', { cause: error });
  } finally {
    servable.fetch = null;
    servable.progress = '';
  }
}

/** Such as `downloading 12 of 80 MB`. */
export function progressText({ phase, receivedBytes, totalBytes }: FetchProgress): string {
  if (phase === 'unpacking') return 'unpacking';
  const large = (totalBytes ?? receivedBytes) >= 1e6;
  const count = (bytes: number) => Math.floor(bytes / (large ? 1e6 : 1e3));
  const of = totalBytes === null ? '' : ` of ${count(totalBytes)}`;
  return `downloading ${count(receivedBytes)}${of} ${large ? 'MB' : 'kB'}`;
}
