import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { savedModel, type TestEntry, tarFile, tarGz, zipFile } from './support/archives.js';
import { StoreBench, temporaryFolder } from './support/store-bench.js';

function bench(files: Record<string, Buffer>): StoreBench {
  const folder = temporaryFolder();
  for (const [path, content] of Object.entries(files)) write(folder, path, content);
  return new StoreBench({ folder });
}

function write(folder: string, path: string, content: string | Buffer): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
}

test('archives in a local base path are versions, and a folder goes before an archive of its number', async () => {
  const it = bench({
    'm/1.zip': zipFile(savedModel('one')),
    'm/2.tar.gz': tarGz(savedModel('two')),
    'm/003.TGZ': tarGz(savedModel('three')),
    'm/4.zip': zipFile(savedModel('four, packed')),
    'm/4/saved_model.pb': Buffer.from('four'),
    'm/notes.zip': zipFile(savedModel('no version')),
  });
  const config = it.config('m', join(it.folder, 'm'), { versionPolicy: { kind: 'all' } });
  await it.start(config);
  expect(it.catalog.versions('m')).toEqual([4n, 3n, 2n, 1n]);
  expect([...it.loaded].sort()).toEqual(['four', 'one', 'three', 'two']);
  expect(it.warnings).toEqual([
    `Duplicate version directories of servable m: "4.zip" and "4" under ${join(it.folder, 'm')} are both version 4; using "4"`,
  ]);
});

test('a local archive as base path is version 1, and is unpacked again when it is replaced', async () => {
  const it = bench({ 'm.zip': zipFile(savedModel('old')) });
  await it.start(it.config('m', join(it.folder, 'm.zip')));
  expect(it.catalog.status('m')).toBe('1:AVAILABLE');
  write(it.folder, 'm.zip', zipFile(savedModel('new')));
  await it.settle();
  await expect.poll(() => it.loaded).toEqual(['old', 'new']);
});

test('a folder that is called like an archive is a folder', async () => {
  const it = bench({ 'm/1.zip/saved_model.pb': Buffer.from('folder') });
  await it.start(it.config('m', join(it.folder, 'm')));
  expect(it.loaded).toEqual(['folder']);
});

test('a SavedModel in the only folder of an archive is found, past what macOS adds', async () => {
  const noise = [
    { name: '__MACOSX/._1', content: 'x' },
    { name: '.DS_Store', content: 'x' },
  ];
  const it = bench({
    'm/1.zip': zipFile([...noise, ...savedModel('zip', 'export/1/')]),
    'n/1.tar.gz': tarGz([{ name: './', type: 'folder' }, ...savedModel('tar', './1/')]),
  });
  await it.start(it.config('m', join(it.folder, 'm')), it.config('n', join(it.folder, 'n')));
  expect([...it.loaded].sort()).toEqual(['tar', 'zip']);
});

test('an archive without a SavedModel says what it holds', async () => {
  const it = bench({
    'm/1.zip': zipFile([...savedModel('one', '1/'), ...savedModel('two', '2/')]),
  });
  await it.start(it.config('m', join(it.folder, 'm')));
  expect(it.catalog.status('m')).toBe(
    `1:END(5 ${join(it.folder, 'm', '1.zip')}: has no saved_model.pb at its top or in its only folder (it holds "1", "2"))`,
  );
});

test('a server may take the compression off a tar file', async () => {
  const it = bench({ 'm/1.tar.gz': tarFile(savedModel('plain')) });
  await it.start(it.config('m', join(it.folder, 'm')));
  expect(it.loaded).toEqual(['plain']);
});

