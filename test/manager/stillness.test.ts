import { mkdirSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { ModelConfig } from '../../ts/manager/model-config.js';
import { Stillness } from '../../ts/manager/source/stillness.js';
import { VersionWatcher } from '../../ts/manager/source/version-watcher.js';
import { FakeClock, ModelFolder } from './support.js';

/** Kernel file systems; on another (a network mount as temporary folder) a look in short is never sure. */
const LOCAL = [0xef53, 0x58465342, 0x9123683e, 0x01021994, 0x794c7630];

/** A watcher whose wall clock is `ahead` milliseconds ahead: by default every file is old. */
function watcher(ahead: { ms: number } = { ms: 60_000 }) {
  const clock = new FakeClock();
  const folder = new ModelFolder();
  const look = new VersionWatcher({
    clock,
    warn: () => undefined,
    once: false,
    wallClock: () => Date.now() + ahead.ms,
  });
  const config: ModelConfig = {
    name: 'm',
    basePath: join(folder.path, 'm'),
    versionPolicy: { kind: 'latest', numVersions: 1 },
    versionLabels: new Map(),
  };
  return { clock, folder, look, config };
}

const isLocal = LOCAL.includes((await statfs('/tmp')).type);

test.skipIf(!isLocal)(
  'nothing is listed again while the times stay (needs a local temporary folder)',
  async () => {
    const { folder, look, config } = watcher();
    folder.add('m', 1);
    expect(look.isStill(config)).toBe(false);
    await look.look(config);
    expect(look.isStill(config)).toBe(true);
    expect(look.isStill({ ...config })).toBe(false);
  },
);

test.skipIf(!isLocal).each<[string, (path: string) => void]>([
  ['a version that appears', (path) => mkdirSync(join(path, '2'))],
  ['a version that goes', (path) => renameSync(join(path, '1'), join(path, '..', 'gone'))],
  ['a file that is added', (path) => writeFileSync(join(path, '1', 'fingerprint.pb'), '')],
  [
    'a saved_model.pb of the same size and time',
    (path) => {
      const file = join(path, '1', 'saved_model.pb');
      const { atime, mtime } = statSync(file);
      writeFileSync(file, 'other');
      utimesSync(file, atime, mtime);
    },
  ],
])('%s is noticed by a look in short (needs a local temporary folder)', async (_what, change) => {
  const { folder, look, config } = watcher();
  folder.add('m', 1);
  await look.look(config);
  expect(look.isStill(config)).toBe(true);
  change(config.basePath);
  expect(look.isStill(config)).toBe(false);
});

test.skipIf(!isLocal)(
  'weights that are written are noticed when all files are due (needs a local temporary folder)',
  async () => {
    const { clock, folder, look, config } = watcher();
    const path = folder.add('m', 1);
    await look.look(config);
    clock.advance(10_000);
    expect(look.isStill(config)).toBe(true);
    writeFileSync(join(path, 'variables', 'variables.index'), 'other');
    clock.advance(9_999);
    expect(look.isStill(config)).toBe(true);
    clock.advance(1);
    expect(look.isStill(config)).toBe(false);
  },
);

test('what changed just now is not trusted: another change could have the same time', async () => {
  const folder = new ModelFolder();
  const path = folder.add('m', 1);
  expect(await Stillness.of([path], Date.now())).toBeNull();
});

test('an unfinished copy and a missing base path are looked at in full', async () => {
  const { folder, look, config } = watcher();
  await look.look(config);
  expect(look.isStill(config)).toBe(false);
  folder.add('m', 1);
  await look.look(config);
  folder.addEmpty('m', '2');
  await look.look(config);
  expect(look.isStill(config)).toBe(false);
});

test('folders that a file system of another kind holds are listed each time', async () => {
  // procfs has no times of its own that tell of changes.
  const stillness = await Stillness.of(['/proc/self/fd'], Date.now() + 60_000);
  if (process.platform === 'linux') expect(stillness).toBeNull();
});

test.skipIf(!isLocal)(
  'weights that were written between a whole look and one in part do not pass for those looked at (needs a local temporary folder)',
  async () => {
    const ahead = { ms: 0 };
    const { folder, look, config } = watcher(ahead);
    const path = folder.add('m', 1);
    // So early that the times are not trusted: the second look only glances at the version.
    await look.look(config);
    expect(look.isStill(config)).toBe(false);
    writeFileSync(join(path, 'variables', 'variables.index'), 'other');
    ahead.ms = 60_000;
    await look.look(config);
    expect(look.isStill(config)).toBe(false);
  },
);
