import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { servingMetrics } from '../ts/api/rest/metrics.js';
import { type Metric, renderMetrics } from '../ts/metrics.js';
import { ROOT } from './support/paths.js';

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

describe("TensorFlow Serving's metrics", () => {
  it('counts requests by status and latencies by method and protocol', () => {
    const buckets = [1, 2, 0];
    const method = (name: string, requests: number[]) => ({
      method: name,
      requests,
      latency: { buckets, sumUs: 40 },
      runLatency: { buckets, sumUs: 30 },
    });
    const page = renderMetrics(
      servingMetrics(
        [
          {
            name: 'm',
            methods: [method('rest.predict', [3]), method('grpc.predict', [2, 0, 0, 4])],
            inlineRuns: 5,
            pooledRuns: 0,
          },
        ],
        [10, 18],
      ),
    );
    expect(page).toContain(':tensorflow:serving:request_count{model_name="m",status="OK"} 5\n');
    expect(page).toContain('{model_name="m",status="INVALID_ARGUMENT"} 4\n');
    const rest = '{model_name="m",API="predict",entrypoint="REST"';
    expect(page).toContain(`:tensorflow:serving:request_latency_bucket${rest},le="18"} 3\n`);
    expect(page).toContain(`:tensorflow:serving:request_latency_sum${rest}} 40\n`);
    expect(page).toContain('runtime_latency_count{model_name="m",API="Predict",runtime="TF1"} 3\n');
  });
});
