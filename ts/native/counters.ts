import { addon, call, tally } from './load.js';

/** Values, counted into buckets. */
export interface Histogram {
  /** Not cumulative; one more than there are bounds, the last for everything above. */
  readonly buckets: readonly number[];
  /** Sum of the values, in the unit of the bounds. */
  readonly sum: number;
}

/** Counts of one method of a model, in TensorFlow Serving's terms. */
export interface MethodCounters {
  /** Such as `rest.predict`; `rest.` for REST requests that are no inference. */
  readonly method: string;
  /** Requests by canonical code number, 0 to 16. */
  readonly requests: readonly number[];
  /** From the arrival to the reply of requests that succeeded, in microseconds. */
  readonly latency: Histogram;
  /** The run alone of requests that succeeded, in microseconds. */
  readonly runLatency: Histogram;
}

/** Counts of one version, signature and protocol. */
export interface SubjectCounters {
  /** `null` for requests that reached no version. */
  readonly version: bigint | null;
  /** Empty for requests that reached no signature. */
  readonly signature: string;
  /** `rest` or `grpc`. */
  readonly protocol: string;
  /** Requests by canonical code number, 0 to 16. */
  readonly requests: readonly number[];
  /** Queue, decode, run, encode and all of them, in seconds; of requests that succeeded. */
  readonly stages: readonly Histogram[];
}

/** Counts of one model's name since the process began; they outlive its versions. */
export interface ModelCounters {
  readonly name: string;
  /** Only methods that were called. */
  readonly methods: readonly MethodCounters[];
  /** Only those that were asked for. */
  readonly subjects: readonly SubjectCounters[];
  /** Examples of MultiInference requests, in buckets of `2 ** i`. */
  readonly examples: Histogram;
  /** Requests run on the event loop that received them. */
  readonly inlineRuns: number;
  /** Requests run on the pool, or in batches. */
  readonly pooledRuns: number;
  /** Batches that ran. */
  readonly batchRuns: number;
  /** Rows of requests in them, and rows they had room for. */
  readonly batchRows: number;
  readonly batchRoom: number;
  /** Requests that wait in batching queues now. */
  readonly batchWaiting: number;
  /** Requests that have their version and no answer yet. */
  readonly inFlight: number;
}

/** Loads from one path. */
export interface LoadCounters {
  readonly path: string;
  readonly succeeded: number;
  readonly failed: number;
  /** What the successful ones took, in microseconds. */
  readonly tookUs: number;
  /** The same as a histogram of 37 bounds, `10 * 1.8 ** i`. */
  readonly times: Histogram;
}

/** What the process has once. */
export interface ProcessCounters {
  /** Runs of sessions: those of requests, of warm-ups and of the library. */
  readonly sessionRuns: number;
  /** What they took, in microseconds. */
  readonly sessionRunUs: number;
  /** Threads of the inference pool; 0 before its first job. */
  readonly poolThreads: number;
  readonly poolWaiting: number;
  readonly poolRunning: number;
  readonly loads: readonly LoadCounters[];
}

/** A snapshot of every model's counters: first those of requests that name no model, last those that name an unknown one. */
export function modelCounters(): readonly ModelCounters[] {
  return call(() => addon().modelCounters());
}

/** How many requests have reached a version of each model. */
export function requestCounts(): readonly { readonly name: string; readonly requests: number }[] {
  return call(() => addon().requestCounts());
}

/** A snapshot of what the process has once. */
export function processCounters(): ProcessCounters {
  return call(() => addon().processCounters());
}

/** Upper bounds of the latency buckets in microseconds, TensorFlow Serving's: `10 * 1.8 ** i`. */
export function latencyBoundsUs(): readonly number[] {
  return call(() => addon().latencyBoundsUs());
}

/** Upper bounds of the stages' buckets in seconds. */
export function stageBoundsSeconds(): readonly number[] {
  return call(() => addon().stageBoundsNs()).map((bound) => bound / 1e9);
}

/**
 * Counts a REST request that is no inference.
 *
 * @param model as the path names it, empty for none; unknown names are counted as one
 * @param code canonical code number
 */
export function countRest(model: string, code: number, tookUs: number): void {
  tally(() => addon().countRest(model, code, tookUs));
}

/** What a request was counted under. */
export interface SubjectName {
  readonly model: string;
  /** `null` where it reached no version. */
  readonly version: bigint | null;
  /** Empty where it reached no signature. */
  readonly signature: string;
}

/** What requests with this number were counted under, or null once that is forgotten. */
export function subjectName(id: number): SubjectName | null {
  return call(() => addon().subjectName(id));
}

/** One series of a metric that all threads share. */
export interface NamedSeries {
  readonly name: string;
  /** As it was given. */
  readonly labels: string;
  /** A counter's or gauge's value; a histogram's sum. */
  readonly value: number;
  /** A histogram's counts, not cumulative; else null. */
  readonly buckets: readonly number[] | null;
}

/** Metrics of cold paths by name, shared by all threads. Past 1000 series of a name, the rest is counted under `overflow`. */
export const namedMetrics = {
  add(name: string, labels: string, by: number, overflow: string): void {
    tally(() => addon().namedAdd(name, labels, by, overflow));
  },
  set(name: string, labels: string, to: number, overflow: string): void {
    tally(() => addon().namedSet(name, labels, to, overflow));
  },
  observe(
    name: string,
    labels: string,
    at: { readonly bucket: number; readonly buckets: number },
    value: number,
    overflow: string,
  ): void {
    tally(() => addon().namedObserve(name, labels, [at.bucket, at.buckets], value, overflow));
  },
  remove(name: string, labels: string): void {
    tally(() => addon().namedRemove(name, labels));
  },
  snapshot(): readonly NamedSeries[] {
    return call(() => addon().namedSnapshot());
  },
};

/** One GPU; null is what its driver does not tell. */
export interface GpuFigures {
  readonly index: number;
  readonly name: string;
  readonly uuid: string;
  /** 0 to 1. */
  readonly utilization: number | null;
  /** Bytes in use by all processes. */
  readonly memoryUsed: number | null;
  readonly memoryTotal: number | null;
  /** Degrees Celsius. */
  readonly temperature: number | null;
  /** Watts. */
  readonly power: number | null;
}

/** What NVIDIA's GPUs did at the last look, at most some seconds ago; none without a driver, and at the first question. */
export function gpuFigures(): readonly GpuFigures[] {
  return call(() => addon().gpuFigures());
}
