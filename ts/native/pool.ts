import { addon, call } from './load.js';

/** The engine's own threads, shared by every queue and by the library; fixed once the first job runs. */
export interface PoolOptions {
  /** Threads; default one per core. */
  threads?: number;
  /** Jobs that may wait; more of a model are refused with `UNAVAILABLE` unless it has less than its share of them. Default 4096. */
  maxQueued?: number;
  /** Requests of a server that would wait longer are refused too; 0 never. Default 2000. */
  maxQueueTimeMs?: number;
}

/**
 * Sizes the pool of this process.
 *
 * @throws {ServingError} `FAILED_PRECONDITION` once the pool has started with other settings
 */
export function configurePool(options: PoolOptions): void {
  const { threads = null, maxQueued = null, maxQueueTimeMs = null } = options;
  call(() => addon().configurePool(threads, maxQueued, maxQueueTimeMs));
}
