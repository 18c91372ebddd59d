import { expect, test } from 'vitest';
import { failedForGood, loadError } from '../../ts/manager/load-summary.js';
import { Bench } from './support.js';

test('the latest version is loaded and the start-up summary names it', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  bench.folder.add('m', 2);
  const summary = await bench.start(bench.config('m'));
  expect(bench.catalog.versions('m')).toEqual([2n]);
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE');
  expect(summary).toEqual({ models: [{ name: 'm', available: [2n], failed: [], error: null }] });
  expect(loadError(summary, 'servable(s)')).toBeNull();
});

test('a version goes through START and LOADING before requests find it', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  const states: string[] = [];
  bench.manager.events.on('state', ({ state }) => {
    states.push(`${state} ${bench.catalog.versions('m').length}`);
  });
  await bench.start(bench.config('m'));
  expect(states).toEqual(['LOADING 0', 'AVAILABLE 1']);
});

test('a new version is published before the old one is withdrawn', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.add('m', 2);
  await bench.settle();
  expect(bench.catalog.log).toEqual(['publish m/1', 'publish m/2', 'withdraw m/1']);
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:END');
});

test('a lease keeps an old version in memory until its request ends', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  const end = bench.catalog.request('m');
  bench.folder.add('m', 2);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:UNLOADING');
  expect(bench.loader.models[0]?.closed).toBe(false);
  bench.catalog.request('m')();
  end();
  await bench.look();
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:END');
  expect(bench.loader.models[0]?.closed).toBe(true);
});

test('a version that comes back while it unloads is loaded again', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  const end = bench.catalog.request('m');
  bench.folder.remove('m', 1);
  await bench.look();
  bench.folder.add('m', 1);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('1:UNLOADING');
  end();
  await bench.look();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('with resource-preserving transitions the old version is gone before the new one is loaded', async () => {
  const bench = new Bench({ transitionPolicy: 'resource_preserving' });
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  const end = bench.catalog.request('m');
  bench.folder.add('m', 2);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:START 1:UNLOADING');
  end();
  await bench.look();
  expect(bench.catalog.log).toEqual(['publish m/1', 'withdraw m/1', 'publish m/2']);
});

test('a version that has ended is forgotten after its time', async () => {
  const bench = new Bench({ endedVersionTtlSeconds: 60 });
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.add('m', 2);
  await bench.settle();
  bench.clock.advance(59_999);
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:END');
  bench.clock.advance(1);
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE');
});

test('a deleted version directory is unloaded', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  bench.folder.add('m', 2);
  await bench.start(bench.config('m', { versionPolicy: { kind: 'all' } }));
  bench.folder.remove('m', 2);
  await bench.look();
  expect(bench.catalog.status('m')).toBe('2:END 1:AVAILABLE');
});

test('an empty base path unloads everything', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.remove('m', 1);
  await bench.look();
  expect(bench.catalog.status('m')).toBe('1:END');
  expect(bench.manager.summary().models[0]?.error?.code).toBe('NOT_FOUND');
});

test('an empty base path unloads nothing where versions must always be present', async () => {
  const bench = new Bench({ servableVersionsAlwaysPresent: true });
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.remove('m', 1);
  await bench.look();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(bench.warnings).toContain('Refusing to unload all versions for Servable: m');
  expect(bench.manager.summary().models[0]?.error?.message).toBe(
    `Unable to find a numerical version path for servable m at: ${bench.config('m').basePath}`,
  );
});

test('a base path that goes away keeps what is loaded, and holds up no other model', async () => {
  const bench = new Bench();
  bench.folder.add('a', 1);
  bench.folder.add('b', 1);
  await bench.start(bench.config('a'), bench.config('b'));
  bench.folder.remove('a');
  bench.folder.add('b', 2);
  await bench.settle();
  expect(bench.catalog.status('a')).toBe('1:AVAILABLE');
  expect(bench.catalog.status('b')).toBe('2:AVAILABLE 1:END');
  expect(bench.manager.summary().models[0]?.error?.message).toMatch(
    /^Could not find base path .*a for servable a with error /,
  );
});

test('a missing base path does not keep start-up waiting and is found later', async () => {
  const bench = new Bench();
  bench.folder.add('good', 1);
  const summary = await bench.start(bench.config('lost'), bench.config('good'));
  expect(summary.models.map(({ available }) => available)).toEqual([[], [1n]]);
  expect(loadError(summary, 'model(s)')?.message).toMatch(
    /^1 model\(s\) did not become available: \{\{\{name: lost\} due to error: NOT_FOUND: Could not find base path /,
  );
  expect(failedForGood(summary)).toBe(false);
  bench.folder.add('lost', 7);
  await bench.settle();
  expect(bench.catalog.status('lost')).toBe('7:AVAILABLE');
});
