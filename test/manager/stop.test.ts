import { expect, test } from 'vitest';
import { Bench } from './support.js';

test('stop unloads everything and waits for requests', async () => {
  const bench = new Bench();
  bench.folder.add('a', 1);
  bench.folder.add('b', 1);
  await bench.start(bench.config('a'), bench.config('b'));
  const end = bench.catalog.request('a');
  let stopped = false;
  const stop = bench.manager.stop(10_000).then(() => {
    stopped = true;
  });
  await bench.look();
  expect(stopped).toBe(false);
  expect(bench.catalog.status('b')).toBe('1:END');
  end();
  await stop;
  expect(bench.loader.models.every((it) => it.closed)).toBe(true);
  await bench.manager.stop(0);
});

test('stop gives up at its deadline', async () => {
  const bench = new Bench();
  bench.folder.add('a', 1);
  await bench.start(bench.config('a'));
  bench.catalog.request('a');
  const stop = bench.manager.stop(500);
  await bench.look();
  bench.clock.advance(500);
  await stop;
  expect(bench.warnings).toContain('models still busy at the deadline');
});

test('stop during a load closes what was loaded', async () => {
  const bench = new Bench();
  bench.folder.add('a', 1);
  let release: () => void = () => undefined;
  bench.loader.behaviour = () => new Promise<void>((resolve) => (release = resolve));
  bench.manager.start([bench.config('a')]);
  await bench.look();
  const stop = bench.manager.stop(10_000);
  release();
  await stop;
  expect(bench.loader.models[0]?.closed).toBe(true);
  expect(bench.catalog.log).toEqual([]);
});

test('a config that comes while the server stops is refused', async () => {
  const bench = new Bench();
  await bench.start();
  await bench.manager.stop(0);
  await expect(bench.manager.apply([])).rejects.toMatchObject({ code: 'UNAVAILABLE' });
});
