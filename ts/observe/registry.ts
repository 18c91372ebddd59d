import { namedMetrics } from '../native/counters.js';
import { type Definition, OWN_DEFINITIONS, SERVING_DEFINITIONS } from './definitions.js';
import type { HistogramSample, Metric, Sample } from './prometheus.js';

/**
 * Metrics of cold paths (loads, warm-ups, logs, event loops), fed from any thread and shown by any worker: the addon keeps them.
 *
 * One call costs about a microsecond, so the hot path has counters of its own in `crates/engine/src/counters`.
 */

/** The label value under which series past the addon's bound are counted together. */
const OTHER = '(other)';

type Values = readonly string[];

const key = (values: Values): string => JSON.stringify(values);
const overflow = (values: Values): string => key(values.map(() => OTHER));

/** Adds to a counter. `labels` are the values in the definition's order. */
export function count(definition: Definition, labels: Values, by = 1): void {
  namedMetrics.add(definition.name, key(labels), by, overflow(labels));
}

/** Sets a gauge. */
export function set(definition: Definition, labels: Values, to: number): void {
  namedMetrics.set(definition.name, key(labels), to, overflow(labels));
}

/** Counts a value into a histogram. A value equal to a bound falls in the next bucket, as in TensorFlow Serving. */
export function observe(definition: Definition, labels: Values, value: number): void {
  const bounds = definition.bounds ?? [];
  const found = bounds.findIndex((bound) => value < bound);
  const at = { bucket: found < 0 ? bounds.length : found, buckets: bounds.length + 1 };
  namedMetrics.observe(definition.name, key(labels), at, value, overflow(labels));
}

/** Forgets a series: what it told of is gone. */
export function remove(definition: Definition, labels: Values): void {
  namedMetrics.remove(definition.name, key(labels));
}

/** Everything fed so far, as families for the page; TensorFlow Serving's also where nothing was. */
export function registered(): Metric[] {
  const byName = new Map<string, (Sample | HistogramSample)[]>();
  const definitions = [...SERVING_DEFINITIONS, ...OWN_DEFINITIONS];
  const known = new Map(definitions.map((definition) => [definition.name, definition]));
  for (const { name, labels, value, buckets } of namedMetrics.snapshot()) {
    const definition = known.get(name);
    if (definition === undefined) continue;
    const values = JSON.parse(labels) as string[];
    const named = Object.fromEntries(definition.labels.map((it, i) => [it, values[i] ?? '']));
    const sample =
      buckets === null
        ? { labels: named, value }
        : { labels: named, bounds: definition.bounds ?? [], counts: buckets, sum: value };
    const list = byName.get(name);
    if (list === undefined) byName.set(name, [sample]);
    else list.push(sample);
  }
  return definitions.map(({ name, kind, help }) => {
    const samples = byName.get(name) ?? [];
    return { name, kind, help, samples } as Metric;
  });
}
