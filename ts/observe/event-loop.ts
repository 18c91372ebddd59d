import {
  monitorEventLoopDelay,
  type PerformanceEntry,
  PerformanceObserver,
  performance,
} from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import {
  GC_RUNS,
  GC_TIME,
  HEAP_USED,
  LOOP_LAG,
  LOOP_UTILIZATION,
  WORKER_IN_FLIGHT,
} from './definitions.js';
import { count, set } from './registry.js';

/** Time between two looks. A page shows what the last look of each worker found. */
const INTERVAL_MS = 5000;
/** Time between two samples of the lateness: ten wake-ups a second. */
const RESOLUTION_MS = 100;
const QUANTILES = [0.5, 0.99] as const;
/** `kind` of a garbage collection's entry: bits of V8. */
const KINDS: Readonly<Record<number, string>> = {
  1: 'minor',
  4: 'major',
  8: 'incremental',
  16: 'weak',
};

/** Figures of one thread's event loop, told to the registry again and again. */
export class EventLoopFigures {
  readonly #worker: string;
  readonly #inFlight: () => number;
  readonly #delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  readonly #collections: PerformanceObserver;
  readonly #timer: NodeJS.Timeout;
  #utilization = performance.eventLoopUtilization();

  /**
   * Begins to look.
   *
   * @param worker the thread's number
   * @param inFlight requests that it has not answered yet
   */
  constructor(worker: number, inFlight: () => number) {
    this.#worker = String(worker);
    this.#inFlight = inFlight;
    this.#delay.enable();
    this.#collections = new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { duration, detail } = entry as PerformanceEntry & { detail?: { kind?: number } };
        const kind = KINDS[detail?.kind ?? 0] ?? 'other';
        count(GC_TIME, [this.#worker, kind], duration / 1000);
        count(GC_RUNS, [this.#worker, kind]);
      }
    });
    this.#collections.observe({ entryTypes: ['gc'] });
    this.#timer = setInterval(() => this.look(), INTERVAL_MS).unref();
    this.look();
  }

  /** Tells what was seen since the last look. */
  look(): void {
    const worker = this.#worker;
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, this.#utilization);
    this.#utilization = now;
    set(LOOP_UTILIZATION, [worker], Number.isFinite(utilization) ? utilization : 0);
    for (const quantile of QUANTILES) {
      set(LOOP_LAG, [worker, String(quantile)], this.#late(this.#delay.percentile(quantile * 100)));
    }
    set(LOOP_LAG, [worker, '1'], this.#late(this.#delay.max));
    this.#delay.reset();
    set(WORKER_IN_FLIGHT, [worker], this.#inFlight());
    set(HEAP_USED, [worker], getHeapStatistics().used_heap_size);
  }

  /** Stops looking. */
  stop(): void {
    clearInterval(this.#timer);
    this.#delay.disable();
    this.#collections.disconnect();
  }

  /** Seconds that a sample, which contains the wait itself, was late. */
  #late(nanoseconds: number): number {
    return this.#delay.count === 0 ? 0 : Math.max(0, nanoseconds / 1e9 - RESOLUTION_MS / 1000);
  }
}
