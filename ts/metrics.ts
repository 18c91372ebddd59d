/** One time series of a counter or gauge. */
export interface Sample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** One time series of a histogram. */
export interface HistogramSample {
  readonly labels: Readonly<Record<string, string>>;
  /** Upper bounds of the buckets, ascending; one more bucket holds the rest. */
  readonly bounds: readonly number[];
  /** Count of each bucket, not cumulative; one more than bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** A metric by TensorFlow's name, such as `/tensorflow/serving/request_count`. */
export type Metric =
  | {
      readonly kind: 'counter' | 'gauge';
      readonly name: string;
      readonly samples: readonly Sample[];
    }
  | {
      readonly kind: 'histogram';
      readonly name: string;
      readonly samples: readonly HistogramSample[];
    };

/** Names as TensorFlow Serving mangles them: `/a/b-c` is `:a:b:c`, a leading digit gets an underscore. */
export function metricName(name: string): string {
  const mangled = name.replace(/[^a-zA-Z0-9_]/g, ':');
  return /^\d/.test(mangled) ? `_${mangled}` : mangled;
}

function labelText(labels: Readonly<Record<string, string>>, bound?: string): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
    return `${name.replace(/[^a-zA-Z0-9]/g, '_')}="${escaped}"`;
  });
  if (bound !== undefined) pairs.push(`le="${bound}"`);
  return `{${pairs.join(',')}}`;
}

/** Six significant digits, as C++ streams print them: `1.27482e+06`. */
function sixDigits(value: number): string {
  const text = value.toPrecision(6);
  if (!text.includes('e')) return String(Number(text));
  const [digits = '', exponent = ''] = Number(text).toExponential().split('e');
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

const count = (value: number): string =>
  Number.isSafeInteger(value) ? value.toString() : sixDigits(value);

function histogramLines(name: string, sample: HistogramSample): string[] {
  const { labels, bounds, counts, sum } = sample;
  let total = 0;
  const lines = counts.map((inBucket, index) => {
    total += inBucket;
    const bound = bounds[index];
    const le = bound === undefined ? '+Inf' : sixDigits(bound);
    return `${name}_bucket${labelText(labels, le)} ${total}`;
  });
  lines.push(`${name}_sum${labelText(labels)} ${sixDigits(sum)}`);
  lines.push(`${name}_count${labelText(labels)} ${total}`);
  return lines;
}

/**
 * Prints metrics in Prometheus' text format the way TensorFlow Serving does: types without help, label-less samples with `{}`,
 * cumulative buckets, a newline at the end.
 */
export function renderMetrics(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap((metric) => {
    const name = metricName(metric.name);
    const samples =
      metric.kind === 'histogram'
        ? metric.samples.flatMap((sample) => histogramLines(name, sample))
        : metric.samples.map(({ labels, value }) => `${name}${labelText(labels)} ${count(value)}`);
    return [`# TYPE ${name} ${metric.kind}`, ...samples];
  });
  return `${lines.join('\n')}\n`;
}
