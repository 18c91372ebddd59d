import { mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ModelCache } from '../../ts/manager/store/model-cache.js';
import { defaultStoreOptions } from '../../ts/manager/store/settings.js';
import { FakeWeb } from './support/fake-web.js';
import { StoreBench, temporaryFolder } from './support/store-bench.js';

const KB = 1000;

/** A model of `size` bytes. */
function put(web: FakeWeb, prefix: string, size = 10): void {
  web.put(`${prefix}/saved_model.pb`, 'x'.repeat(size));
}

test('two models with one base path share one download', async () => {
  const web = await FakeWeb.start();
  put(web, 'm/1');
  const bench = new StoreBench();
  await bench.start(bench.config('a', `${web.url}/m`), bench.config('b', `${web.url}/m`));
  expect(bench.catalog.status('a')).toBe('1:AVAILABLE');
  expect(bench.catalog.status('b')).toBe('1:AVAILABLE');
  expect(web.count('GET /m/1/saved_model.pb')).toBe(1);
});

test('one of two that wait for a download may leave without ending it', async () => {
  const web = await FakeWeb.start();
  put(web, 'm/1');
  let finish: (() => void) | null = null;
  web.interfere = ({ url, method }, response) => {
    if (url !== '/m/1/saved_model.pb' || method !== 'GET') return false;
    finish = () => response.writeHead(200, { 'content-length': 10 }).end('x'.repeat(10));
    return true;
  };
  const bench = new StoreBench();
  const b = bench.config('b', `${web.url}/m`);
  bench.manager.start([bench.config('a', `${web.url}/m`), b]);
  await bench.manager.poll();
  await expect.poll(() => finish).not.toBeNull();
  await bench.manager.apply([b]);
  await bench.reaches('a', /^1:END/);
  (finish as (() => void) | null)?.();
  await bench.reaches('b', '1:AVAILABLE');
});

test('a restart takes the version from the cache, and fetches it again when a file was damaged', async () => {
  const web = await FakeWeb.start();
  put(web, 'm/1');
  const first = new StoreBench();
  await first.start(first.config('m', `${web.url}/m`));
  const again = async () => {
    const bench = new StoreBench({ folder: first.folder });
    await bench.start(bench.config('m', `${web.url}/m`));
    expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
    expect(bench.loaded).toEqual(['x'.repeat(10)]);
    return web.count('GET /m/1/saved_model.pb');
  };
  expect(await again()).toBe(1);
  const file = join(first.loader.calls[0] ?? '', 'saved_model.pb');
  writeFileSync(file, 'y'.repeat(10));
  expect(await again()).toBe(2);
});

test('the manifest names every file with its size and checksum, and no secret', async () => {
  const web = await FakeWeb.start();
  put(web, 'm/1', 3);
  const bench = new StoreBench();
  await bench.start(bench.config('m', `${web.url}/m?token=secret`));
  const [key = ''] = bench.cached();
  const folder = join(bench.folder, '.cache', 'servable', 'models', key);
  const text = readFileSync(join(folder, 'manifest.json'), 'utf8');
  expect(JSON.parse(text)).toMatchObject({
    location: `${web.url}/m/1`,
    bytes: 3,
    files: [
      {
        path: 'saved_model.pb',
        size: 3,
        sha256: 'cd2eb0837c9b4c962c22d2ff8b5441b7b45805887f051d39bf133b583baf6860',
      },
    ],
  });
  expect(key + text).not.toContain('secret');
});

test('what has not been used for longest is removed for a new version, and never what is loaded', async () => {
  const web = await FakeWeb.start();
  for (const version of [1, 2, 3]) put(web, `m/${version}`, 400 * KB);
  const bench = new StoreBench({ stores: { modelCacheMaxBytes: 1000 * KB } });
  const serve = async (version: bigint) => {
    const versionPolicy = { kind: 'specific', versions: [version] } as const;
    const applied = bench.manager.apply([bench.config('m', `${web.url}/m`, { versionPolicy })]);
    await bench.manager.poll();
    await applied;
    await bench.reaches('m', new RegExp(`(^| )${version}:AVAILABLE`));
    await expect.poll(() => bench.catalog.versions('m')).toEqual([version]);
  };
  const held = () =>
    bench
      .cached()
      .map((key) => /_(\d)-[0-9a-f]+$/.exec(key)?.[1])
      .sort();
  await serve(1n);
  await serve(2n);
  expect(held()).toEqual(['1', '2']);
  await serve(3n);
  expect(held()).toEqual(['2', '3']);
  // Version 2 comes from the cache and so is used later than 3.
  await serve(2n);
  await serve(1n);
  expect(held()).toEqual(['1', '2']);
});

