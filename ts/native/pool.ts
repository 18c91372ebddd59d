import { addon, call } from './load.js';

/** The engine's own threads, shared by every queue and by the library; fixed once the first job runs. */
export interface PoolOptions {
  /** Threads; default one per core. */
  threads?: number;
  /** Jobs that may wait; more are refused with `UNAVAILABLE`. Default 4096. */
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

/** Whether a server's request would be refused now, because too many wait for the pool. */
export function poolIsFull(): boolean {
  return addon().poolIsFull();
}
