import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { estimateBytes, MemoryBudget } from '../../ts/manager/memory.js';
import { Bench, ModelFolder, quiet } from './support.js';

/** A budget of 100 bytes whose evictions the test counts. */
function budget(evict: (name: string) => boolean = () => false) {
  const freed = { times: 0 };
  const memory = new MemoryBudget({ limitBytes: 100, evict, freed: () => (freed.times += 1) });
  const admit = (name: string, bytes: number) => memory.admit({ name, version: 1n }, bytes);
  return { memory, admit, freed };
}

const REFUSED = (name: string) =>
  `Insufficient resources to load servable {name: ${name} version: 1}`;

test('the estimate is 1.2 times the files of the version directory', async () => {
  const folder = new ModelFolder();
  const path = folder.add('m', 1, 'x'.repeat(1000));
  expect(await estimateBytes(path)).toBe(2400);
  writeFileSync(join(path, 'variables', 'variables.data-00000-of-00001'), 'x'.repeat(500));
  expect(await estimateBytes(path)).toBe(3000);
  symlinkSync(path, join(path, 'variables', 'loop'));
  expect(await estimateBytes(path)).toBeGreaterThanOrEqual(3000);
  expect(await estimateBytes(join(path, 'nowhere'))).toBe(0);
});

test('memory that is set aside is not given twice', async () => {
  const { memory, admit } = budget();
  const a = await admit('a', 60);
  a.loaded();
  await expect(admit('b', 60)).rejects.toThrow(REFUSED('b'));
  await admit('c', 40);
  expect(memory.usedBytes).toBe(100);
});

test('a load waits for others under way, which may fail, and for unloads', async () => {
  const { admit, freed } = budget();
  const a = await admit('a', 60);
  let isIn = false;
  const b = admit('b', 60).then((grant) => {
    isIn = true;
    return grant;
  });
  await quiet(2);
  expect(isIn).toBe(false);
  a.release();
  const grant = await b;
  grant.loaded();
  grant.leaving();
  const c = admit('c', 100);
  grant.release();
  await c;
  expect(freed.times).toBe(1);
});

test('what waited for a load that succeeded is refused', async () => {
  const { admit } = budget();
  const a = await admit('a', 60);
  const b = admit('b', 60);
  a.loaded();
  await expect(b).rejects.toThrow(REFUSED('b'));
});

test('a model larger than the limit is refused without unloading anything for it', async () => {
  let evictions = 0;
  const { admit } = budget(() => {
    evictions += 1;
    return true;
  });
  await expect(admit('a', 101)).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  expect(evictions).toBe(0);
});

test('no more is unloaded than is needed', async () => {
  const asked: string[] = [];
  const { admit } = budget((name) => {
    asked.push(name);
    old.leaving();
    return true;
  });
  const old = await admit('old', 60);
  old.loaded();
  const other = await admit('other', 20);
  const next = admit('next', 70);
  await quiet(1);
  other.loaded();
  await quiet(1);
  expect(asked).toEqual(['next']);
  old.release();
  await next;
  old.release();
});

const KB = 'x'.repeat(1000);

test('a version that does not fit fails with the text of TensorFlow Serving, others stay', async () => {
  // One model is taken for 2400 bytes.
  const bench = new Bench({ totalModelMemoryLimitBytes: 3000 });
  bench.folder.add('a', 1, KB);
  bench.folder.add('b', 1, KB);
  await bench.start(bench.config('a'));
  const [summary] = await Promise.all([
    bench.manager.apply([bench.config('a'), bench.config('b')]),
    bench.settle(),
  ]);
  expect(summary.models[0]?.failed[0]?.error).toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    message: `${REFUSED('b')} (it needs about 2400 bytes, 600 of 3000 are free)`,
  });
  expect(bench.catalog.status('a')).toBe('1:AVAILABLE');
  expect(bench.manager.memory()).toEqual({ usedBytes: 2400, limitBytes: 3000 });
});

test('it is tried again as soon as memory is free', async () => {
  const bench = new Bench({ totalModelMemoryLimitBytes: 3000 });
  bench.folder.add('a', 1, KB);
  bench.folder.add('b', 1, KB);
  await bench.start(bench.config('a'));
  await Promise.all([bench.manager.apply([bench.config('a'), bench.config('b')]), bench.settle()]);
  await bench.manager.apply([bench.config('b')]);
  await bench.settle();
  expect(bench.catalog.status('b')).toBe('1:AVAILABLE');
  expect(bench.manager.memory().usedBytes).toBe(2400);
});

test('every end of a load and an unload gives its memory back', async () => {
  const bench = new Bench({ maxNumLoadRetries: 0 });
  bench.folder.add('m', 1, KB);
  await bench.start(bench.config('m'));
  bench.loader.behaviour = () => {
    throw new Error('broken');
  };
  bench.folder.add('m', 2, KB);
  await bench.settle();
  expect(bench.manager.memory().usedBytes).toBe(2400);
  bench.loader.behaviour = () => undefined;
  bench.folder.add('m', 3, `${KB}${KB}`);
  await bench.settle();
  expect(bench.manager.memory().usedBytes).toBe(4800);
  bench.folder.add('m', 3, KB);
  await bench.settle();
  expect(bench.manager.memory().usedBytes).toBe(2400);
  bench.folder.remove('m');
  bench.folder.addEmpty('m');
  await bench.settle();
  expect(bench.catalog.published.size).toBe(0);
  expect(bench.manager.memory().usedBytes).toBe(0);
});

test('a load that waits for memory leaves its place to others, with one load at a time too', async () => {
  const bench = new Bench({
    totalModelMemoryLimitBytes: 5000,
    modelLoading: 'on_demand',
    numInitialLoadThreads: 1,
    numLoadThreads: 0,
  });
  bench.folder.add('old', 1, KB);
  bench.folder.add('big', 1, `${KB}${KB}`);
  bench.folder.add('small', 1);
  await bench.start(bench.config('old'), bench.config('big'), bench.config('small'));
  await bench.manager.demand('old');
  const end = bench.catalog.request('old');
  // It needs the memory of a model whose last request still runs.
  const big = bench.manager.demand('big');
  await quiet();
  expect(bench.catalog.status('big')).toBe('1:LOADING');
  await bench.manager.demand('small');
  expect(bench.catalog.status('small')).toBe('1:AVAILABLE');
  end();
  await big;
  expect(bench.catalog.status('big')).toBe('1:AVAILABLE');
});