test('a version that does not fit beside what is loaded fails with the sizes', async () => {
  const web = await FakeWeb.start();
  put(web, 'm/1', 400 * KB);
  put(web, 'm/2', 700 * KB);
  put(web, 'huge/1', 1200 * KB);
  const bench = new StoreBench({ stores: { modelCacheMaxBytes: 1000 * KB } });
  const versionPolicy = { kind: 'specific', versions: [1n] } as const;
  await bench.start(bench.config('m', `${web.url}/m`, { versionPolicy }));
  const applied = bench.manager.apply([
    bench.config('m', `${web.url}/m`),
    bench.config('huge', `${web.url}/huge`),
  ]);
  await bench.manager.poll();
  await applied;
  await bench.reaches('m', /^2:END\(8 .*\) 1:AVAILABLE$/);
  expect(bench.catalog.status('m')).toMatch(
    /\/m\/2: needs 700000 bytes in .*, but 400000 bytes are in use, and --model_cache_max_bytes is 1000000/,
  );
  await bench.reaches(
    'huge',
    /^1:END\(9 .*has 1200000 bytes, more than the 1000000 of --model_cache_max_bytes\)$/,
  );
});

test('a version that another process has loaded is not removed, and marks of ended processes do not count', async () => {
  const folder = temporaryFolder();
  const cache = new ModelCache(folder, 10);
  for (const key of ['mine', 'theirs', 'dead']) {
    const temporary = await cache.begin();
    writeFileSync(join(cache.files(temporary), 'f'), '123');
    const file = { path: 'f', size: 3, sha256: '' };
    await cache.keep(temporary, key, { location: key, fingerprint: '', model: '', files: [file] });
  }
  const mark = (key: string, pid: number) =>
    writeFileSync(join(folder, '.in-use', `${key}@${hostname()}@${pid}`), '');
  mkdirSync(join(folder, '.in-use'));
  mark('theirs', process.ppid);
  mark('dead', 2 ** 22 + 1);
  await cache.pin('mine');
  await cache.reserve(4, 'new');
  expect(readdirSync(folder).sort()).toEqual(['.in-use', 'mine', 'theirs']);
  await expect(cache.reserve(4, 'more')).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
});

test('what a killed process left half done is removed at the next start', async () => {
  const folder = temporaryFolder();
  mkdirSync(join(folder, `.new-${2 ** 22 + 1}-abc`, 'files'), { recursive: true });
  mkdirSync(join(folder, `.new-${process.ppid}-abc`, 'files'), { recursive: true });
  const cache = new ModelCache(folder, 0);
  await cache.find('anything');
  expect(readdirSync(folder)).toEqual([`.new-${process.ppid}-abc`]);
});

test('the least recently used is told by the last use', async () => {
  const folder = temporaryFolder();
  const cache = new ModelCache(folder, 6);
  for (const [key, age] of [
    ['old', 100],
    ['older', 200],
  ] as const) {
    const temporary = await cache.begin();
    writeFileSync(join(cache.files(temporary), 'f'), '123');
    const file = { path: 'f', size: 3, sha256: '' };
    await cache.keep(temporary, key, { location: key, fingerprint: '', model: '', files: [file] });
    const time = Date.now() / 1000 - age;
    utimesSync(join(folder, key, 'manifest.json'), time, time);
  }
  const { release } = await cache.reserve(3, 'new');
  release();
  expect(readdirSync(folder)).toEqual(['old']);
});

test('a cache folder that cannot be written says which option to set', async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, 'file'), '');
  const cache = new ModelCache(join(folder, 'file', 'models'), 0);
  await expect(cache.find('x')).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringContaining('set --model_cache_dir to a folder that can be written'),
  });
});

test('the cache lies where XDG says', () => {
  expect(defaultStoreOptions({ HOME: '/home/u' }).modelCacheDir).toBe(
    '/home/u/.cache/servable/models',
  );
  expect(defaultStoreOptions({ HOME: '/home/u', XDG_CACHE_HOME: '/var/x' }).modelCacheDir).toBe(
    '/var/x/servable/models',
  );
  expect(defaultStoreOptions({ HOME: '/home/u', XDG_CACHE_HOME: 'relative' }).modelCacheDir).toBe(
    '/home/u/.cache/servable/models',
  );
});
