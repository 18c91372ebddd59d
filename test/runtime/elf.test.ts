import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { REAL_DISK } from '../../ts/runtime/disk.js';
import { binaryKind, loadedSize } from '../../ts/runtime/elf.js';
import { probeLibrary } from '../../ts/runtime/probe.js';
import { unpackMember } from '../../ts/runtime/unpack.js';
import { fakeElf } from './support/fake-wheel.js';

const hasCompiler = process.platform === 'linux' && spawnSync('cc', ['--version']).status === 0;
if (!hasCompiler) process.stderr.write('skipped: strip of a real library, no cc on this system\n');

let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'servable-elf-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function* once(bytes: Buffer): AsyncGenerator<Buffer> {
  yield bytes;
}

function unpack(bytes: Buffer, target: string) {
  const { length } = bytes;
  const entry = {
    name: 'lib.so',
    method: 0,
    compressedSize: length,
    size: length,
    headerOffset: 0,
  };
  return unpackMember({
    entry,
    chunks: once(bytes),
    target,
    sha256: null,
    strip: true,
    disk: REAL_DISK,
  });
}

test.skipIf(!hasCompiler)('a stripped library is smaller and still loads', async () => {
  const source = join(folder, 'lib.c');
  const library = join(folder, 'lib.so');
  const names = Array.from(
    { length: 500 },
    (_, i) => `int some_function_${i}(void) { return ${i}; }`,
  );
  await writeFile(source, `${names.join('\n')}\n`);
  execFileSync('cc', ['-shared', '-fPIC', '-g', '-o', library, source]);
  const whole = await readFile(library);
  const stripped = join(folder, 'stripped.so');
  const result = await unpack(whole, stripped);
  expect(result.size).toBe(whole.length);
  expect(result.installedSize).toBeLessThan(whole.length);
  expect((await stat(stripped)).size).toBe(result.installedSize);
  expect(await probeLibrary(stripped, null)).toEqual({ version: null, problem: null });
});

test('what is not a 64-bit ELF file stays as it is', async () => {
  for (const bytes of [
    Buffer.from('#!/bin/sh\n'),
    Buffer.from('\x7fELF\x01\x01'),
    Buffer.alloc(0),
  ]) {
    const target = join(folder, 'other');
    const { installedSize } = await unpack(bytes, target);
    expect(installedSize).toBe(bytes.length);
    expect(await readFile(target)).toEqual(bytes);
  }
});

test('headers that point outside the file leave it whole', () => {
  const elf = fakeElf(1000, 0);
  elf.writeBigUInt64LE(5000n, 32);
  expect(loadedSize(elf)).toBeNull();
});

test('tells the processor of a library', () => {
  expect(binaryKind(fakeElf(1000, 0))).toEqual({ format: 'elf', arch: 'x64' });
  const mac = Buffer.alloc(64);
  mac.writeUInt32LE(0xfeedfacf, 0);
  mac.writeUInt32LE(0x0100000c, 4);
  expect(binaryKind(mac)).toEqual({ format: 'mach-o', arch: 'arm64' });
  expect(binaryKind(Buffer.from('hello'))).toEqual({ format: 'other', arch: null });
});
