import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gpuMetrics } from '../../ts/observe/gpu-metrics.js';
import { ownRequestMetrics } from '../../ts/observe/own-metrics.js';
import { type Metric, pageFormat, renderMetrics } from '../../ts/observe/prometheus.js';
import { requestMetrics } from '../../ts/observe/serving-metrics.js';
import { ROOT } from '../support/paths.js';

const CASES = join(ROOT, '..', 'shared', 'spec', 'cases', 'prometheus.json');

interface Case {
  readonly kind: Metric['kind'];
  readonly name: string;
  readonly labels: Record<string, string>;
  readonly value?: number;
  readonly adds?: readonly number[];
  readonly text: string;
}

function metricOf({ kind, name, labels, value = 0, adds = [] }: Case): Metric {
  if (kind !== 'histogram') return { kind, name, samples: [{ labels, value }] };
  const bounds = Array.from({ length: 10 }, (_, i) => 2 ** i);
  const counts = new Array<number>(bounds.length + 1).fill(0);
  for (const added of adds) {
    // A value equal to a bound falls in the next bucket.
    const bucket = bounds.findIndex((bound) => added < bound);
    const at = bucket < 0 ? bounds.length : bucket;
    counts[at] = (counts[at] ?? 0) + 1;
  }
  const sum = adds.reduce((total, added) => total + added, 0);
  return { kind, name, samples: [{ labels, bounds, counts, sum }] };
}

describe('the metrics page', () => {
  const cases = existsSync(CASES) ? (JSON.parse(readFileSync(CASES, 'utf8')) as Case[]) : [];
  if (cases.length === 0)
    console.log(`skipped: the cases of ${CASES} are not beside this checkout`);
  it.runIf(cases.length > 0).each(cases)('prints $kind $name as the reference does', (recorded) => {
    expect(renderMetrics([metricOf(recorded)])).toBe(recorded.text);
  });

  it('prints bounds with six digits, as the recorded page does', () => {
    const bounds = Array.from({ length: 33 }, (_, i) => 10 * 1.8 ** i);
    const counts = new Array<number>(34).fill(0);
    const page = renderMetrics([
      { kind: 'histogram', name: '/t', samples: [{ labels: {}, bounds, counts, sum: 0 }] },
    ]);
    const recorded = readFileSync(join(ROOT, 'test', 'fixtures', 'golden', 'metrics.txt'), 'utf8');
    const edges = (text: string): string[] =>
      [...text.matchAll(/le="([^"]+)"/g)].map(([, le]) => le ?? '');
    const first = recorded
      .split('\n')
      .filter((line) => line.includes('request_latency_bucket{model_name="",'));
    const wanted = edges(first.join('\n'));
    expect(edges(page)).toEqual(wanted);
  });

  it('prints a metric without samples as its type alone, and one without labels with braces', () => {
    expect(renderMetrics([{ kind: 'counter', name: '/a', samples: [] }])).toBe(
      '# TYPE :a counter\n',
    );
    const bare: Metric = { kind: 'gauge', name: '/b', samples: [{ labels: {}, value: 1.5 }] };
    expect(renderMetrics([bare])).toBe('# TYPE :b gauge\n:b{} 1.5\n');
  });
});

const buckets = [1, 2, 0];
const method = (name: string, requests: number[]) => ({
  method: name,
  requests,
  latency: { buckets, sum: 40 },
  runLatency: { buckets, sum: 30 },
});
const NONE = { buckets: [0, 0, 0], sum: 0 };
const MODEL = {
  name: 'm',
  methods: [
    method('rest.predict', [3]),
    method('grpc.predict', [2, 0, 0, 4]),
    method('grpc.multiInference', [9]),
    method('rest.', [5]),
  ],
  subjects: [],
  examples: NONE,
  inlineRuns: 5,
  pooledRuns: 0,
  batchRuns: 0,
  batchRows: 0,
  batchRoom: 0,
  batchWaiting: 0,
  inFlight: 1,
};