test('links inside an archive are kept', async () => {
  const entries: TestEntry[] = [
    { name: 'real.pb', content: 'linked' },
    { name: 'saved_model.pb', type: 'link', target: './real.pb' },
    { name: 'assets/again', type: 'link', target: '../real.pb' },
  ];
  const hard: TestEntry = { name: 'second.pb', type: 'hardLink', target: 'real.pb' };
  const it = bench({ 'm/1.zip': zipFile(entries), 'm/2.tar.gz': tarGz([...entries, hard]) });
  const config = it.config('m', join(it.folder, 'm'), { versionPolicy: { kind: 'all' } });
  await it.start(config);
  expect(it.catalog.status('m')).toBe('2:AVAILABLE 1:AVAILABLE');
  for (const path of it.loader.calls) {
    expect(readFileSync(join(path, 'assets', 'again'), 'utf8')).toBe('linked');
  }
});

test('a large tar file keeps its bytes', async () => {
  const content = Buffer.alloc(5_000_000, 'ab\0cd');
  const data = { name: 'variables/data', content };
  const it = bench({ 'm/1.tar.gz': tarGz([data, ...savedModel('big')]) });
  await it.start(it.config('m', join(it.folder, 'm')));
  const path = it.loader.calls[0] ?? '';
  expect(readFileSync(join(path, 'variables', 'data')).equals(content)).toBe(true);
});

