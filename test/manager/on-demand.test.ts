import { expect, test } from 'vitest';
import { ServingError } from '../../ts/errors.js';
import type { ManagerOptions } from '../../ts/manager/options.js';
import { Bench, quiet } from './support.js';

const KB = 'x'.repeat(1000);

/** Models a, b and c, loaded on demand; one is taken for 2400 bytes. */
async function onDemand(options: Partial<ManagerOptions> = {}): Promise<Bench> {
  const bench = new Bench({ modelLoading: 'on_demand', numLoadThreads: 4, ...options });
  for (const name of ['a', 'b', 'c']) bench.folder.add(name, 1, KB);
  await bench.start(bench.config('a'), bench.config('b'), bench.config('c'));
  return bench;
}

const served = (bench: Bench) => [...bench.catalog.published.keys()].sort().join();

/** A request that found a model: what the engine counts. */
function use(bench: Bench, name: string): void {
  bench.requests.set(name, (bench.requests.get(name) ?? 0) + 1);
}

test('a model waits in START for its first request, and start-up does not wait for it', async () => {
  const bench = await onDemand();
  expect(bench.catalog.status('a')).toBe('1:START');
  expect(bench.loader.calls).toEqual([]);
  await bench.manager.demand('a');
  expect(served(bench)).toBe('a/1');
  expect(bench.catalog.status('b')).toBe('1:START');
});

test('requests that come together share one load', async () => {
  const bench = await onDemand();
  await Promise.all([1, 2, 3].map(() => bench.manager.demand('a')));
  expect(bench.loader.calls).toHaveLength(1);
});

test('pinned models are loaded at the start', async () => {
  const bench = await onDemand({ pinnedModels: ['b'] });
  expect(served(bench)).toBe('b/1');
});

test('a demand for a model that does not load tells why, and one that is unknown is not found', async () => {
  const bench = await onDemand();
  bench.loader.behaviour = () => {
    throw new ServingError('OUT_OF_RANGE', 'Read less bytes than requested');
  };
  await expect(bench.manager.demand('a')).rejects.toThrow('Read less bytes than requested');
  await expect(bench.manager.demand('z')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});

test('where memory is short the model used longest ago is unloaded', async () => {
  const bench = await onDemand({ totalModelMemoryLimitBytes: 5000 });
  for (const name of ['a', 'b']) {
    await bench.manager.demand(name);
    bench.clock.advance(5000);
  }
  use(bench, 'a');
  bench.clock.advance(1000);
  await bench.manager.demand('c');
  await quiet();
  expect(served(bench)).toBe('a/1,c/1');
  expect(bench.catalog.status('b')).toBe('1:START');
  use(bench, 'c');
  bench.clock.advance(1000);
  await bench.manager.demand('b');
  await quiet();
  expect(served(bench)).toBe('b/1,c/1');
});

test('a pinned model is never unloaded, and when nothing else can be the new one is refused', async () => {
  const bench = await onDemand({ totalModelMemoryLimitBytes: 3000, pinnedModels: ['a'] });
  await expect(bench.manager.demand('b')).rejects.toThrow(
    'Insufficient resources to load servable {name: b version: 1}',
  );
  expect(served(bench)).toBe('a/1');
});

test('a model is unloaded to make room only after its last request', async () => {
  const bench = await onDemand({ totalModelMemoryLimitBytes: 3000 });
  await bench.manager.demand('a');
  const end = bench.catalog.request('a');
  const demanded = bench.manager.demand('b');
  await quiet();
  expect(bench.catalog.status('a')).toBe('1:UNLOADING');
  expect(bench.catalog.status('b')).toBe('1:LOADING');
  end();
  await demanded;
  expect(served(bench)).toBe('b/1');
});

test('a model that was unloaded to make room is loaded again by its next request', async () => {
  const bench = await onDemand({ totalModelMemoryLimitBytes: 3000 });
  for (const name of ['a', 'b', 'a']) {
    await bench.manager.demand(name);
    expect(served(bench)).toBe(`${name}/1`);
  }
  expect(bench.manager.memory().usedBytes).toBe(2400);
});

test('a new version of a model nobody has asked for is only known', async () => {
  const bench = await onDemand();
  bench.folder.add('a', 2, KB);
  await bench.settle();
  expect(bench.loader.calls).toEqual([]);
  await bench.manager.demand('a');
  expect(served(bench)).toBe('a/2');
  bench.folder.add('a', 3, KB);
  await bench.settle();
  expect(served(bench)).toBe('a/3');
});

test('at rest means unloaded until the next request; an eager model has no rest', async () => {
  const bench = await onDemand({ pinnedModels: ['b'] });
  await bench.manager.demand('a');
  expect(bench.manager.rest('a')).toBe(true);
  await quiet();
  expect(served(bench)).toBe('b/1');
  expect(bench.manager.rest('b')).toBe(false);
  await bench.manager.demand('a');
  expect(served(bench)).toBe('a/1,b/1');
});

test('random demands under a tight limit always end with the model in memory and never above the limit', async () => {
  const bench = await onDemand({ totalModelMemoryLimitBytes: 5000 });
  let seed = 7;
  for (let step = 0; step < 60; step += 1) {
    seed = (seed * 48271) % 2147483647;
    const name = ['a', 'b', 'c'][seed % 3] as string;
    await bench.manager.demand(name);
    bench.catalog.request(name)();
    use(bench, name);
    expect(bench.manager.memory().usedBytes).toBeLessThanOrEqual(5000);
    bench.clock.advance(1000);
  }
  expect(bench.loader.models.filter((it) => !it.closed).length).toBe(bench.catalog.published.size);
});

test('the catalog is told which models wait for a request, and what is wrong with a base path', async () => {
  const bench = await onDemand({ pinnedModels: ['b'] });
  const fine = { code: 0, message: '' };
  expect(bench.catalog.sources.get('a')).toEqual({ onDemand: true, ...fine });
  expect(bench.catalog.sources.get('b')).toEqual({ onDemand: false, ...fine });
  bench.folder.remove('b');
  await bench.look();
  expect(bench.catalog.sources.get('b')).toMatchObject({
    code: 5,
    message: expect.stringMatching(/^Could not find base path .* for servable b with error /),
  });
  bench.folder.add('b', 1, KB);
  await bench.look();
  expect(bench.catalog.sources.get('b')).toEqual({ onDemand: false, ...fine });
});
