import { expect, test } from 'vitest';
import { type BatchingSetting, batchingFile } from '../../ts/bench/batching-file.js';
import { type BenchReport, caution, reportText } from '../../ts/bench/report.js';
import { choose, settingsOf, type TuneResult, tuneTable } from '../../ts/bench/tune.js';
import { messageType } from '../../ts/codec/messages.js';
import { parseText } from '../../ts/codec/text-format.js';

function report(throughput: number, p99: number, more: Partial<BenchReport> = {}): BenchReport {
  return {
    target: 'http://h:1/v1/models/m:predict',
    protocol: 'rest',
    loop: 'closed',
    connections: 64,
    rate: null,
    requestBytes: 100,
    warmupSeconds: 1,
    seconds: 2,
    requests: throughput * 2,
    answered: throughput * 2,
    throughput,
    latencyMs: { mean: p99 / 3, p50: p99 / 4, p90: p99 / 2, p99, p999: p99 * 2, max: p99 * 3 },
    errors: {},
    cpu: { serverMicrosPerRequest: 100, serverCores: 1, clientCores: 0.2 },
    ...more,
  };
}

const setting = (maxBatchSize: number, batchTimeoutMicros = 0): BatchingSetting => ({
  maxBatchSize,
  batchTimeoutMicros,
  numBatchThreads: 2,
});
const result = (it: BatchingSetting | null, each: BenchReport): TuneResult => ({
  setting: it,
  report: each,
});

const plain = result(null, report(1000, 60));
const small = result(setting(8), report(3000, 25));
const fast = result(setting(128, 5000), report(5000, 40));
const asFast = result(setting(32, 1000), report(4900, 20));

test('the best is the fastest, and of those as fast as it the one with the lowest p99', () => {
  const { best, reasons } = choose([plain, small, fast, asFast], null);
  expect(best).toBe(asFast);
  expect(reasons.join(' ')).toContain(
    '4900 requests/s, p99 20.0 ms (4.90 ×); without batching 1000',
  );
});

test('a bound on the p99 goes first, and one that nothing keeps is said', () => {
  expect(choose([plain, small, fast], 30).best).toBe(small);
  const { best, reasons } = choose([plain, small, fast], 1);
  expect(best).toBe(small);
  expect(reasons[0]).toBe('No setting kept the p99 under 1 ms; this one has the lowest.');
});

test('a setting that made errors is not the best unless all did', () => {
  const full = result(setting(64), report(9000, 5, { errors: { 503: 7 } }));
  expect(choose([plain, full], null).best).toBe(plain);
  expect(choose([full], null).best).toBe(full);
});

test('every value is tried with every other, after no batching', () => {
  const all = settingsOf({ batchSizes: [8, 32], waitsMicros: [0, 1000, 5000], threads: [2] });
  expect(all).toHaveLength(7);
  expect(all[0]).toBeNull();
});

test('the table marks the best', () => {
  const lines = tuneTable([plain, small], small).trimEnd().split('\n');
  expect(lines).toHaveLength(3);
  expect(lines[1]).toMatch(/^ +off +1000 /);
  expect(lines[2]).toMatch(/^\* +8 +0 +2 +3000 +6\.25 +25\.0 +100$/);
});

test('the file is one that TensorFlow Serving reads, with the reasons as comments', () => {
  const text = batchingFile(setting(32, 1000), ['because', 'and because']);
  expect(text).toMatch(/^# because\n# and because\nmax_batch_size \{ value: 32 \}\n/);
  const type = messageType('tensorflow.serving.BatchingParameters');
  expect(parseText(type, text, 'file')).toMatchObject({
    maxBatchSize: { value: 32n },
    batchTimeoutMicros: { value: 1000n },
    numBatchThreads: { value: 2n },
    maxEnqueuedBatches: { value: 128n },
  });
});

test('the report tells errors by code, and when the figures are not the server’s', () => {
  const errors = { 503: 4, ECONNRESET: 1 };
  expect(reportText(report(100, 5, { errors }))).toContain('errors      4 × 503, 1 × ECONNRESET');
  expect(caution(report(100, 5))).toBeNull();
  const cpu = { serverMicrosPerRequest: null, serverCores: null, clientCores: 0.98 };
  expect(caution(report(100, 5, { cpu }))).toContain('This program was busy all the time');
  const late = { rate: 200, loop: 'open', seconds: 2, requests: 400, answered: 200 } as const;
  expect(caution(report(100, 5, late))).toBe('The server did not keep up with the rate.');
});