const refused: [string, TestEntry[], RegExp][] = [
  [
    'a name with ..',
    [{ name: '../evil', content: 'x' }],
    /entry "\.\.\/evil" leads out of its folder/,
  ],
  ['.. in the middle', [{ name: 'a/../../evil', content: 'x' }], /leads out of its folder/],
  ['an absolute path', [{ name: '/tmp/evil', content: 'x' }], /absolute path/],
  [
    'a link to an absolute path',
    [{ name: 'l', type: 'link', target: '/etc/passwd' }],
    /entry "l" is a link out of the archive, to "\/etc\/passwd"/,
  ],
  [
    'a link out',
    [{ name: 'a/l', type: 'link', target: '../../x' }],
    /entry "a\/l" is a link out of the archive/,
  ],
  [
    'a link out by way of another link',
    [
      { name: 'm', type: 'link', target: '.' },
      { name: 'l', type: 'link', target: 'm/..' },
    ],
    /is a link out of the archive/,
  ],
  [
    'a link to nothing',
    [{ name: 'l', type: 'link', target: 'gone' }],
    /entry "l" is a link to nothing/,
  ],
  ['a loop of links', [{ name: 'l', type: 'link', target: 'l' }], /entry "l" is a loop of links/],
  [
    'a device',
    [{ name: 'd', type: 'device' }],
    /entry "d" is a (device|CharacterDevice), wanted a file/,
  ],
  ['a pipe', [{ name: 'p', type: 'pipe' }], /entry "p" is a (device|FIFO), wanted a file/],
  [
    'two files of one name',
    [
      { name: 'f', content: '1' },
      { name: 'f', content: '2' },
    ],
    /entry "f" comes twice/,
  ],
];
for (const [what, entries, text] of refused) {
  test(`an archive with ${what} is refused and leaves nothing behind`, async () => {
    const all = [...savedModel('harmless'), ...entries];
    const it = bench({
      'z/1.zip': zipFile(all),
      't/1.tar.gz': tarGz(all),
      'ok/1.zip': zipFile(savedModel('fine')),
    });
    await it.start(...['z', 't', 'ok'].map((name) => it.config(name, join(it.folder, name))));
    expect(it.catalog.status('ok')).toBe('1:AVAILABLE');
    for (const name of ['z', 't']) {
      expect(it.catalog.status(name)).toMatch(/^1:END\(9 /);
      expect(it.catalog.status(name)).toMatch(text);
    }
    expect(it.cached()).toHaveLength(1);
    expect(readdirSync(it.folder).sort()).toEqual(['.cache', 'ok', 't', 'z']);
    expect(existsSync(join(dirname(it.folder), 'evil'))).toBe(false);
  });
}

test('a hard link to a file outside is refused', async () => {
  const entries: TestEntry[] = [{ name: 'h', type: 'hardLink', target: '/etc/passwd' }];
  const it = bench({ 'm/1.tar.gz': tarGz([...savedModel('x'), ...entries]) });
  await it.start(it.config('m', join(it.folder, 'm')));
  expect(it.catalog.status('m')).toMatch(/entry "\/etc\/passwd" is an absolute path/);
});

test('an archive that grows beyond the cache is stopped at the limit', async () => {
  const folder = temporaryFolder();
  const bomb = [...savedModel('x'), { name: 'zeros', content: Buffer.alloc(3_000_000) }];
  write(folder, 'z/1.zip', zipFile(bomb));
  write(folder, 't/1.tgz', tarGz(bomb));
  const it = new StoreBench({ folder, stores: { modelCacheMaxBytes: 1_000_000 } });
  await it.start(it.config('z', join(folder, 'z')), it.config('t', join(folder, 't')));
  for (const name of ['z', 't']) {
    expect(it.catalog.status(name)).toMatch(/entry "zeros" brings the content over 1000000 bytes/);
  }
  expect(it.cached()).toEqual([]);
});

test('an archive that is large and two hundred times smaller than its content is refused', async () => {
  const zeros = Array.from({ length: 17 }, (_, index) => ({
    name: `zeros${index}`,
    content: Buffer.alloc(16 * 1024 * 1024),
  }));
  const it = bench({ 'm/1.zip': zipFile([...savedModel('x'), ...zeros]) });
  await it.start(it.config('m', join(it.folder, 'm')));
  expect(it.catalog.status('m')).toMatch(
    /entry "zeros1[56]" brings the content over 200 times the size of the archive/,
  );
});

test('damaged archives are called so', async () => {
  const good = { zip: zipFile(savedModel('x')), tgz: tarGz(savedModel('x')) };
  const sum = zipFile([{ name: 'saved_model.pb', content: 'x', crc: 1 }]);
  const size = zipFile([{ name: 'saved_model.pb', content: 'xxxx', size: 3 }]);
  const it = bench({
    'cut/1.zip': good.zip.subarray(0, good.zip.length - 30),
    'short/1.tgz': good.tgz.subarray(0, good.tgz.length - 20),
    'text/1.zip': Buffer.from('no archive'),
    'words/1.tar.gz': Buffer.from('no archive at all '.repeat(60)),
    'sum/1.zip': sum,
    'size/1.zip': size,
  });
  const names = ['cut', 'short', 'text', 'words', 'sum', 'size'];
  await it.start(...names.map((name) => it.config(name, join(it.folder, name))));
  const statuses = names.map((name) => it.catalog.status(name));
  for (const status of statuses) expect(status).toMatch(/^1:END\(15 /);
  expect(statuses[0]).toMatch(/damaged zip archive/);
  expect(statuses[1]).toMatch(/damaged tar\.gz archive: unexpected end of file/);
  expect(statuses[3]).toMatch(/damaged tar\.gz archive/);
  expect(statuses[4]).toMatch(/does not have the checksum the archive declares/);
});

test('an empty archive file is taken as an upload that has just begun', async () => {
  const it = bench({ 'm/1.zip': zipFile(savedModel('one')) });
  await it.start(it.config('m', join(it.folder, 'm')));
  write(it.folder, 'm/2.zip', '');
  await it.manager.poll();
  await it.manager.poll();
  expect(it.catalog.status('m')).toBe('2:START 1:AVAILABLE');
  write(it.folder, 'm/2.zip', zipFile(savedModel('two')));
  await it.settle();
  await it.reaches('m', '2:AVAILABLE 1:END');
});

test('unpacked files are private to the user', async () => {
  const it = bench({ 'm/1.zip': zipFile(savedModel('one')) });
  await it.start(it.config('m', join(it.folder, 'm')));
  expect(statSync(join(it.folder, '.cache', 'servable', 'models')).mode & 0o077).toBe(0);
});
