import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Disk, REAL_DISK } from '../../ts/runtime/disk.js';
import { installRuntime } from '../../ts/runtime/install.js';
import { verifyFile } from '../../ts/runtime/manifest.js';
import { type FakeIndex, startIndex } from './support/fake-index.js';
import { type FakeWheel, FILENAME, makeWheel, sha256, VERSION } from './support/fake-wheel.js';
import { filesBelow, makeWorld, type World } from './support/install-options.js';

const INSTALLED = [
  'manifest.json',
  'tensorflow/libtensorflow_cc.so.2',
  'tensorflow/libtensorflow_framework.so.2',
];

let wheel: FakeWheel;
let index: FakeIndex;
let world: World;

beforeEach(async () => {
  wheel = makeWheel();
  index = await startIndex(wheel);
  world = await makeWorld(wheel, index);
});

afterEach(async () => {
  await index.close();
  await rm(world.home, { recursive: true, force: true });
});

test('fetches just the two libraries, checks, strips and installs them', async () => {
  const result = await installRuntime(world.options());
  expect(result.fresh).toBe(true);
  expect(result.library).toBe(join(world.folder, 'tensorflow/libtensorflow_cc.so.2'));
  expect(filesBelow(world.folder)).toEqual(INSTALLED);
  const library = await readFile(result.library);
  expect(library.length).toBe(900_000);
  expect(library.subarray(64).equals(wheel.main.subarray(64, 900_000))).toBe(true);
  expect(library.readBigUInt64LE(0x28)).toBe(0n);
  expect(library.readUInt16LE(0x3c)).toBe(0);
  const [main] = result.manifest.files;
  expect(main).toMatchObject({ sha256: sha256(wheel.main), installedSha256: sha256(library) });
  expect(result.manifest).toMatchObject({ version: VERSION, variant: 'cpu', trust: 'pinned' });
  // Small members and most of the archive stay where they are.
  expect(index.seen.requests.every((request) => !request.endsWith('.whl'))).toBe(true);
});

test('keeps the whole file with strip off', async () => {
  const { library } = await installRuntime(world.options({ strip: false }));
  expect(sha256(await readFile(library))).toBe(sha256(wheel.main));
});

test('does nothing when it is installed', async () => {
  await installRuntime(world.options());
  const asked = index.seen.requests.length;
  expect((await installRuntime(world.options())).fresh).toBe(false);
  expect(index.seen.requests.length).toBe(asked);
});

test('installs again over a damaged install, and with force over a good one', async () => {
  const { library } = await installRuntime(world.options());
  await writeFile(library, 'short');
  expect((await installRuntime(world.options())).fresh).toBe(true);
  expect((await readFile(library)).length).toBe(900_000);
  expect((await installRuntime(world.options({ force: true }))).fresh).toBe(true);
  expect(filesBelow(world.folder)).toEqual(INSTALLED);
});

test('goes on by itself after the connection is cut', async () => {
  index.manners.cutAfter = 300_000;
  await installRuntime(world.options());
  expect(world.events.some(({ kind }) => kind === 'retry')).toBe(true);
  expect(index.seen.wheelBytes).toBeLessThan(wheel.bytes.length * 1.2);
  expect(filesBelow(world.folder)).toEqual(INSTALLED);
});

test('a later run continues where a cut one stopped', async () => {
  const stop = new AbortController();
  index.manners.cutAfter = 300_000;
  const cut = installRuntime(
    world.options({
      signal: stop.signal,
      onEvent: (event) => {
        if (event.kind === 'retry') stop.abort(new Error('interrupted'));
      },
    }),
  );
  await expect(cut).rejects.toThrow('interrupted');
  const left = filesBelow(world.folder);
  expect(left).toContain('.part/libtensorflow_cc.so.2.part');
  expect(left).toContain('.part/state.json');
  expect(left.filter((path) => !path.startsWith('.part/'))).toEqual([]);
  index.manners.cutAfter = null;
  index.seen.wheelBytes = 0;
  const { library } = await installRuntime(world.options());
  expect(world.events.some(({ kind }) => kind === 'resume')).toBe(true);
  expect(index.seen.wheelBytes).toBeLessThan(wheel.bytes.length - 150_000);
  const bytes = await readFile(library);
  expect(bytes.subarray(64).equals(wheel.main.subarray(64, 900_000))).toBe(true);
  expect(filesBelow(world.folder)).toEqual(INSTALLED);
});

