import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { registerRuntime } from '../../ts/cli/runtime.js';
import { THIS_HOST } from '../../ts/runtime/platform.js';
import { FILENAME, makeWheel } from './support/fake-wheel.js';

let home: string;
let output: string;

beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'servable-command-'));
  vi.stubEnv('XDG_CACHE_HOME', join(home, 'cache'));
  vi.stubEnv('SERVABLE_TENSORFLOW_LIBRARY', '');
  vi.stubEnv('VIRTUAL_ENV', '');
  output = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    output += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  process.exitCode = undefined;
  await rm(home, { recursive: true, force: true });
});

async function run(...args: string[]): Promise<string> {
  output = '';
  const program = new Command('servable').version('9.9.9');
  registerRuntime(program);
  await program.parseAsync(['runtime', ...args], { from: 'user' });
  return output;
}

const isLinuxX64 = THIS_HOST.platform === 'linux' && THIS_HOST.arch === 'x64';
if (!isLinuxX64)
  process.stderr.write('skipped: runtime commands, the fake wheel is for linux x64\n');

test.skipIf(!isLinuxX64)('install, list, use, path, verify and remove work together', async () => {
  const wheel = join(home, FILENAME);
  await writeFile(wheel, makeWheel(200).bytes);
  const folder = join(home, 'cache', 'servable', 'runtime', '2.21.0-cpu');
  const library = join(folder, 'tensorflow', 'libtensorflow_cc.so.2');
  // The bytes are not those this release knows under this name.
  await expect(run('install', '--from', wheel)).rejects.toThrow('is not the known file');

  const other = join(home, FILENAME.replace('cp311', 'cp312').replace('cp311', 'cp312'));
  await writeFile(other, makeWheel(200).bytes);
  expect(await run('install', '--version', '2.21.0', '--from', other)).toContain(library);
  expect(await run('path')).toBe(`${library}\n`);
  expect(JSON.parse(await run('path', '--json'))).toMatchObject({
    source: 'cache',
    version: '2.21.0',
  });
  expect(await run('install', '--if-missing')).toBe('');
  expect(JSON.parse(await run('list', '--json'))).toMatchObject({
    runtimes: [{ name: '2.21.0-cpu', complete: true, inUse: true }],
  });
  await run('use', '2.21.0');
  expect(JSON.parse(await run('path', '--json'))).toMatchObject({ source: 'use' });
  await run('use', '--auto');
  expect(await run('verify')).toMatch(/^ok {2}.*\nok {2}.*\n$/);
  await writeFile(library, Buffer.alloc(200_000));
  expect(await run('verify')).toContain('BAD');
  expect(process.exitCode).toBe(1);
  expect(await run('remove', '2.21.0')).toBe(`removed ${folder}\n`);
  expect(await run('list')).toContain('nothing installed');
});

test("a library of one's own is judged before it is chosen", async () => {
  await mkdir(join(home, 'empty'));
  await expect(run('use', join(home, 'empty'))).rejects.toThrow('holds no TensorFlow library');
  await expect(run('use', '2.0.0')).rejects.toThrow('2.0.0: not installed (installed: none)');
});
