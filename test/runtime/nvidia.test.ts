import { mkdir, readFile, readlink, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { installRuntime } from '../../ts/runtime/install.js';
import { type FakeWheel, FILENAME, fakeElf, makeWheel, makeZip } from './support/fake-wheel.js';
import { filesBelow, makeWorld, type World } from './support/install-options.js';

const GPU_WHEEL = FILENAME.replace('tensorflow_cpu', 'tensorflow');
const NO_PINS = { wheels: [], nvidia: {} };

let wheel: FakeWheel;
let world: World;
let folder: string;

beforeEach(async () => {
  wheel = makeWheel(200);
  world = await makeWorld(wheel, null);
  folder = join(world.home, 'cache', 'servable', 'runtime', '2.21.0-cuda12');
  await writeFile(join(world.home, GPU_WHEEL), wheel.bytes);
});

afterEach(() => rm(world.home, { recursive: true, force: true }));

test("NVIDIA's wheels are laid out beside TensorFlow as its search path names them", async () => {
  const name = 'nvidia_cublas_cu12-12.9.3.13-py3-none-manylinux_2_27_x86_64.whl';
  const members = [
    { name: 'nvidia/cublas/lib/libcublas.so.12', data: fakeElf(1000, 0) },
    { name: 'nvidia/cublas/include/cublas.h', data: Buffer.from('// header') },
    { name: 'nvidia/cuda_nvcc/bin/ptxas', data: fakeElf(500, 0) },
    { name: 'nvidia_cublas_cu12-12.9.3.13.dist-info/RECORD', data: Buffer.from('') },
  ];
  await writeFile(join(world.home, name), makeZip(members));
  const from = [join(world.home, GPU_WHEEL), join(world.home, name)];
  const { manifest } = await installRuntime(world.options({ from, pins: NO_PINS }));
  expect(manifest).toMatchObject({ variant: 'cuda12', nvidia: { kind: 'fetched' } });
  expect(filesBelow(join(folder, 'nvidia'))).toEqual([
    'cublas/lib/libcublas.so.12',
    'cuda_nvcc/bin/ptxas',
  ]);
  expect((await stat(join(folder, 'nvidia/cuda_nvcc/bin/ptxas'))).mode & 0o111).toBe(0o111);
});

test('a wheel that names a path outside itself is refused', async () => {
  const name = 'nvidia_evil-1.0-py3-none-manylinux_2_27_x86_64.whl';
  const member = { name: 'nvidia/../lib/escaped.so', data: Buffer.from('x') };
  await writeFile(join(world.home, name), makeZip([member]));
  const from = [join(world.home, GPU_WHEEL), join(world.home, name)];
  await expect(installRuntime(world.options({ from, pins: NO_PINS }))).rejects.toThrow(
    'names a path outside itself',
  );
  expect(filesBelow(folder)).toEqual([]);
});

test('--cuda=reuse links the nvidia folder of pip', async () => {
  const pip = join(world.home, 'venv', 'lib', 'python3.11', 'site-packages', 'nvidia');
  await mkdir(join(pip, 'cuda_runtime', 'lib'), { recursive: true });
  const from = [join(world.home, GPU_WHEEL)];
  const { env } = world.options();
  const venv = { ...env, VIRTUAL_ENV: join(world.home, 'venv'), PATH: '/nowhere' };
  const cuda = { kind: 'reuse', folder: null } as const;
  const options = world.options({ from, pins: NO_PINS, cuda, env: venv });
  const { manifest } = await installRuntime(options);
  expect(manifest.nvidia).toEqual({ kind: 'linked', from: pip });
  expect(await readlink(join(folder, 'nvidia'))).toBe(pip);
});

test('--cuda=DIR links a toolkit under every name TensorFlow looks for', async () => {
  const toolkit = join(world.home, 'cuda-12.9');
  await mkdir(join(toolkit, 'lib64'), { recursive: true });
  await writeFile(join(toolkit, 'lib64', 'libcudart.so.12'), 'cudart');
  const from = [join(world.home, GPU_WHEEL)];
  const cuda = { kind: 'reuse', folder: toolkit } as const;
  await installRuntime(world.options({ from, pins: NO_PINS, cuda }));
  const linked = join(folder, 'nvidia', 'cuda_runtime', 'lib', 'libcudart.so.12');
  expect(await readFile(linked, 'utf8')).toBe('cudart');
});

test('a folder without CUDA is named and leaves nothing', async () => {
  const from = [join(world.home, GPU_WHEEL)];
  const cuda = { kind: 'reuse', folder: world.home } as const;
  await expect(installRuntime(world.options({ from, pins: NO_PINS, cuda }))).rejects.toThrow(
    `no CUDA 12 libraries found in ${world.home}`,
  );
  expect(filesBelow(folder)).toEqual([]);
});
