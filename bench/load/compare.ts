import type { LoadResult } from './http-client.js';
import { cpuMicros, rssMegabytes, type Subject } from './process.js';

/** A server to measure and the load to put on it for a number of seconds. */
export interface Contender {
  name: string;
  start(): Promise<Subject & { port: number }>;
  load(port: number, seconds: number): Promise<LoadResult>;
}

/** Medians over the rounds of one contender. */
export interface Figures {
  name: string;
  /** User and system CPU time of the server process per request, µs. */
  cpuMicros: number;
  requestsPerSecond: number;
  /** µs */
  p50: number;
  /** µs */
  p99: number;
  /** MB (10^6 bytes) after the last round. */
  rss: number;
}

/** The middle value. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

/**
 * Measures servers against each other in one run: all are up, rounds are interleaved, medians are reported.
 *
 * The machine is noisy, so only ratios between contenders of one run mean anything.
 *
 * @throws {Error} when any request failed: an error path is never measured.
 */
export async function compare(
  contenders: readonly Contender[],
  options: { rounds: number; seconds: number; warmupSeconds: number },
): Promise<Figures[]> {
  const up: {
    contender: Contender;
    subject: Subject & { port: number };
    rounds: LoadResult[];
    cpu: number[];
  }[] = [];
  try {
    for (const contender of contenders) {
      up.push({ contender, subject: await contender.start(), rounds: [], cpu: [] });
    }
    for (const { contender, subject } of up)
      await contender.load(subject.port, options.warmupSeconds);
    for (let round = 0; round < options.rounds; round += 1) {
      for (const entry of up) {
        const before = cpuMicros(entry.subject.pid);
        const result = await entry.contender.load(entry.subject.port, options.seconds);
        if (result.errors > 0 || result.requests === 0) {
          throw new Error(
            `${entry.contender.name}: ${result.errors} of ${result.errors + result.requests} requests failed`,
          );
        }
        entry.cpu.push((cpuMicros(entry.subject.pid) - before) / result.requests);
        entry.rounds.push(result);
      }
    }
    return up.map(({ contender, subject, rounds, cpu }) => ({
      name: contender.name,
      cpuMicros: median(cpu),
      requestsPerSecond: median(rounds.map((r) => r.requests / r.seconds)),
      p50: median(rounds.map((r) => r.p50)),
      p99: median(rounds.map((r) => r.p99)),
      rss: rssMegabytes(subject.pid),
    }));
  } finally {
    await Promise.all(up.map(({ subject }) => subject.stop()));
  }
}

/** A table of figures; the last column is CPU per request against the first row's. */
export function printFigures(title: string, figures: readonly Figures[]): string {
  const base = figures[0]?.cpuMicros ?? Number.NaN;
  const rows = figures.map((f) => [
    f.name,
    f.cpuMicros.toFixed(1),
    f.requestsPerSecond.toFixed(0),
    f.p50.toFixed(0),
    f.p99.toFixed(0),
    f.rss.toFixed(0),
    (f.cpuMicros / base).toFixed(2),
  ]);
  return `\n${title}\n${table(['', 'CPU µs/req', 'req/s', 'p50 µs', 'p99 µs', 'RSS MB', 'ratio'], rows)}\n`;
}

/** Text in columns: the first `left` are left-aligned, the others right-aligned. */
export function table(
  header: readonly string[],
  rows: readonly (readonly string[])[],
  left = 1,
): string {
  const widths = header.map((h, i) => Math.max(h.length, ...rows.map((r) => r[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((c, i) => (i < left ? c.padEnd(widths[i] ?? 0) : c.padStart(widths[i] ?? 0)))
      .join('  ')
      .trimEnd();
  return [line(header), ...rows.map(line)].join('\n');
}
