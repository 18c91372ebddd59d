import { expect, test } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import { Bench, quiet } from './support.js';

const REPORT = { records: 3, runs: 6, elapsedMs: 12, skipped: [] };

test('a version is LOADING until its warm-up has ended, and then requests find it', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  let end: () => void = () => undefined;
  bench.warmUp = () =>
    new Promise((resolve) => {
      end = () => resolve(REPORT);
    });
  const warmed: unknown[] = [];
  bench.manager.events.on('warmed', ({ report }) => warmed.push(report));
  const started = bench.start(bench.config('m'));
  await quiet();
  expect(bench.catalog.status('m')).toBe('1:LOADING');
  expect(bench.catalog.versions('m')).toEqual([]);
  end();
  await started;
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(warmed).toEqual([REPORT]);
});

test('a warm-up that fails is the END of the version, which is given up', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  bench.warmUp = async () => {
    throw new ServingError('DATA_LOSS', 'corrupted record at 0 (Is this even a TFRecord file?)');
  };
  await bench.start(bench.config('m'));
  const text = 'corrupted record at 0 (Is this even a TFRecord file?)';
  expect(bench.catalog.status('m')).toBe(`1:END(15 ${text})`);
  expect(bench.loader.models.map((model) => model.closed)).toEqual([true]);
});

test('a warm-up whose failure may heal is tried again with the load', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  let fails = true;
  bench.warmUp = async () => {
    if (fails) throw new ServingError('UNAVAILABLE', 'not now');
    return REPORT;
  };
  await bench.start(bench.config('m'));
  expect(bench.catalog.status('m')).toBe('1:END(14 not now)');
  fails = false;
  bench.clock.advance(600_000);
  await quiet();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(bench.loader.calls).toHaveLength(2);
});

test('while a new version warms up the old one serves', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.warmUp = () => new Promise(() => undefined);
  bench.folder.add('m', 2);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:LOADING 1:AVAILABLE');
  expect(bench.catalog.versions('m')).toEqual([1n]);
});
