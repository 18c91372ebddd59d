import { chmod, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { ensureRuntime } from '../../ts/runtime/ensure.js';
import { candidates, findRuntime, RuntimeMissingError, writeUse } from '../../ts/runtime/find.js';
import { type Manifest, writeManifest } from '../../ts/runtime/manifest.js';
import { fakeElf, HOST } from './support/fake-wheel.js';

let home: string;
let env: Record<string, string>;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'servable-find-'));
  env = { HOME: home, XDG_CACHE_HOME: join(home, 'cache'), PATH: join(home, 'bin') };
  await mkdir(join(home, 'bin'));
});

afterEach(() => rm(home, { recursive: true, force: true }));

const MAIN = 'libtensorflow_cc.so.2';
const FRAMEWORK = 'libtensorflow_framework.so.2';

async function putLibraries(folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  for (const name of [MAIN, FRAMEWORK]) await writeFile(join(folder, name), fakeElf(1000, 0));
  return join(folder, MAIN);
}

async function putInstall(version: string): Promise<string> {
  const folder = join(home, 'cache', 'servable', 'runtime', `${version}-cpu`);
  const library = await putLibraries(join(folder, 'tensorflow'));
  const sizes = { size: 1000, installedSize: 1000, sha256: '', installedSha256: '' };
  const manifest: Manifest = {
    format: 1,
    version,
    variant: 'cpu',
    platform: HOST.platform,
    arch: HOST.arch,
    wheel: 'w',
    trust: 'pinned',
    stripped: true,
    installed: '2026-01-01T00:00:00.000Z',
    library: `tensorflow/${MAIN}`,
    files: [MAIN, FRAMEWORK].map((name) => ({ path: `tensorflow/${name}`, ...sizes })),
    nvidia: null,
  };
  await writeManifest(folder, manifest);
  return library;
}

async function putPython(folder: string): Promise<void> {
  const program = join(home, 'bin', 'python3');
  await writeFile(program, `#!/bin/sh\necho started >> ${home}/python.log\necho ${folder}\n`);
  await chmod(program, 0o755);
}

function find(options: { library?: string } = {}) {
  return findRuntime({ ...options, env, host: HOST, cwd: home });
}

test('option, environment, use, cache, npm, python, system: the first of them is taken', async () => {
  const python = await putLibraries(join(home, 'site-packages', 'tensorflow'));
  await mkdir(join(home, 'site-packages', 'tensorflow_cpu-2.18.0.dist-info'));
  await putPython(dirname(python));
  expect(await find()).toEqual({ path: python, source: 'python', version: '2.18.0' });

  const scope = join(home, 'node_modules', '@servable', 'runtime-linux-x64');
  const packaged = await putLibraries(join(scope, 'tensorflow'));
  await writeFile(join(scope, 'package.json'), '{"name":"@servable/runtime-linux-x64"}');
  expect(await find()).toMatchObject({ path: packaged, source: 'npm' });

  const old = await putInstall('2.9.0');
  const newest = await putInstall('2.20.0');
  const middle = await putInstall('2.19.0');
  expect(await find()).toEqual({ path: newest, source: 'cache', version: '2.20.0' });

  await writeUse(dirname(dirname(middle)), env, HOST);
  expect(await find()).toEqual({ path: middle, source: 'use', version: '2.19.0' });

  const named = await putLibraries(join(home, 'named'));
  env.SERVABLE_TENSORFLOW_LIBRARY = join(home, 'named');
  expect(await find()).toMatchObject({ path: named, source: 'env' });
  expect(await find({ library: newest })).toMatchObject({ path: newest, source: 'option' });

  delete env.SERVABLE_TENSORFLOW_LIBRARY;
  const all = await candidates({ env, host: HOST, cwd: home });
  expect(all.slice(0, 6).map(({ source }) => source)).toEqual([
    'use',
    'cache',
    'cache',
    'cache',
    'npm',
    'python',
  ]);
  const tooOld = all.find(({ path }) => path === old);
  expect(tooOld?.problem).toBe('2.9.0 is too old, need 2.14 or newer');
});

test('the cache is found without starting a process', async () => {
  await putInstall('2.21.0');
  await putPython('/nowhere');
  await find();
  const before = performance.now();
  for (let i = 0; i < 20; i++) await find();
  process.stderr.write(`find with a cache: ${((performance.now() - before) / 20).toFixed(2)} ms\n`);
  await expect(
    import('node:fs/promises').then((fs) => fs.stat(join(home, 'python.log'))),
  ).rejects.toThrow();
});

test('no runtime: the one command to run, and exit code 3', async () => {
  const missing = ensureRuntime({ env, host: HOST, cwd: home, interactive: false });
  await expect(missing).rejects.toThrow(RuntimeMissingError);
  await expect(missing).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    exitCode: 3,
    message: 'no TensorFlow library found; run: servable runtime install',
  });
});

test('a named library that cannot be used ends the search', async () => {
  await putInstall('2.21.0');
  await expect(find({ library: join(home, 'none.so') })).rejects.toThrow(
    `--tensorflow_library: ${join(home, 'none.so')}: no such file or folder`,
  );
  await writeFile(join(home, 'text.so'), 'not a library at all');
  await expect(find({ library: join(home, 'text.so') })).rejects.toThrow(
    'not a shared library of this system',
  );
  const foreign = fakeElf(1000, 0);
  foreign.writeUInt16LE(183, 18);
  await writeFile(join(home, 'arm.so'), foreign);
  await expect(find({ library: join(home, 'arm.so') })).rejects.toThrow(
    'is for arm64, this machine is x64',
  );
});

test('a library without its second half is not taken', async () => {
  const library = await putInstall('2.21.0');
  await rm(join(dirname(library), FRAMEWORK));
  const [cached] = await candidates({ env, host: HOST, cwd: home });
  expect(cached).toMatchObject({
    path: null,
    problem: expect.stringContaining('servable runtime install'),
  });
  await expect(find({ library })).rejects.toThrow(`${FRAMEWORK} is missing beside it`);
});

test("the C API's library is known by its real file name", async () => {
  const folder = join(home, 'capi', 'lib');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'libtensorflow.so.2.18.1'), fakeElf(1000, 0));
  await symlink('libtensorflow.so.2.18.1', join(folder, 'libtensorflow.so.2'));
  expect(await find({ library: join(home, 'capi') })).toMatchObject({ version: '2.18.1' });
});
