import Benchmark from 'benchmark';

/** One thing to time. `run` does it once. */
export interface Work {
  readonly name: string;
  readonly run: () => unknown;
}

/** What it took. */
export interface Timing {
  readonly name: string;
  /** Microseconds per run: the mean of benchmark.js's samples. */
  readonly micros: number;
  /** Relative margin of error, percent. */
  readonly margin: number;
}

/**
 * Times works of at least a microsecond one after the other with benchmark.js.
 *
 * benchmark.js misjudges functions that do next to nothing, so nothing here is below a microsecond.
 */
export function timeSync(works: readonly Work[], secondsEach: number): Timing[] {
  const suite = new Benchmark.Suite();
  for (const { name, run } of works) {
    suite.add(name, run, { maxTime: secondsEach, minSamples: 5 });
  }
  const timings: Timing[] = [];
  suite.on('cycle', (event: Benchmark.Event) => {
    const { name, stats, error } = event.target as Benchmark.Target & {
      name: string;
      stats: Benchmark.Stats;
      error?: Error;
    };
    if (error !== undefined) throw error;
    timings.push({ name, micros: stats.mean * 1e6, margin: stats.rme });
  });
  suite.run({ async: false });
  return timings;
}

/** As {@link timeSync} for work that ends in a promise: interleaved rounds of `batch` runs after each other. */
export async function timeAsync(
  works: readonly { name: string; run: () => Promise<unknown> }[],
  options: { rounds: number; batch: number },
): Promise<Timing[]> {
  const samples = works.map(() => [] as number[]);
  for (const { run } of works) for (let i = 0; i < options.batch; i += 1) await run();
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [index, { run }] of works.entries()) {
      const began = performance.now();
      for (let i = 0; i < options.batch; i += 1) await run();
      samples[index]?.push(((performance.now() - began) * 1000) / options.batch);
    }
  }
  return works.map(({ name }, index) => {
    const sorted = [...(samples[index] ?? [])].sort((a, b) => a - b);
    const middle = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
    const spread = ((sorted.at(-1) ?? middle) - (sorted[0] ?? middle)) / 2;
    return { name, micros: middle, margin: (spread / middle) * 100 };
  });
}
