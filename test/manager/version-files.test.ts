import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { parseChecksums, verifyChecksums } from '../../ts/manager/source/checksums.js';
import { checkLinks } from '../../ts/manager/source/links.js';

let root = '';
let base = '';
let version = '';

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'servable-files-'));
  onTestFinished(() => rmSync(root, { recursive: true }));
  base = join(root, 'models', 'm');
  version = folder(join(base, '1'));
  folder(join(version, 'variables'));
  file(join(version, 'saved_model.pb'), 'model');
  file(join(version, 'variables', 'variables.index'), 'index');
});

function folder(path: string): string {
  mkdirSync(path, { recursive: true });
  return path;
}

function file(path: string, text: string): string {
  writeFileSync(path, text);
  return path;
}

const sum = (text: string): string => createHash('sha256').update(text).digest('hex');

describe('links of a version', () => {
  it('may stay within the base path: releases, and the volumes of Kubernetes', async () => {
    // ConfigMaps and projected volumes: 2 -> ..data/2, ..data -> ..2026_01_01
    folder(join(base, '..2026_01_01', '2'));
    file(join(base, '..2026_01_01', '2', 'saved_model.pb'), 'model');
    symlinkSync('..2026_01_01', join(base, '..data'));
    symlinkSync('..data/2', join(base, '2'));
    await checkLinks(join(base, '2'), base, []);
    symlinkSync('1', join(base, '3'));
    await checkLinks(join(base, '3'), base, []);
    symlinkSync('../2/saved_model.pb', join(version, 'again.pb'));
    await checkLinks(version, base, []);
  });

  it('may lead anywhere above the base path: that is the configuration', async () => {
    symlinkSync(base, join(root, 'current'));
    const current = join(root, 'current');
    await checkLinks(join(current, '1'), current, []);
  });

  it.each([
    ['the version itself', (out: string) => symlinkSync(out, join(base, '9')), '9'],
    ['a file', (out: string) => symlinkSync(join(out, 'secret'), join(base, '1', 'x')), '1'],
    ['a folder', (out: string) => symlinkSync(out, join(base, '1', 'assets')), '1'],
    [
      'a link to a folder within that holds a link out',
      (out: string) => {
        symlinkSync(out, join(folder(join(base, 'inner')), 'out'));
        symlinkSync('../inner', join(base, '1', 'assets'));
      },
      '1',
    ],
    [
      'a name that begins like the base path',
      (out: string) => {
        folder(join(root, 'models', 'm-other'));
        symlinkSync('../../m-other', join(base, '1', 'x'));
        expect(out).not.toBe('');
      },
      '1',
    ],
  ])('is refused when it leads out: %s', async (_what, make, name) => {
    const out = folder(join(root, 'elsewhere'));
    file(join(out, 'secret'), 'secret');
    make(out);
    await expect(checkLinks(join(base, name), base, [])).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      message: expect.stringMatching(/is a link out of the base path .*--allowed_link_targets=/),
    });
    await checkLinks(join(base, name), base, ['/']);
    await checkLinks(join(base, name), base, [out, join(root, 'models')]);
  });

  it('a version outside of its base path, as in the cache, may only link within itself', async () => {
    symlinkSync('../2', join(version, 'x'));
    folder(join(base, '2'));
    await expect(checkLinks(version, join(root, 'other'), [])).rejects.toThrow(/link out/);
  });

  it('links to nothing and in circles are left to the load', async () => {
    symlinkSync('nothing', join(version, 'x'));
    symlinkSync('.', join(version, 'loop'));
    await checkLinks(version, base, []);
  });
});

describe('checksums of a version', () => {
  const settings = { modelChecksumsFile: '', requireChecksums: false };
  const it_ = () => ({ name: 'm', version: 1n, path: version });
  const own = (prefix = ''): string =>
    `${sum('model')}  ${prefix}saved_model.pb\n${sum('index')} *${prefix}variables/variables.index\n`;

  it('are not asked for unless they are there or required', async () => {
    await verifyChecksums(it_(), settings);
    await expect(
      verifyChecksums(it_(), { ...settings, requireChecksums: true }),
    ).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });

  it('of its own list are checked where it has one', async () => {
    file(join(version, 'SHA256SUMS'), own('./'));
    await verifyChecksums(it_(), { ...settings, requireChecksums: true });
    file(join(version, 'saved_model.pb'), 'mOdel');
    await expect(verifyChecksums(it_(), settings)).rejects.toMatchObject({
      code: 'DATA_LOSS',
      message: expect.stringContaining(`SHA-256 is ${sum('mOdel')}, wanted ${sum('model')}`),
    });
  });

  it('of the configuration go before its own, and cannot be replaced by them', async () => {
    const modelChecksumsFile = file(join(root, 'sums'), own('m/1/'));
    await verifyChecksums(it_(), { modelChecksumsFile, requireChecksums: true });
    file(join(version, 'saved_model.pb'), 'evil');
    file(join(version, 'SHA256SUMS'), own().replace(sum('model'), sum('evil')));
    await expect(
      verifyChecksums(it_(), { modelChecksumsFile, requireChecksums: true }),
    ).rejects.toMatchObject({ code: 'DATA_LOSS' });
    // Another version has none there: its own list counts unless checksums are required.
    const other = { ...it_(), version: 2n };
    await verifyChecksums(other, { modelChecksumsFile, requireChecksums: false });
    await expect(
      verifyChecksums(other, { modelChecksumsFile, requireChecksums: true }),
    ).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });

  it('must list every file, and every listed file must be there', async () => {
    file(join(version, 'SHA256SUMS'), own());
    file(join(version, 'more'), 'more');
    await expect(verifyChecksums(it_(), settings)).rejects.toThrow(/more: is not listed in/);
    rmSync(join(version, 'more'));
    rmSync(join(version, 'variables', 'variables.index'));
    await expect(verifyChecksums(it_(), settings)).rejects.toMatchObject({ code: 'DATA_LOSS' });
  });

  it('that cannot be read say which line is wrong', async () => {
    expect(parseChecksums(`# comment\n\n${own()}`, 'x').size).toBe(2);
    for (const line of ['abc  file', `${sum('')} file`, `${sum('')}  ../file`, `\\${sum('')}  a`]) {
      expect(() => parseChecksums(`${own()}${line}`, 'sums')).toThrow(/^sums: line 3: got/);
    }
    const modelChecksumsFile = join(root, 'missing');
    await expect(verifyChecksums(it_(), { ...settings, modelChecksumsFile })).rejects.toMatchObject(
      { code: 'INVALID_ARGUMENT' },
    );
  });
});
