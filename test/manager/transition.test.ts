import { expect, test } from 'vitest';
import { nextStep, type ServableView } from '../../ts/manager/transition.js';
import type { State } from '../../ts/native/catalog.js';

const wanted = (version: number, state: State): ServableView => ({
  version: BigInt(version),
  state,
  aspired: true,
});
const stale = (version: number, state: State): ServableView => ({
  version: BigInt(version),
  state,
  aspired: false,
});

const keep = (...servables: ServableView[]) => nextStep('availability_preserving', servables);
const spare = (...servables: ServableView[]) => nextStep('resource_preserving', servables);

test('with nothing in memory all wanted versions are loaded, highest first', () => {
  expect(keep(wanted(1, 'START'), wanted(3, 'START'))).toEqual({ unload: [], load: [3n, 1n] });
});

test('an old version stays until a wanted one is available', () => {
  expect(keep(stale(1, 'AVAILABLE'), wanted(2, 'START'))).toEqual({ unload: [], load: [2n] });
  expect(keep(stale(1, 'AVAILABLE'), wanted(2, 'LOADING'))).toEqual({ unload: [], load: [] });
  expect(keep(stale(1, 'AVAILABLE'), wanted(2, 'END'))).toEqual({ unload: [], load: [] });
  expect(keep(stale(1, 'AVAILABLE'), wanted(2, 'AVAILABLE'))).toEqual({ unload: [1n], load: [] });
});

test('while an old version carries the requests one wanted version is loaded at a time', () => {
  expect(keep(stale(1, 'AVAILABLE'), wanted(2, 'START'), wanted(3, 'START')).load).toEqual([3n]);
  expect(keep(stale(1, 'AVAILABLE'), wanted(2, 'START'), wanted(3, 'LOADING')).load).toEqual([]);
  expect(keep(stale(1, 'AVAILABLE'), wanted(2, 'START'), wanted(3, 'END')).load).toEqual([2n]);
});

test('of several old versions only the highest carries the requests', () => {
  expect(keep(stale(1, 'AVAILABLE'), stale(2, 'AVAILABLE'), wanted(3, 'START'))).toEqual({
    unload: [1n],
    load: [3n],
  });
});

test('with nothing wanted all is unloaded', () => {
  expect(keep(stale(1, 'AVAILABLE'), stale(2, 'AVAILABLE')).unload).toEqual([2n, 1n]);
});

test('resource-preserving loads nothing until old versions are gone', () => {
  expect(spare(stale(1, 'AVAILABLE'), wanted(2, 'START'))).toEqual({ unload: [1n], load: [] });
  expect(spare(stale(1, 'UNLOADING'), wanted(2, 'START'))).toEqual({ unload: [], load: [] });
  expect(spare(stale(1, 'LOADING'), wanted(2, 'START'))).toEqual({ unload: [], load: [] });
  expect(spare(stale(1, 'END'), wanted(2, 'START'))).toEqual({ unload: [], load: [2n] });
});
