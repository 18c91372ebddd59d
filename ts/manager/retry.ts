import type { CodeName } from '../errors.js';
import type { ManagerOptions } from './options.js';

/** Failures that may heal by themselves; all others need other content. */
const MAY_HEAL: ReadonlySet<CodeName> = new Set([
  'CANCELLED',
  'UNKNOWN',
  'DEADLINE_EXCEEDED',
  'RESOURCE_EXHAUSTED',
  'ABORTED',
  'INTERNAL',
  'UNAVAILABLE',
]);
/** Failures to fetch that no later attempt heals: a store's 403 or 404 may be put right without another listing. */
const FETCH_IS_FINAL: ReadonlySet<CodeName> = new Set(['INVALID_ARGUMENT', 'FAILED_PRECONDITION']);
const LONGEST_PAUSE_MS = 600_000;

/**
 * Milliseconds until a failed load is tried again, or `null` when it is not.
 *
 * @param fetching it failed before the load, while it was brought from a store
 * @param attempts how often the same content has been tried, at least 1
 */
export function retryDelayMs(
  code: CodeName,
  fetching: boolean,
  attempts: number,
  options: Pick<ManagerOptions, 'maxNumLoadRetries' | 'loadRetryIntervalMicros'>,
): number | null {
  const heals = fetching ? !FETCH_IS_FINAL.has(code) : MAY_HEAL.has(code);
  if (!heals || attempts > options.maxNumLoadRetries) return null;
  const first = Math.max(options.loadRetryIntervalMicros, 0) / 1000;
  return Math.min(first * 2 ** (attempts - 1), Math.max(first, LONGEST_PAUSE_MS));
}
