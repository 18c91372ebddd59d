import { expect, test } from 'vitest';
import { missingVersions, parseVersion, selectVersions } from '../../ts/manager/version-policy.js';

test.each([
  ['1', 1n],
  ['0', 0n],
  ['00000123', 123n],
  ['-1', -1n],
  ['+5', 5n],
  [' 7\t', 7n],
  ['9223372036854775807', 9223372036854775807n],
  ['-9223372036854775808', -9223372036854775808n],
])('directory name %j is a version', (name, version) => {
  expect(parseVersion(name)).toBe(version);
});

test.each(['', ' ', '1.0', 'v1', '0x1', '1e3', '1 2', '--1', '+-1', '9223372036854775808', '١'])(
  'directory name %j is not a version',
  (name) => {
    expect(parseVersion(name)).toBeNull();
  },
);

const found = [3n, 10n, 1n, 10n];

test('latest takes the highest, by number and not by text', () => {
  expect(selectVersions({ kind: 'latest', numVersions: 2 }, found)).toEqual([10n, 3n]);
  expect(selectVersions({ kind: 'latest', numVersions: 9 }, found)).toEqual([10n, 3n, 1n]);
});

test('latest of none is latest of one', () => {
  expect(selectVersions({ kind: 'latest', numVersions: 0 }, found)).toEqual([10n]);
});

test('all takes each version once', () => {
  expect(selectVersions({ kind: 'all' }, found)).toEqual([10n, 3n, 1n]);
});

test('specific takes what exists of what is asked for', () => {
  const policy = { kind: 'specific', versions: [1n, 77n, 1n] } as const;
  expect(selectVersions(policy, found)).toEqual([1n]);
  expect(missingVersions(policy, found)).toEqual([77n]);
  expect(selectVersions({ kind: 'specific', versions: [] }, found)).toEqual([]);
});