test('a part of another wheel is not continued', async () => {
  await mkdir(join(world.folder, '.part'), { recursive: true });
  const part = join(world.folder, '.part', 'libtensorflow_cc.so.2.part');
  await writeFile(part, Buffer.alloc(1000, 1));
  const state = JSON.stringify({ 'libtensorflow_cc.so.2': 'another file' });
  await writeFile(join(world.folder, '.part', 'state.json'), state);
  const { library } = await installRuntime(world.options());
  expect((await readFile(library)).length).toBe(900_000);
});

test('a network that stays down ends with what to do, and keeps what came', async () => {
  index.manners.cutAfter = 300_000;
  const failed = installRuntime(
    world.options({
      onEvent: (event) => {
        // From the first cut on nothing more comes.
        if (event.kind === 'retry') index.manners.cutAfter = 0;
      },
    }),
  );
  await expect(failed).rejects.toThrow(/kB are kept, the same command continues$/);
  expect(filesBelow(world.folder).every((path) => path.startsWith('.part/'))).toBe(true);
}, 30_000);

test('damaged bytes are an error and leave nothing', async () => {
  index.manners.corruptAt = wheel.bytes.indexOf(wheel.main.subarray(500_000, 500_016));
  expect(index.manners.corruptAt).toBeGreaterThan(0);
  await expect(installRuntime(world.options())).rejects.toThrow(
    /libtensorflow_cc.so.2: (sha256 is \w+, expected \w+; nothing was installed|.*damaged)/,
  );
  expect(existsSync(world.folder)).toBe(false);
});

test('a wheel with another sha256 than the pinned one is refused before it is fetched', async () => {
  index.manners.claimedSha256 = '0'.repeat(64);
  await expect(installRuntime(world.options())).rejects.toMatchObject({ code: 'DATA_LOSS' });
  expect(index.seen.wheelBytes).toBe(0);
  expect(existsSync(world.folder)).toBe(false);
});

test('fetches the whole wheel where ranges are refused', async () => {
  index.manners.refuseRanges = true;
  const { library, manifest } = await installRuntime(world.options());
  expect(world.events.some(({ kind }) => kind === 'whole')).toBe(true);
  expect(manifest.trust).toBe('pinned');
  expect((await readFile(library)).length).toBe(900_000);
  expect(filesBelow(world.folder)).toEqual(INSTALLED);
});

test('a damaged whole wheel leaves nothing', async () => {
  index.manners.refuseRanges = true;
  index.manners.corruptAt = 400_000;
  await expect(installRuntime(world.options())).rejects.toThrow(
    /sha256 is .* nothing was installed/,
  );
  expect(existsSync(world.folder)).toBe(false);
});

test('an unknown wheel needs --full and is checked by the hash of the index', async () => {
  const pins = { wheels: [], nvidia: {} };
  await expect(installRuntime(world.options({ pins }))).rejects.toThrow(/add --full/);
  const { manifest } = await installRuntime(world.options({ pins, full: true }));
  expect(manifest.trust).toBe('index');
  expect(filesBelow(world.folder)).toEqual(INSTALLED);
});

test('a version the index lacks names those it has', async () => {
  const wanted = installRuntime(world.options({ version: '2.99.0' }));
  await expect(wanted).rejects.toThrow(/no wheel for linux x64 \(newest it has: 2\.21\.0\)/);
});

test('versions out of range are refused', async () => {
  const wanted = installRuntime(world.options({ version: '2.4.0' }));
  await expect(wanted).rejects.toThrow('2.4.0 is too old, need 2.14 or newer');
});

test('two installs at once fetch once', async () => {
  const [first, second] = await Promise.all([
    installRuntime(world.options()),
    installRuntime(world.options()),
  ]);
  expect([first.fresh, second.fresh].sort()).toEqual([false, true]);
  expect(world.events.filter(({ kind }) => kind === 'waiting')).toHaveLength(1);
  expect(index.seen.wheelBytes).toBeLessThan(wheel.bytes.length * 1.1);
});

