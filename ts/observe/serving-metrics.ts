import { codeName } from '../errors.js';
import type { ModelCounters, ProcessCounters } from '../native/counters.js';
import type { WarmupCounters } from '../native/warmup.js';
import { powers } from './definitions.js';
import type { HistogramSample, Metric, Sample } from './prometheus.js';

/** gRPC methods that TensorFlow Serving counts; the others it leaves out. */
const COUNTED = new Set(['predict', 'classify', 'regress']);
const EXAMPLES = powers(1, 2, 15);
const LOADS = powers(10, 1.8, 37);

const capital = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1);

/** Adds up series that have the same labels. */
class Sums {
  readonly #samples = new Map<string, HistogramSample>();
  readonly #bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
  }

  add(labels: Readonly<Record<string, string>>, counts: readonly number[], sum: number): void {
    const key = JSON.stringify(labels);
    const old = this.#samples.get(key);
    this.#samples.set(key, {
      labels,
      bounds: this.#bounds,
      counts: counts.map((count, i) => count + (old?.counts[i] ?? 0)),
      sum: sum + (old?.sum ?? 0),
    });
  }

  samples(): HistogramSample[] {
    return [...this.#samples.values()];
  }
}

/**
 * The engine's counters as TensorFlow Serving's metrics. REST: every call under `/v1/`; gRPC: Predict, Classify and Regress. Latencies
 * in microseconds, of successes.
 *
 * @param bounds of the latency buckets, in microseconds
 */
export function requestMetrics(
  models: readonly ModelCounters[],
  bounds: readonly number[],
): Metric[] {
  const requests: Sample[] = [];
  const latency: HistogramSample[] = [];
  const runtime = new Sums(bounds);
  const examples: HistogramSample[] = [];
  const totals: Sample[] = [];
  for (const { name: model_name, methods, examples: counted } of models) {
    const byStatus = new Map<string, number>();
    for (const { method, requests: byCode, latency: whole, runLatency } of methods) {
      const [protocol = '', name = ''] = method.split('.');
      const isRest = protocol === 'rest';
      if (!isRest && !COUNTED.has(name)) continue;
      for (const [code, number] of byCode.entries()) {
        if (number === 0) continue;
        byStatus.set(codeName(code), (byStatus.get(codeName(code)) ?? 0) + number);
      }
      if ((byCode[0] ?? 0) === 0) continue;
      const API = isRest ? name : capital(name);
      const labels = { model_name, API, entrypoint: isRest ? 'REST' : 'GRPC' };
      latency.push({ labels, bounds, counts: whole.buckets, sum: whole.sum });
      if (name === '') continue;
      // The runtime does not know by which protocol it was asked.
      const run = { model_name, API: capital(name), runtime: 'TF1' };
      runtime.add(run, runLatency.buckets, runLatency.sum);
    }
    for (const [status, value] of byStatus) {
      requests.push({ labels: { model_name, status }, value });
    }
    if (counted.buckets.some((count) => count > 0)) {
      const labels = { model: model_name };
      examples.push({ labels, bounds: EXAMPLES, counts: counted.buckets, sum: counted.sum });
      totals.push({ labels, value: counted.sum });
    }
  }
  return [
    {
      kind: 'counter',
      name: '/tensorflow/serving/request_count',
      help: 'Requests by their outcome.',
      samples: requests,
    },
    {
      kind: 'histogram',
      name: '/tensorflow/serving/request_latency',
      help: 'Time from a request’s arrival to its reply in microseconds, of successes.',
      samples: latency,
    },
    {
      kind: 'histogram',
      name: '/tensorflow/serving/runtime_latency',
      help: 'Time of the run alone in microseconds, of successes.',
      samples: runtime.samples(),
    },
    {
      kind: 'histogram',
      name: '/tensorflow/serving/request_example_counts',
      help: 'Examples of a MultiInference request.',
      samples: examples,
    },
    {
      kind: 'counter',
      name: '/tensorflow/serving/request_example_count_total',
      help: 'Examples of all MultiInference requests.',
      samples: totals,
    },
  ];
}

/**
 * What TensorFlow itself exports in TensorFlow Serving. The C API tells the time of a load as one: it is given as the stage
 * `restore_graph`, and `init_graph` has no series.
 */
export function tensorflowMetrics({ sessionRuns, sessionRunUs, loads }: ProcessCounters): Metric[] {
  const attempts = loads.flatMap(({ path, succeeded, failed }) =>
    (
      [
        ['success', succeeded],
        ['fail', failed],
      ] as const
    )
      .filter(([, value]) => value > 0)
      .map(([status, value]) => ({ labels: { model_path: path, status }, value })),
  );
  const loaded = loads.filter(({ succeeded }) => succeeded > 0);
  return [
    {
      kind: 'counter',
      name: '/tensorflow/cc/saved_model/load_attempt_count',
      help: 'Loads of a SavedModel by their outcome.',
      samples: attempts,
    },
    {
      kind: 'counter',
      name: '/tensorflow/cc/saved_model/load_latency',
      help: 'Time of successful loads in microseconds.',
      samples: loaded.map(({ path, tookUs }) => ({ labels: { model_path: path }, value: tookUs })),
    },
    {
      kind: 'histogram',
      name: '/tensorflow/cc/saved_model/load_latency_by_stage',
      help: 'Time of successful loads in microseconds, whole: TensorFlow’s C API does not tell the stages.',
      samples: loaded.map(({ path, times }) => ({
        labels: { model_path: path, stage: 'restore_graph' },
        bounds: LOADS,
        counts: times.buckets,
        sum: times.sum,
      })),
    },
    {
      kind: 'counter',
      name: '/tensorflow/core/direct_session_runs',
      help: 'Runs of sessions.',
      samples: [{ labels: {}, value: sessionRuns }],
    },
    {
      kind: 'counter',
      name: '/tensorflow/core/graph_runs',
      help: 'Runs of graphs, which are those of sessions.',
      samples: [{ labels: {}, value: sessionRuns }],
    },
    {
      kind: 'counter',
      name: '/tensorflow/core/graph_run_time_usecs',
      help: 'Time of the runs of requests in microseconds.',
      samples: [{ labels: {}, value: Math.round(sessionRunUs) }],
    },
  ];
}

/** Warm-ups from a file. Made-up requests are not counted, as there are none in TensorFlow Serving. */
export function warmupMetrics(
  warmups: readonly WarmupCounters[],
  bounds: readonly number[],
): Metric[] {
  const labels = ({ modelPath, code }: WarmupCounters): Record<string, string> => ({
    model_path: modelPath,
    status: codeName(code),
  });
  return [
    {
      kind: 'histogram',
      name: '/tensorflow/serving/model_warmup_latency',
      help: 'Time of a warm-up in microseconds.',
      samples: warmups.map((it) => {
        const { buckets: counts, sum } = it.latency;
        return { labels: labels(it), bounds, counts, sum };
      }),
    },
    {
      kind: 'counter',
      name: '/tensorflow/serving/model_warmup_records_read',
      help: 'Warm-up records read.',
      samples: warmups.map((it) => ({ labels: labels(it), value: it.records })),
    },
  ];
}

/** Requests that were to be logged. */
export function requestLogMetrics(
  logged: readonly { readonly model: string; readonly code: number; readonly count: number }[],
): Metric[] {
  return [
    {
      kind: 'counter',
      name: '/tensorflow/serving/request_log_count',
      help: 'Requests written to the request log, or why they were not.',
      samples: logged.map(({ model, code, count }) => ({
        labels: { model_name: model, status_code: codeName(code) },
        value: count,
      })),
    },
  ];
}
