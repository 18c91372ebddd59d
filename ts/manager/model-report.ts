import type { ServingError } from '../errors.js';
import type { VersionStatus } from '../native/catalog.js';
import type { ServedModel } from './model.js';
import type { ModelConfig } from './model-config.js';

/** One version as an operator sees it. */
export interface VersionReport extends VersionStatus {
  /** What it is taken to need in memory; 0 while it is not there. */
  readonly memoryBytes: number;
}

/** One configured model as an operator sees it. */
export interface ModelReport {
  readonly config: ModelConfig;
  /** It is loaded at its first request. */
  readonly onDemand: boolean;
  /** Highest first. */
  readonly versions: readonly VersionReport[];
  /** Why there is nothing to load; else null. */
  readonly error: ServingError | null;
}

/** What there is to say of one model. */
export function modelReport(config: ModelConfig, model: ServedModel): ModelReport {
  const memory = model.memory();
  return {
    config,
    onDemand: model.onDemand,
    versions: model
      .statuses()
      .map((status) => ({ ...status, memoryBytes: memory.get(status.version) ?? 0 })),
    error: model.summary().error,
  };
}
