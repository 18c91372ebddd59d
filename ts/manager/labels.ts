import { ServingError } from '../errors.js';
import type { ModelConfig } from './model-config.js';

/** A label map as the catalog takes it. */
export function labelList(config: ModelConfig): { label: string; version: bigint }[] {
  return [...config.versionLabels].map(([label, version]) => ({ label, version }));
}

/**
 * Checks the labels of one model before a new config comes into force.
 *
 * A label may point at a version that is available. With `allowUnavailable` one that is new for the model, or stays where it was, may
 * point anywhere; moving a label to a version that is not available is refused always.
 *
 * @throws {ServingError} `FAILED_PRECONDITION` with TensorFlow Serving's text
 */
export function checkLabels(
  next: ModelConfig,
  current: ModelConfig | null,
  isAvailable: (version: bigint) => boolean,
  allowUnavailable: boolean,
  force = false,
): void {
  if (force) return;
  for (const [label, version] of next.versionLabels) {
    if (isAvailable(version)) continue;
    const before = current?.versionLabels.get(label);
    if (allowUnavailable && (before === undefined || before === version)) continue;
    throw new ServingError(
      'FAILED_PRECONDITION',
      `Request to assign label to version ${version} of model ${next.name}, which is not currently available for inference`,
    );
  }
}
