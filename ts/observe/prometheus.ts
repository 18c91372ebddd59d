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

interface Family {
  /** TensorFlow's name, such as `/tensorflow/serving/request_count`, or one of ours, such as `servable_requests_total`. */
  readonly name: string;
  /** One line that says what it counts. */
  readonly help?: string;
}

/** A metric with its series. */
export type Metric =
  | (Family & { readonly kind: 'counter' | 'gauge'; readonly samples: readonly Sample[] })
  | (Family & { readonly kind: 'histogram'; readonly samples: readonly HistogramSample[] });

/** The formats of a metrics page: Prometheus' text format 0.0.4, and OpenMetrics 1.0. */
export type PageFormat = 'text' | 'openmetrics';

/** Names as TensorFlow Serving mangles them: `/a/b-c` is `:a:b:c`, a leading digit gets an underscore. */
export function metricName(name: string): string {
  const mangled = name.replace(/[^a-zA-Z0-9_]/g, ':');
  return /^\d/.test(mangled) ? `_${mangled}` : mangled;
}

/** Labels as they stand between the braces. */
function labelText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    const escaped = value.replace(/[\\"]/g, '\\$&').replaceAll('\n', '\\n');
    return `${name.replace(/[^a-zA-Z0-9]/g, '_')}="${escaped}"`;
  });
  return pairs.join(',');
}

/** Six significant digits, as C++ streams print them: `1.27482e+06`. */
function sixDigits(value: number): string {
  const text = value.toPrecision(6);
  if (!text.includes('e')) return String(Number(text));
  const [digits = '', exponent = ''] = Number(text).toExponential().split('e');
  return `${digits}e${exponent[0]}${exponent.slice(1).padStart(2, '0')}`;
}

/** A number of TensorFlow Serving's: whole ones whole, others with six digits. */
const servingNumber = (value: number): string =>
  Number.isSafeInteger(value) ? value.toString() : sixDigits(value);

/** A number of ours: as short as it can be read back. */
function ownNumber(value: number): string {
  if (Number.isFinite(value)) return value.toString();
  return Number.isNaN(value) ? 'NaN' : value > 0 ? '+Inf' : '-Inf';
}

/** A bound of ours, with a point as OpenMetrics wants it. */
const ownBound = (bound: number): string =>
  Number.isInteger(bound) ? `${bound}.0` : bound.toString();

/** How numbers of a family are written: TensorFlow's way or ours. */
interface Numbers {
  readonly isOwn: boolean;
  readonly value: (value: number) => string;
  readonly sum: (value: number) => string;
  readonly bound: (value: number) => string;
}

const SERVING: Numbers = { isOwn: false, value: servingNumber, sum: sixDigits, bound: sixDigits };
const OWN: Numbers = { isOwn: true, value: ownNumber, sum: ownNumber, bound: ownBound };

function histogramLines(
  name: string,
  { labels, bounds, counts, sum }: HistogramSample,
  numbers: Numbers,
  lines: string[],
): void {
  const text = labelText(labels);
  const start = `${name}_bucket{${text === '' ? '' : `${text},`}le="`;
  let total = 0;
  for (const [index, inBucket] of counts.entries()) {
    total += inBucket;
    const bound = bounds[index];
    lines.push(`${start}${bound === undefined ? '+Inf' : numbers.bound(bound)}"} ${total}`);
  }
  lines.push(`${name}_sum{${text}} ${numbers.sum(sum)}`, `${name}_count{${text}} ${total}`);
}

const UNITS = ['seconds', 'bytes', 'ratio', 'celsius', 'watts'];

/** The lines before a family's samples. */
function head(metric: Metric, name: string, isOwn: boolean, format: PageFormat): string[] {
  const isCounter = metric.kind === 'counter';
  let family = name;
  let type: string = metric.kind;
  let unit: string | undefined;
  if (format === 'openmetrics') {
    // There a counter's series must end in `_total`. TensorFlow Serving's do not, and keep their names for the dashboards.
    if (isCounter && !isOwn) type = 'unknown';
    if (isCounter && isOwn) family = name.replace(/_total$/, '');
    unit = isOwn ? UNITS.find((it) => family.endsWith(`_${it}`)) : undefined;
  }
  const lines = [`# TYPE ${family} ${type}`];
  if (unit !== undefined) lines.push(`# UNIT ${family} ${unit}`);
  if (metric.help !== undefined) lines.push(`# HELP ${family} ${metric.help}`);
  return lines;
}

/**
 * Prints metrics as a page.
 *
 * TensorFlow Serving's families are printed as it does: label-less samples with `{}`, cumulative buckets, six digits, a type without
 * samples where there are none. Ours are left out where they have no samples.
 */
export function renderMetrics(metrics: readonly Metric[], format: PageFormat = 'text'): string {
  const lines: string[] = [];
  for (const metric of metrics) {
    const isOwn = metric.name.startsWith('servable_');
    if (isOwn && metric.samples.length === 0) continue;
    const name = isOwn ? metric.name : metricName(metric.name);
    const numbers = isOwn ? OWN : SERVING;
    lines.push(...head(metric, name, isOwn, format));
    if (metric.kind === 'histogram') {
      for (const sample of metric.samples) histogramLines(name, sample, numbers, lines);
    } else {
      for (const { labels, value } of metric.samples) {
        const text = labelText(labels);
        const braces = text === '' && isOwn ? '' : `{${text}}`;
        lines.push(`${name}${braces} ${numbers.value(value)}`);
      }
    }
  }
  if (format === 'openmetrics') lines.push('# EOF');
  return `${lines.join('\n')}\n`;
}

/** The content type of a page. */
export const CONTENT_TYPES: Readonly<Record<PageFormat, string>> = {
  // The reference's; Prometheus reads version 0.0.4 where none is named.
  text: 'text/plain',
  openmetrics: 'application/openmetrics-text; version=1.0.0; charset=utf-8',
};

/** The format that an Accept header asks for: OpenMetrics where it is named and not weighed less than text. */
export function pageFormat(accept: string | undefined): PageFormat {
  if (accept === undefined) return 'text';
  const weight = (type: string): number => {
    let best = -1;
    for (const part of accept.toLowerCase().split(',')) {
      const [name = '', ...parameters] = part.split(';').map((it) => it.trim());
      if (name !== type) continue;
      // Only version 1.0.0 and its draft are one format.
      const version = parameters.find((it) => it.startsWith('version='))?.slice(8);
      if (
        type !== 'text/plain' &&
        version !== undefined &&
        !/^(?:0\.0\.1|1\.0\.0)$/.test(version)
      ) {
        continue;
      }
      const q = parameters.find((it) => it.startsWith('q='));
      best = Math.max(best, q === undefined ? 1 : Number(q.slice(2)) || 0);
    }
    return best;
  };
  const open = weight('application/openmetrics-text');
  return open > 0 && open >= weight('text/plain') ? 'openmetrics' : 'text';
}
