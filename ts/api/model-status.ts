import { ServingError } from '../errors.js';
import type { Catalog, ModelStatus, VersionStatus } from '../native/catalog.js';

/** What the protocols read of the catalog. */
export type CatalogReader = Pick<Catalog, 'status' | 'list' | 'source' | 'metadata' | 'ready'>;

/**
 * The versions a status request asks for, descending.
 *
 * @throws {ServingError} `NOT_FOUND` no such model or version; `INVALID_ARGUMENT` unknown label; TensorFlow Serving's texts, and for a
 *   model that is configured what is wrong with its base path
 */
export function versionStatuses(
  catalog: CatalogReader,
  choice: { name: string; version: bigint | null; label: string | null },
): readonly VersionStatus[] {
  const model = catalog.status(choice.name);
  if (model === null || model.versions.length === 0) {
    const reason = catalog.source(choice.name)?.message ?? '';
    throw new ServingError(
      'NOT_FOUND',
      `Could not find any versions of model ${choice.name}${reason === '' ? '' : `: ${reason}`}`,
    );
  }
  const version = choice.label === null ? choice.version : labelled(model, choice.label);
  if (version === null) return model.versions;
  const found = model.versions.find((status) => status.version === version);
  if (found === undefined) {
    throw new ServingError(
      'NOT_FOUND',
      `Could not find version ${version} of model ${choice.name}`,
    );
  }
  return [found];
}

function labelled(model: ModelStatus, label: string): bigint {
  const entry = model.labels.find((candidate) => candidate.label === label);
  if (entry === undefined) {
    throw new ServingError('INVALID_ARGUMENT', `Unrecognized servable version label: ${label}`);
  }
  return entry.version;
}

/** Whether requests for the newest version of the model can be answered. */
export function isServing(model: ModelStatus): boolean {
  return model.versions.some((status) => status.state === 'AVAILABLE');
}

/** Whether requests for one of these versions are answered: at once, or after the load that they start. */
export function welcomes(
  catalog: CatalogReader,
  name: string,
  versions: readonly VersionStatus[],
): boolean {
  if (versions.some(({ state }) => state === 'AVAILABLE')) return true;
  const onDemand = catalog.source(name)?.onDemand ?? false;
  return onDemand && versions.some(({ state }) => state === 'START' || state === 'LOADING');
}