test('the lock of a dead process is taken over', async () => {
  await mkdir(world.folder, { recursive: true });
  const owner = { pid: 2 ** 22 + 1, host: hostname(), started: '1', token: 'gone' };
  await writeFile(join(world.folder, '.lock'), JSON.stringify(owner));
  expect((await installRuntime(world.options())).fresh).toBe(true);
  expect(world.events.some(({ kind }) => kind === 'waiting')).toBe(false);
  expect(filesBelow(world.folder)).toEqual(INSTALLED);
});

test('installs from a wheel on this machine without the network', async () => {
  const path = join(world.home, FILENAME);
  await writeFile(path, wheel.bytes);
  const { manifest, library } = await installRuntime(world.options({ from: [path] }));
  expect(manifest.trust).toBe('pinned');
  expect((await readFile(library)).length).toBe(900_000);
  expect(index.seen.requests).toEqual([]);
});

test('a wheel that is not known is checked by its own list', async () => {
  const path = join(world.home, FILENAME);
  await writeFile(path, wheel.bytes);
  const pins = { wheels: [], nvidia: {} };
  expect((await installRuntime(world.options({ from: [path], pins }))).manifest.trust).toBe(
    'record',
  );
});

test('a wheel for another machine is refused', async () => {
  const path = join(world.home, FILENAME.replace('x86_64', 'aarch64'));
  await expect(installRuntime(world.options({ from: [path] }))).rejects.toThrow(
    'is for linux arm64, this machine is linux x64',
  );
});

test('a cut wheel on this machine leaves nothing', async () => {
  const path = join(world.home, FILENAME);
  await writeFile(path, wheel.bytes.subarray(0, 500_000));
  await expect(installRuntime(world.options({ from: [path] }))).rejects.toThrow(
    'not a readable wheel',
  );
  expect(existsSync(world.folder)).toBe(false);
});

test('a disk without room is told before anything is fetched', async () => {
  const disk: Disk = { ...REAL_DISK, freeBytes: () => Promise.resolve(1_000_000) };
  await expect(installRuntime(world.options({ disk }))).rejects.toThrow(
    /not enough room on the disk, 2 MB needed; free some or choose another place with --dir$/,
  );
  expect(existsSync(world.folder)).toBe(false);
});

test('a disk that fills up half way leaves nothing', async () => {
  let room = 400_000;
  const disk: Disk = {
    ...REAL_DISK,
    async open(path, flags, mode) {
      const handle = await REAL_DISK.open(path, flags, mode);
      const write = handle.write.bind(handle) as (...args: unknown[]) => unknown;
      const limited = (buffer: Buffer, ...rest: unknown[]) => {
        room -= buffer.length;
        if (room >= 0) return write(buffer, ...rest);
        throw Object.assign(new Error('ENOSPC: no space left on device, write'), {
          code: 'ENOSPC',
          syscall: 'write',
        });
      };
      return Object.assign(handle, { write: limited });
    },
  };
  await expect(installRuntime(world.options({ disk }))).rejects.toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    message: expect.stringMatching(/not enough room on the disk; free some/),
  });
  expect(existsSync(world.folder)).toBe(false);
});

test('--dir installs into any folder of its own and refuses a foreign one', async () => {
  const folder = join(world.home, 'opt');
  const { library } = await installRuntime(world.options({ folder }));
  expect(library).toBe(join(folder, 'tensorflow/libtensorflow_cc.so.2'));
  const foreign = join(world.home, 'foreign');
  await mkdir(join(foreign, 'tensorflow'), { recursive: true });
  await expect(installRuntime(world.options({ folder: foreign }))).rejects.toThrow(
    'that Servable did not install',
  );
});

test('verify sees a changed byte', async () => {
  const { folder, manifest } = await installRuntime(world.options());
  const [file] = manifest.files;
  if (file === undefined) throw new Error('no file');
  expect(await verifyFile(folder, file)).toBeNull();
  const bytes = readFileSync(join(folder, file.path));
  bytes[1000] = (bytes[1000] ?? 0) ^ 1;
  await writeFile(join(folder, file.path), bytes);
  expect(await verifyFile(folder, file)).toMatch(/^sha256 is \w+, expected \w+$/);
});

test('reads a wheel in the 64-bit zip form', async () => {
  const wide = makeWheel(300, { zip64: true });
  const path = join(world.home, FILENAME);
  await writeFile(path, wide.bytes);
  const { library } = await installRuntime(world.options({ from: [path], pins: wide.pins }));
  expect((await readFile(library)).length).toBe(300_000);
});
