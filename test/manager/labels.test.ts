import { expect, test } from 'vitest';
import { checkLabels } from '../../ts/manager/labels.js';
import type { ModelConfig } from '../../ts/manager/model-config.js';
import { Bench } from './support.js';

const labelled = (labels: Record<string, bigint>): ModelConfig => ({
  name: 'm',
  basePath: '/m',
  versionPolicy: { kind: 'all' },
  versionLabels: new Map(Object.entries(labels)),
});
const available = (version: bigint) => version === 1n || version === 2n;
const REFUSED =
  'Request to assign label to version 9 of model m, which is not currently available for inference';

test('a label may point at any available version and move between them', () => {
  expect(() => {
    checkLabels(labelled({ stable: 1n }), null, available, false);
    checkLabels(labelled({ stable: 2n }), labelled({ stable: 1n }), available, false);
  }).not.toThrow();
});

test('a label to a version that is not available is refused', () => {
  expect(() => checkLabels(labelled({ stable: 9n }), null, available, false)).toThrow(REFUSED);
});

test('where it is allowed, a new label or one that stays may point at a version that is not available', () => {
  expect(() => {
    checkLabels(labelled({ next: 9n }), labelled({ stable: 1n }), available, true);
    checkLabels(labelled({ next: 9n }), labelled({ next: 9n }), available, true);
  }).not.toThrow();
});

test('moving a label to a version that is not available is refused always', () => {
  const move = () =>
    checkLabels(labelled({ stable: 9n }), labelled({ stable: 1n }), available, true);
  expect(move).toThrow(REFUSED);
});

test('labels of the first config may point at versions that are still loading', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  const versionLabels = new Map([['stable', 1n]]);
  bench.manager.start([bench.config('m', { versionLabels })]);
  expect(bench.catalog.labels.get('m')).toEqual([{ label: 'stable', version: 1n }]);
  await bench.look();
});

test('a new label map replaces the old one, and a refused one changes nothing', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m', { versionLabels: new Map([['old', 1n]]) }));
  const next = (version: bigint) =>
    bench.config('m', { versionLabels: new Map([['new', version]]) });
  await expect(bench.manager.apply([next(9n)])).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
  });
  expect(bench.catalog.labels.get('m')).toEqual([{ label: 'old', version: 1n }]);
  await bench.manager.apply([next(1n)]);
  expect(bench.catalog.labels.get('m')).toEqual([{ label: 'new', version: 1n }]);
});

test('with force a label may be moved to a version that is not available', () => {
  expect(() =>
    checkLabels(labelled({ stable: 9n }), labelled({ stable: 1n }), available, true, true),
  ).not.toThrow();
});
