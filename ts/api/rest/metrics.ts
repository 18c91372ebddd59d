import type { FastifyInstance } from 'fastify';
import { codeName } from '../../errors.js';
import { type HistogramSample, type Metric, renderMetrics, type Sample } from '../../metrics.js';
import { latencyBoundsUs, type ModelCounters } from '../../native/catalog.js';

/** TensorFlow Serving's path of the page. */
const PATH = '/monitoring/prometheus/metrics';

/** Adds the metrics page: TensorFlow Serving's names, from the engine's counters, which all workers share. */
export function addMetrics(app: FastifyInstance, counters: () => readonly ModelCounters[]): void {
  app.get(PATH, (_request, reply) => {
    reply.header('content-type', 'text/plain');
    reply.send(Buffer.from(renderMetrics(servingMetrics(counters(), latencyBoundsUs()))));
  });
}

/** How TensorFlow Serving labels a method: `predict` over REST, `Predict` over gRPC. */
function labelsOf(method: string): { API: string; entrypoint: string } {
  const [protocol = '', name = ''] = method.split('.');
  const isRest = protocol === 'rest';
  return {
    API: isRest ? name : name.charAt(0).toUpperCase() + name.slice(1),
    entrypoint: isRest ? 'REST' : 'GRPC',
  };
}

/** The engine's counters as TensorFlow Serving's metrics; latencies in microseconds, of successes. */
export function servingMetrics(
  models: readonly ModelCounters[],
  bounds: readonly number[],
): Metric[] {
  const requests: Sample[] = [];
  const latency: HistogramSample[] = [];
  const runtime: HistogramSample[] = [];
  for (const { name: model_name, methods } of models) {
    const byStatus = new Map<string, number>();
    for (const { method, requests: byCode, latency: whole, runLatency } of methods) {
      for (const [code, number] of byCode.entries()) {
        if (number === 0) continue;
        byStatus.set(codeName(code), (byStatus.get(codeName(code)) ?? 0) + number);
      }
      const { API, entrypoint } = labelsOf(method);
      const labels = { model_name, API, entrypoint };
      latency.push({ labels, bounds, counts: whole.buckets, sum: whole.sumUs });
      const run = { model_name, API, runtime: 'TF1' };
      runtime.push({ labels: run, bounds, counts: runLatency.buckets, sum: runLatency.sumUs });
    }
    for (const [status, value] of byStatus) {
      requests.push({ labels: { model_name, status }, value });
    }
  }
  return [
    { kind: 'counter', name: '/tensorflow/serving/request_count', samples: requests },
    { kind: 'histogram', name: '/tensorflow/serving/request_latency', samples: latency },
    { kind: 'histogram', name: '/tensorflow/serving/runtime_latency', samples: runtime },
  ];
}
