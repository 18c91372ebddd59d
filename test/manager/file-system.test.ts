import { chmodSync, mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { Bench, quiet } from './support.js';

const all = { versionPolicy: { kind: 'all' } } as const;

test('directories that are not versions are passed over', async () => {
  const bench = new Bench();
  for (const name of ['1', 'v2', '3.0', '0x4', 'assets']) bench.folder.add('m', name);
  await bench.start(bench.config('m', all));
  expect(bench.catalog.versions('m')).toEqual([1n]);
});

test('of two names for one version the one that sorts last is used, with a warning', async () => {
  const bench = new Bench();
  bench.folder.add('m', '001');
  const path = bench.folder.add('m', '1');
  await bench.start(bench.config('m', all));
  await bench.look();
  expect(bench.loader.calls).toEqual([path]);
  const warnings = bench.warnings.filter((it) => it.startsWith('Duplicate version'));
  expect(warnings).toEqual([
    `Duplicate version directories of servable m: "001" and "1" under ${bench.config('m').basePath} are both version 1; using "1"`,
  ]);
});

test('a base path without a number names what it holds', async () => {
  const bench = new Bench();
  bench.folder.addEmpty('m', 'latest');
  const summary = await bench.start(bench.config('m'));
  expect(summary.models[0]?.error?.message).toBe(
    `No versions of servable m found under base path ${bench.config('m').basePath}. Did you forget to name your leaf directory as a number (eg. '/1/')? (it holds "latest")`,
  );
});

test('a base path that is a SavedModel itself is version 1', async () => {
  const bench = new Bench();
  bench.folder.add('.', 'm');
  await bench.start(bench.config('m'));
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(bench.loader.calls).toEqual([bench.config('m').basePath]);
});

test('a file: base path is a local one, and other schemes are refused by name', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  const basePath = pathToFileURL(bench.config('m').basePath).href;
  const summary = await bench.start(
    bench.config('m', { basePath }),
    bench.config('far', { basePath: 's3://bucket/far' }),
  );
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  expect(summary.models[1]?.error?.message).toBe(
    'base path s3://bucket/far of model "far": got scheme "s3", wanted an absolute path or file://',
  );
});

test('a base path that is a file says so', async () => {
  const bench = new Bench();
  writeFileSync(join(bench.folder.path, 'm'), '');
  const summary = await bench.start(bench.config('m'));
  expect(summary.models[0]?.error).toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: expect.stringContaining('is a file, wanted a directory of versions'),
  });
});

/** Does `work` as a user who may not read what this one owns: root may read everything. */
async function asNobody(work: () => Promise<void>): Promise<void> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

test('folders that may not be read say so, other models are served', async () => {
  const bench = new Bench();
  for (const name of ['m', 'other']) bench.folder.add(name, 1);
  bench.folder.addEmpty('base');
  const version = join(bench.folder.path, 'm', '1');
  const base = join(bench.folder.path, 'base');
  chmodSync(bench.folder.path, 0o755);
  for (const path of [version, base]) {
    chmodSync(path, 0);
    onTestFinished(() => chmodSync(path, 0o755));
  }
  await asNobody(async () => {
    await bench.start(bench.config('m'), bench.config('base'), bench.config('other'));
  });
  expect(bench.catalog.status('m')).toBe(
    `1:END(7 ${version}: no permission to read the directory)`,
  );
  expect(bench.catalog.sources.get('base')?.message).toMatch(/base of servable base: .*permission/);
  expect(bench.catalog.versions('other')).toEqual([1n]);
});

test('a version that is a file fails with a text that says so', async () => {
  const bench = new Bench();
  bench.folder.addEmpty('m');
  const path = join(bench.folder.path, 'm', '5');
  writeFileSync(path, '');
  await bench.start(bench.config('m'));
  expect(bench.catalog.status('m')).toBe(
    `5:END(9 ${path}: is a file, wanted a directory with saved_model.pb)`,
  );
});

test('a file beside good versions does not keep them from being served', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  writeFileSync(join(bench.folder.path, 'm', '5'), '');
  await bench.start(bench.config('m'));
  expect(bench.catalog.status('m')).toBe('5:START 1:AVAILABLE');
  bench.clock.advance(10_000);
  await bench.settle();
  expect(bench.catalog.status('m')).toMatch(/^5:END\(9 .*is a file.*\) 1:AVAILABLE$/);
});

test('a loop of links fails with a text that says so', async () => {
  const bench = new Bench();
  bench.folder.addEmpty('m');
  const path = join(bench.folder.path, 'm', '1');
  symlinkSync(path, path);
  await bench.start(bench.config('m'));
  expect(bench.catalog.status('m')).toBe(`1:END(9 ${path}: is a loop of symbolic links)`);
});