describe("TensorFlow Serving's metrics", () => {
  it('count requests by status, and latencies by method and protocol', () => {
    const page = renderMetrics(requestMetrics([MODEL], [10, 18]));
    expect(page).toContain(':tensorflow:serving:request_count{model_name="m",status="OK"} 10\n');
    expect(page).toContain('{model_name="m",status="INVALID_ARGUMENT"} 4\n');
    const rest = '{model_name="m",API="predict",entrypoint="REST"';
    expect(page).toContain(`:tensorflow:serving:request_latency_bucket${rest},le="18"} 3\n`);
    expect(page).toContain(`:tensorflow:serving:request_latency_sum${rest}} 40\n`);
    expect(page).toContain('request_latency_count{model_name="m",API="",entrypoint="REST"} 3\n');
    expect(page).toContain('API="Predict",entrypoint="GRPC"');
    expect(page).not.toContain('MultiInference"');
  });

  it('give the runtime one series for both protocols', () => {
    const page = renderMetrics(requestMetrics([MODEL], [10, 18]));
    const runtime = '{model_name="m",API="Predict",runtime="TF1"}';
    expect(page).toContain(`runtime_latency_count${runtime} 6\n`);
    expect(page).toContain(`runtime_latency_sum${runtime} 60\n`);
  });

  it('count the examples of MultiInference', () => {
    const examples = { buckets: [0, 1, 2], sum: 7 };
    const page = renderMetrics(requestMetrics([{ ...MODEL, examples }], [10, 18]));
    expect(page).toContain('request_example_count_total{model="m"} 7\n');
    expect(page).toContain('request_example_counts_count{model="m"} 3\n');
  });
});

describe('our metrics', () => {
  const times = { buckets: [1, 0, 1], sum: 1.5 };
  const subject = {
    version: 7n,
    signature: 'serving_default',
    protocol: 'grpc',
    requests: [2, 0, 0, 1],
    stages: [times, times, times, times, times],
  };
  const metrics = ownRequestMetrics([{ ...MODEL, subjects: [subject] }], [0.001, 1]);

  it('split requests by version, signature, protocol and stage', () => {
    const page = renderMetrics(metrics);
    const labels = 'model="m",version="7",signature="serving_default",protocol="grpc"';
    expect(page).toContain(`servable_requests_total{${labels},code="OK"} 2\n`);
    expect(page).toContain(`servable_requests_total{${labels},code="INVALID_ARGUMENT"} 1\n`);
    const stage = 'servable_request_stage_duration_seconds';
    for (const name of ['queue', 'decode', 'run', 'encode']) {
      expect(page).toContain(`${stage}_bucket{${labels},stage="${name}",le="1.0"} 1\n`);
    }
    expect(page).toContain(`servable_request_duration_seconds_sum{${labels}} 1.5\n`);
    expect(page).toContain('# HELP servable_requests_total Inference requests by outcome.\n');
  });

  it('follow OpenMetrics where it is asked for', () => {
    const page = renderMetrics([...metrics, ...requestMetrics([MODEL], [10, 18])], 'openmetrics');
    expect(page.endsWith('\n# EOF\n')).toBe(true);
    expect(page).toContain('# TYPE servable_requests counter\n');
    expect(page).toContain('\nservable_requests_total{');
    expect(page).toContain('# UNIT servable_request_duration_seconds seconds\n');
    // A counter there must be called `_total`: these keep the names that dashboards know.
    expect(page).toContain('# TYPE :tensorflow:serving:request_count unknown\n');
    expect(page).toContain(':tensorflow:serving:request_count{');
  });

  it('escape what labels hold', () => {
    const samples = [{ labels: { model: 'a"b\\c\nd' }, value: 1 }];
    const page = renderMetrics([{ kind: 'gauge', name: 'servable_x', samples }]);
    expect(page).toBe('# TYPE servable_x gauge\nservable_x{model="a\\"b\\\\c\\nd"} 1\n');
  });
});

describe('the metrics of GPUs', () => {
  const gpu = { index: 0, name: 'NVIDIA H200', uuid: 'GPU-1', temperature: 40, power: null };
  const figures = { ...gpu, utilization: 0.25, memoryUsed: 1e9, memoryTotal: 2e9 };

  it('tell what the driver knows and nothing else', () => {
    const page = renderMetrics(gpuMetrics([figures]));
    const labels = '{gpu="0",name="NVIDIA H200",uuid="GPU-1"}';
    expect(page).toContain(`servable_gpu_utilization_ratio${labels} 0.25\n`);
    expect(page).toContain(`servable_gpu_memory_used_bytes${labels} 1000000000\n`);
    expect(page).not.toContain('watts');
  });

  it('are no lines at all without a GPU', () => {
    expect(renderMetrics(gpuMetrics([]))).toBe('\n');
  });
});

describe('the format of the page', () => {
  it.each([
    [undefined, 'text'],
    ['*/*', 'text'],
    ['text/plain;version=0.0.4', 'text'],
    ['application/openmetrics-text', 'openmetrics'],
    ['application/openmetrics-text;version=2.0.0,text/plain', 'text'],
    ['application/openmetrics-text;q=0.1,text/plain;q=0.3', 'text'],
    [
      'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1',
      'openmetrics',
    ],
  ])('for Accept: %s is %s', (accept, format) => {
    expect(pageFormat(accept)).toBe(format);
  });
});
