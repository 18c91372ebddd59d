import type { BatchingCounters, Buckets } from '../native/batching.js';
import type { ModelCounters } from '../native/counters.js';
import { SERVING_DEFINITIONS } from './definitions.js';
import type { HistogramSample, Metric, Sample } from './prometheus.js';

const SESSION = '/tensorflow/serving/batching_session/';

/** The batcher's counters: TensorFlow Serving's metrics, which have no model, and ours by model. */
export function batchingMetrics(
  counters: BatchingCounters,
  models: readonly ModelCounters[],
): Metric[] {
  const { wrappedRunCount, queuingLatency, inputBatchSize, processedBatchSize } = counters;
  if (wrappedRunCount === 0 && models.every((it) => it.batchWaiting === 0)) return [];
  const pool = { thread_pool_name: counters.threadPoolName };
  const padding = counters.paddingSize.map(({ executionBatchSize, padding: rows }) =>
    sample(rows, { execution_batch_size: String(executionBatchSize) }),
  );
  const batched = models.filter((it) => it.batchRuns > 0 || it.batchWaiting > 0);
  const byModel = (value: (model: ModelCounters) => number): Sample[] =>
    batched.map((model) => ({ labels: { model: model.name }, value: value(model) }));
  return [
    histogram('queuing_latency', [sample(queuingLatency, pool)]),
    {
      kind: 'counter',
      name: `${SESSION}wrapped_run_count`,
      help: helpOf('wrapped_run_count'),
      samples: [{ labels: {}, value: wrappedRunCount }],
    },
    histogram('padding_size', padding),
    histogram('input_batch_size', [sample(inputBatchSize, {})]),
    histogram('processed_batch_size', [sample(processedBatchSize, {})]),
    {
      kind: 'counter',
      name: 'servable_batches_total',
      help: 'Batches that ran.',
      samples: byModel((it) => it.batchRuns),
    },
    {
      kind: 'counter',
      name: 'servable_batch_rows_total',
      help: 'Rows of requests in batches that ran, without padding.',
      samples: byModel((it) => it.batchRows),
    },
    {
      kind: 'counter',
      name: 'servable_batch_room_rows_total',
      help: 'Rows that those batches had room for: how full they were is rows by room.',
      samples: byModel((it) => it.batchRoom),
    },
    {
      kind: 'gauge',
      name: 'servable_batch_queued_requests',
      help: 'Requests that wait in batching queues.',
      samples: byModel((it) => it.batchWaiting),
    },
  ];
}

function sample({ bounds, counts, sum }: Buckets, labels: Sample['labels']): HistogramSample {
  return { labels, bounds, counts, sum };
}

function histogram(name: string, samples: readonly HistogramSample[]): Metric {
  return { kind: 'histogram', name: `${SESSION}${name}`, help: helpOf(name), samples };
}

function helpOf(name: string): string {
  return SERVING_DEFINITIONS.find((it) => it.name === `${SESSION}${name}`)?.help ?? '';
}
