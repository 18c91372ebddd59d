import type { NativeWarmupOptions } from './binding.js';
import { completions } from './completions.js';
import type { Histogram } from './counters.js';
import { addon, call } from './load.js';
import { type LoadedModel, nativeModel } from './model.js';

/** How models are warmed up before requests find them. */
export interface WarmupOptions {
  /** Times each record of `assets.extra/tf_serving_warmup_requests` is run; 0 is once. */
  readonly iterations: number;
  /** Without that file, make requests of zeros from the signatures. */
  readonly auto: boolean;
  /** The batch sizes of those, where the first dimension of every input is free. */
  readonly batchSizes: readonly number[];
  /** Refuse signatures of another method, as requests are (`--enable_signature_method_name_check`). */
  readonly checkMethodName: boolean;
}

/** What a warm-up did. */
export interface WarmupReport {
  /** Records read from the file; null without a file. */
  readonly records: number | null;
  /** Requests run. */
  readonly runs: number;
  readonly elapsedMs: number;
  /** Signatures that no request could be made for, or whose request failed, and why. */
  readonly skipped: readonly { readonly signature: string; readonly reason: string }[];
}

/** Warm-ups from a file, by path and outcome. */
export interface WarmupCounters {
  /** The version's directory. */
  modelPath: string;
  /** Canonical code number. */
  code: number;
  /** Durations in the buckets of `latencyBoundsUs`. */
  latency: Histogram;
  /** Records read. */
  records: number;
}

/**
 * Runs a model that is not published yet, on a load thread, so that its first request finds it warm.
 *
 * @throws {ServingError} with TensorFlow Serving's texts: a record that cannot be read or run, or more than a thousand of them
 */
export async function warmUp(model: LoadedModel, options: WarmupOptions): Promise<WarmupReport> {
  const native: NativeWarmupOptions = { ...options, batchSizes: [...options.batchSizes] };
  const report = await completions().promise((loop, ticket) =>
    loop.warmModel(ticket, nativeModel(model), native),
  );
  return report as WarmupReport;
}

/** Every warm-up from a file since the process began: whichever thread asks. */
export function warmupCounters(): WarmupCounters[] {
  return call(() => addon().warmupCounters());
}