test('a link inside a version that leads back up does not keep the look from ending', async () => {
  const bench = new Bench();
  const path = bench.folder.add('m', 1);
  symlinkSync('..', join(path, 'variables', 'up'));
  await bench.start(bench.config('m'));
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('a version that is being copied is loaded when it has its saved_model.pb and has stopped changing', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  const path = bench.folder.addEmpty('m', '2');
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:START 1:AVAILABLE');
  writeFileSync(join(path, 'saved_model.pb'), 'half');
  await bench.look();
  writeFileSync(join(path, 'saved_model.pb'), 'half and the rest');
  await bench.look();
  mkdirSync(join(path, 'variables'));
  await bench.look();
  writeFileSync(join(path, 'variables', 'variables.index'), '');
  await bench.look();
  expect(bench.loader.calls).toHaveLength(1);
  await bench.look();
  expect(bench.loader.calls).toHaveLength(2);
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:END');
});

test('a copy that is never finished fails after a while, and loads when it is finished', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.addEmpty('m', '2');
  await bench.settle();
  bench.clock.advance(10_000);
  await bench.look();
  expect(bench.catalog.status('m')).toMatch(/^2:END\(5 Specified file path .*1:AVAILABLE$/s);
  bench.folder.add('m', 2);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:END');
});

test('a copy under way does not unload the only version when that is deleted', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.addEmpty('m', '2');
  bench.folder.remove('m', 1);
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('2:START 1:AVAILABLE');
});

test('a copy that is given up is forgotten', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  bench.folder.addEmpty('m', '2');
  await bench.look();
  bench.folder.remove('m', 2);
  await bench.look();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('at start-up an unfinished copy does not keep an older version from being served', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  bench.folder.addEmpty('m', '2');
  await bench.start(bench.config('m'));
  expect(bench.catalog.status('m')).toBe('2:START 1:AVAILABLE');
});

test('content replaced by renaming is noticed even with the same sizes and times', async () => {
  const bench = new Bench();
  const path = bench.folder.add('m', 1, 'aaaa');
  const file = join(path, 'saved_model.pb');
  bench.folder.touch(file, 1_000_000);
  await bench.start(bench.config('m'));
  writeFileSync(`${file}.new`, 'bbbb');
  bench.folder.touch(`${file}.new`, 1_000_000);
  renameSync(`${file}.new`, file);
  await bench.settle();
  expect(bench.loader.calls).toHaveLength(2);
});

test('weights replaced beside an unchanged saved_model.pb are noticed within ten seconds', async () => {
  const bench = new Bench();
  const path = bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  writeFileSync(join(path, 'variables', 'variables.index'), 'other weights');
  bench.clock.advance(10_000);
  await bench.settle();
  expect(bench.loader.calls).toHaveLength(2);
});

test('saved_model.pb that vanishes from a loaded version unloads nothing', async () => {
  const bench = new Bench();
  const path = bench.folder.add('m', 1);
  await bench.start(bench.config('m'));
  unlinkSync(join(path, 'saved_model.pb'));
  await bench.settle();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('specific versions are served as they exist, and missing ones are named', async () => {
  const bench = new Bench();
  for (const version of [1, 2, 3]) bench.folder.add('m', version);
  const versionPolicy = { kind: 'specific', versions: [1n, 3n, 77n] } as const;
  await bench.start(bench.config('m', { versionPolicy }));
  expect(bench.catalog.versions('m')).toEqual([3n, 1n]);
  expect(bench.warnings.filter((it) => it.startsWith('Version 77 of servable m'))).toHaveLength(1);
});

test('an empty list of specific versions unloads everything, with a warning', async () => {
  const bench = new Bench();
  bench.folder.add('m', 1);
  await bench.start(bench.config('m', { versionPolicy: { kind: 'specific', versions: [] } }));
  expect(bench.catalog.versions('m')).toEqual([]);
  expect(bench.warnings).toContain('No specific versions requested for servable m.');
});

test('paths with spaces and other scripts work', async () => {
  const bench = new Bench();
  bench.folder.add('模型 eins', 1);
  await bench.start(bench.config('模型 eins'));
  expect(bench.catalog.status('模型 eins')).toBe('1:AVAILABLE');
});

test('the base path is looked at once per interval', async () => {
  const bench = new Bench({ fileSystemPollWaitSeconds: 30 });
  bench.folder.add('m', 1);
  bench.manager.start([bench.config('m')]);
  await bench.manager.initialLoad();
  await quiet();
  bench.folder.add('m', 2);
  bench.clock.advance(29_999);
  await quiet();
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
  bench.clock.advance(1);
  await quiet();
  expect(bench.catalog.status('m')).toBe('2:START 1:AVAILABLE');
  // What may be complete is looked at again soon.
  bench.clock.advance(1000);
  await quiet();
  expect(bench.catalog.status('m')).toBe('2:AVAILABLE 1:END');
});

test('an interval of 0 looks once', async () => {
  const bench = new Bench({ fileSystemPollWaitSeconds: 0 });
  bench.folder.add('m', 1);
  bench.manager.start([bench.config('m')]);
  await bench.manager.initialLoad();
  await quiet();
  expect(bench.clock.pending).toBe(0);
  expect(bench.catalog.status('m')).toBe('1:AVAILABLE');
});

test('an interval below 0 never looks by itself', async () => {
  const bench = new Bench({ fileSystemPollWaitSeconds: -1 });
  bench.folder.add('m', 1);
  bench.manager.start([bench.config('m')]);
  await quiet();
  expect(bench.catalog.status('m')).toBe('');
});
