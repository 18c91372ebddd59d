import { textTable } from '../text-table.js';
import type { BatchingSetting } from './batching-file.js';
import { type BenchReport, shown } from './report.js';

/** What one setting came to; null is no batching. */
export interface TuneResult {
  readonly setting: BatchingSetting | null;
  readonly report: BenchReport;
}

/** Which values are tried: every one with every other. */
export interface TuneGrid {
  readonly batchSizes: readonly number[];
  readonly waitsMicros: readonly number[];
  readonly threads: readonly number[];
}

/** Settings whose throughput is within this share of the best count as equally fast: runs scatter as much. */
const AS_FAST = 0.03;

/** Every setting of a grid, no batching first. */
export function settingsOf(grid: TuneGrid): (BatchingSetting | null)[] {
  const settings = grid.batchSizes.flatMap((maxBatchSize) =>
    grid.waitsMicros.flatMap((batchTimeoutMicros) =>
      grid.threads.map((numBatchThreads) => ({
        maxBatchSize,
        batchTimeoutMicros,
        numBatchThreads,
      })),
    ),
  );
  return [null, ...settings];
}

/** The setting to use, and why. */
export interface Choice {
  readonly best: TuneResult;
  readonly reasons: readonly string[];
}

/**
 * The setting with the highest throughput whose p99 stays in bounds; of those as fast as it the one with the lowest p99.
 *
 * Settings that made errors are left out unless all did.
 *
 * @param results at least one
 * @param maxP99Ms bound on the p99, milliseconds; null is none
 */
export function choose(results: readonly TuneResult[], maxP99Ms: number | null): Choice {
  const clean = results.filter(({ report }) => Object.keys(report.errors).length === 0);
  const pool = clean.length > 0 ? clean : results;
  const within = pool.filter(({ report }) => maxP99Ms === null || report.latencyMs.p99 <= maxP99Ms);
  const reasons: string[] = [];
  if (within.length === 0) {
    reasons.push(`No setting kept the p99 under ${maxP99Ms} ms; this one has the lowest.`);
    const best = lowest(pool);
    return { best, reasons: [...reasons, ...why(best, results)] };
  }
  const fastest = Math.max(...within.map(({ report }) => report.throughput));
  const best = lowest(within.filter(({ report }) => report.throughput >= fastest * (1 - AS_FAST)));
  const bound = maxP99Ms === null ? '' : ` with a p99 of at most ${maxP99Ms} ms`;
  reasons.push(
    `The highest throughput${bound} of ${results.length} settings, and of those within ${AS_FAST * 100} % of it the lowest p99.`,
  );
  return { best, reasons: [...reasons, ...why(best, results)] };
}

function lowest(results: readonly TuneResult[]): TuneResult {
  return results.reduce((a, b) => (b.report.latencyMs.p99 < a.report.latencyMs.p99 ? b : a));
}

function why({ setting, report }: TuneResult, results: readonly TuneResult[]): string[] {
  const figures = `${shown(report.throughput)} requests/s, p99 ${shown(report.latencyMs.p99)} ms`;
  const plain = results.find((it) => it.setting === null)?.report;
  if (plain === undefined || setting === null) return [`${figures}.`];
  const gain = plain.throughput === 0 ? '' : ` (${shown(report.throughput / plain.throughput)} ×)`;
  return [
    `${figures}${gain}; without batching ${shown(plain.throughput)} requests/s, p99 ${shown(plain.latencyMs.p99)} ms.`,
  ];
}

/** The results as a table; `*` marks the best. */
export function tuneTable(results: readonly TuneResult[], best: TuneResult): string {
  const header = [
    '',
    'batch',
    'wait µs',
    'threads',
    'req/s',
    'p50 ms',
    'p99 ms',
    'CPU µs/req',
    'errors',
  ];
  const rows = results.map((result) => {
    const { setting, report } = result;
    const cpu = report.cpu.serverMicrosPerRequest;
    const errors = Object.values(report.errors).reduce((sum, count) => sum + count, 0);
    return [
      result === best ? '*' : '',
      ...(setting === null
        ? ['off', '', '']
        : [setting.maxBatchSize, setting.batchTimeoutMicros, setting.numBatchThreads].map(String)),
      shown(report.throughput),
      shown(report.latencyMs.p50),
      shown(report.latencyMs.p99),
      cpu === null ? '' : shown(cpu),
      errors === 0 ? '' : String(errors),
    ];
  });
  return textTable([header, ...rows], { side: 'right' });
}
