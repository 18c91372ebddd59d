import type { BatchingParameters } from '../batching.js';
import type { BatchingCountersInfo, BucketsInfo, NativeBatchingParameters } from './binding.js';
import { addon, call } from './load.js';

/** Numbers counted into buckets. */
export type Buckets = BucketsInfo;

/** Counts of all batches of this process. */
export type BatchingCounters = BatchingCountersInfo;

/** Parameters as the addon takes them. */
export function nativeParameters(parameters: BatchingParameters): NativeBatchingParameters {
  const { threadPoolName: _, mode, autoShare, allowedBatchSizes, ...rest } = parameters;
  return {
    ...rest,
    allowedBatchSizes: [...allowedBatchSizes],
    autoShare: mode === 'auto' ? autoShare : null,
  };
}

/**
 * Checks parameters.
 *
 * @throws {ServingError} `INVALID_ARGUMENT` with TensorFlow Serving's text for the first value that is wrong
 */
export function checkBatching(parameters: BatchingParameters): void {
  call(() => addon().checkBatching(nativeParameters(parameters)));
}

/** Sets the number of threads that run batches (null: one a core) and the name metrics have for them. */
export function setBatchThreads(threads: number | null, name: string): void {
  call(() => addon().setBatchThreads(threads, name));
}

/** While draining no batch waits for company: what is queued runs as soon as a thread is free. */
export function drainBatches(draining: boolean): void {
  call(() => addon().drainBatches(draining));
}

/** A snapshot of the batching counters. */
export function batchingCounters(): BatchingCounters {
  return call(() => addon().batchingCounters());
}
