import { expect, test } from 'vitest';
import { LatencyHistogram } from '../../ts/bench/histogram.js';

test('quantiles are within one percent of the exact ones', () => {
  const histogram = new LatencyHistogram();
  const values: number[] = [];
  let state = 7;
  for (let i = 0; i < 20_000; i += 1) {
    state = (state * 48_271) % 2_147_483_647;
    // From 1 µs to 1000 s, evenly by magnitude.
    values.push(Math.round(10 ** ((state / 2_147_483_647) * 9)));
  }
  for (const value of values) histogram.record(value);
  values.sort((a, b) => a - b);
  for (const q of [0.01, 0.5, 0.9, 0.99, 0.999]) {
    const exact = values[Math.ceil(q * values.length) - 1] ?? 0;
    expect(Math.abs(histogram.quantile(q) - exact)).toBeLessThanOrEqual(exact * 0.01 + 1);
  }
  expect(histogram.count).toBe(values.length);
  expect(histogram.max).toBe(values.at(-1));
  expect(histogram.quantile(1)).toBeLessThanOrEqual(histogram.max);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  expect(histogram.mean).toBeCloseTo(mean, 3);
});

test('an empty one says 0, and what is out of range counts at the end of it', () => {
  const histogram = new LatencyHistogram();
  expect([histogram.quantile(0.99), histogram.mean, histogram.max]).toEqual([0, 0, 0]);
  histogram.record(-1);
  histogram.record(1e15);
  expect(histogram.quantile(0.5)).toBe(0);
  expect(histogram.max).toBe(2 ** 31 - 1);
});
