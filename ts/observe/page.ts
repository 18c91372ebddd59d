import { batchingCounters } from '../native/batching.js';
import type { Catalog } from '../native/catalog.js';
import {
  gpuFigures,
  latencyBoundsUs,
  modelCounters,
  processCounters,
  stageBoundsSeconds,
} from '../native/counters.js';
import { loggedCounters } from '../native/record.js';
import { runtimeInfo } from '../native/runtime.js';
import { warmupCounters } from '../native/warmup.js';
import { packageVersion } from '../version.js';
import { batchingMetrics } from './batching-metrics.js';
import { gpuMetrics } from './gpu-metrics.js';
import { ownRequestMetrics, poolMetrics, stateMetrics } from './own-metrics.js';
import { processMetrics } from './process-metrics.js';
import { type Metric, type PageFormat, renderMetrics } from './prometheus.js';
import { registered } from './registry.js';
import {
  requestLogMetrics,
  requestMetrics,
  tensorflowMetrics,
  warmupMetrics,
} from './serving-metrics.js';

/** What a metrics page reads of the catalog. */
export type StateReader = Pick<Catalog, 'list' | 'ready'>;

/** The metrics page: a snapshot of every counter of the process, TensorFlow Serving's names first. */
export function metricsPage(catalog: StateReader, format: PageFormat): string {
  return renderMetrics(allMetrics(catalog), format);
}

/** Every family with its series, sorted by name. */
export function allMetrics(catalog: StateReader): readonly Metric[] {
  const models = modelCounters();
  const ofProcess = processCounters();
  const latency = latencyBoundsUs();
  return merged([
    ...tensorflowMetrics(ofProcess),
    ...requestMetrics(models, latency),
    ...warmupMetrics(warmupCounters(), latency),
    ...requestLogMetrics(loggedCounters()),
    ...ownRequestMetrics(models, stageBoundsSeconds()),
    ...poolMetrics(ofProcess),
    ...stateMetrics(catalog.list(), catalog.ready()),
    ...processMetrics(),
    ...gpuMetrics(gpuFigures()),
    ...batchingMetrics(batchingCounters(), models),
    ...registered(),
    buildInfo(),
  ]);
}

function buildInfo(): Metric {
  const labels = {
    version: packageVersion(),
    node: process.versions.node,
    tensorflow: runtimeInfo()?.version ?? '',
  };
  return {
    kind: 'gauge',
    name: 'servable_build_info',
    help: 'Always 1; the labels tell the versions.',
    samples: [{ labels, value: 1 }],
  };
}

/** One family a name: a page must not have two. */
function merged(metrics: readonly Metric[]): readonly Metric[] {
  const byName = new Map<string, Metric>();
  for (const metric of metrics) {
    const known = byName.get(metric.name);
    if (known === undefined) byName.set(metric.name, metric);
    else {
      const samples = [...known.samples, ...metric.samples];
      byName.set(metric.name, { ...known, samples } as Metric);
    }
  }
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}
