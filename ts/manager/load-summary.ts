import { ServingError } from '../errors.js';
import type { Servable } from './servable.js';

/** A version whose load failed. */
export interface FailedVersion {
  readonly version: bigint;
  readonly error: ServingError;
  /** No retry is planned: only a change of its directory starts a new attempt. */
  readonly final: boolean;
}

/** What became of one model. */
export interface ModelSummary {
  readonly name: string;
  /** Descending. */
  readonly available: readonly bigint[];
  /** Descending. */
  readonly failed: readonly FailedVersion[];
  /** Why there is nothing to load: the base path is missing, unreadable or holds no version. Else `null`. */
  readonly error: ServingError | null;
}

/** What became of a model, from its servables, highest version first. */
export function modelSummary(
  name: string,
  servables: readonly Servable[],
  error: ServingError | null,
): ModelSummary {
  const failed = servables.filter((it) => it.aspired && it.state === 'END' && it.health !== null);
  return {
    name,
    available: servables.filter((it) => it.state === 'AVAILABLE').map((it) => it.version),
    failed: failed.map(
      (it): FailedVersion => ({
        version: it.version,
        error: it.health ?? new ServingError('UNKNOWN', 'not loaded'),
        final: it.retry === null,
      }),
    ),
    error,
  };
}

/** What became of the models of a config, in its order. */
export interface LoadSummary {
  readonly models: readonly ModelSummary[];
}

/** Whether no model answers and none will without a change from outside. */
export function failedForGood({ models }: LoadSummary): boolean {
  return (
    models.length > 0 &&
    models.every(
      ({ available, failed, error }) =>
        available.length === 0 &&
        error === null &&
        failed.length > 0 &&
        failed.every((it) => it.final),
    )
  );
}

/**
 * TensorFlow Serving's error for models that did not load, or `null` when each has an available version.
 *
 * @param noun `servable(s)` at start-up, `model(s)` at a reload
 */
export function loadError(
  { models }: LoadSummary,
  noun: 'servable(s)' | 'model(s)',
): ServingError | null {
  const broken = models.filter(({ available }) => available.length === 0);
  if (broken.length === 0) return null;
  const reasons = broken.flatMap(({ name, failed, error }) => {
    if (failed.length === 0) return [reason(`{name: ${name}}`, error)];
    return failed.map((it) => reason(`{name: ${name} version: ${it.version}}`, it.error));
  });
  const count = noun === 'model(s)' ? broken.length : reasons.length;
  return new ServingError(
    'UNKNOWN',
    `${count} ${noun} did not become available: {${reasons.join('')}}`,
  );
}

function reason(servable: string, error: ServingError | null): string {
  const text = error === null ? 'UNKNOWN: not loaded' : `${error.code}: ${error.message}`;
  return `{${servable} due to error: ${text}}, `;
}
