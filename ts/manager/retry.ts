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
const LONGEST_PAUSE_MS = 600_000;

/**
 * Milliseconds until a failed load is tried again, or `null` when it is not.
 *
 * @param attempts how often the same content has been tried, at least 1
 */
export function retryDelayMs(
  code: CodeName,
  attempts: number,
  options: Pick<ManagerOptions, 'maxNumLoadRetries' | 'loadRetryIntervalMicros'>,
): number | null {
  if (!MAY_HEAL.has(code) || attempts > options.maxNumLoadRetries) return null;
  const first = Math.max(options.loadRetryIntervalMicros, 0) / 1000;
  return Math.min(first * 2 ** (attempts - 1), Math.max(first, LONGEST_PAUSE_MS));
}
