import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../support/paths.js';

interface Rules {
  allowedLicences(text: string): Set<string>;
  isAllowed(expression: string, allowed: Set<string>): boolean;
  checkCrates(metadata: object, lockfile: string, allowed: Set<string>): string[];
  checkPackages(lock: object, allowed: Set<string>): string[];
  checkBom(bom: object): string[];
}
const path = '../../scripts/supply-chain.mjs';
const rules = (await import(path)) as Rules;
const text = (name: string): string => readFileSync(join(ROOT, name), 'utf8');
const allowed = rules.allowedLicences(text('deny.toml'));

const crates = (): { packages: object[] } =>
  JSON.parse(
    execFileSync('cargo', ['metadata', '--format-version=1', '--locked'], {
      cwd: ROOT,
      encoding: 'utf8',
      maxBuffer: 1 << 28,
      stdio: ['ignore', 'pipe', 'ignore'],
    }),
  );

test('crates come from crates.io with checksums, under licences that may be shipped', () => {
  const metadata = crates();
  expect(metadata.packages.length).toBeGreaterThan(50);
  expect(rules.checkCrates(metadata, text('Cargo.lock'), allowed)).toEqual([]);
});

test('packages come from the npm registry with hashes, and what ships runs no script when installed', () => {
  expect(rules.checkPackages(JSON.parse(text('package-lock.json')), allowed)).toEqual([]);
});

test('the list of what a release is made of is CycloneDX, and holds packages and crates', () => {
  const folder = mkdtempSync(join(tmpdir(), 'servable-sbom-'));
  const file = join(folder, 'sbom.cdx.json');
  execFileSync(process.execPath, [join(ROOT, 'scripts', 'sbom.mjs'), file], { stdio: 'ignore' });
  const bom = JSON.parse(readFileSync(file, 'utf8'));
  rmSync(folder, { recursive: true });
  expect(rules.checkBom(bom)).toEqual([]);
  const purls = bom.components.map(({ purl }: { purl: string }) => purl.replace(/@[^@]*$/, ''));
  expect(purls).toEqual(expect.arrayContaining(['pkg:npm/fastify', 'pkg:npm/%40grpc/grpc-js']));
  expect(purls).toEqual(expect.arrayContaining(['pkg:cargo/napi', 'pkg:cargo/servable-codec']));
  // Neither what tests need nor what only builds.
  for (const name of ['pkg:npm/vitest', 'pkg:cargo/proptest', 'pkg:cargo/napi-derive']) {
    expect(purls).not.toContain(name);
  }
  expect(bom.metadata.component).toMatchObject({ name: 'servable' });
});

describe('the rules can fail', () => {
  const source = 'registry+https://github.com/rust-lang/crates.io-index';

  test.each([
    ['MIT', true],
    ['MIT/Apache-2.0', true],
    ['(MIT OR Apache-2.0) AND Unicode-3.0', true],
    ['Apache-2.0 WITH LLVM-exception OR GPL-3.0', true],
    ['MIT OR LGPL-2.1-or-later', true],
    ['MIT AND GPL-3.0', false],
    ['GPL-2.0 WITH Classpath-exception-2.0', false],
    ['', false],
    ['MIT Apache-2.0', false],
  ])('licence "%s"', (expression, isAllowed) => {
    expect(rules.isAllowed(expression, allowed)).toBe(isAllowed);
  });

  test('at a crate', () => {
    const each = { name: 'a', version: '1.0.0', license: 'GPL-3.0', source };
    const git = { ...each, license: 'MIT', source: 'git+https://example.com/a' };
    expect(rules.checkCrates({ packages: [each] }, '', allowed)).toEqual([
      'crate a 1.0.0: licence GPL-3.0 is not in deny.toml',
      'crate a 1.0.0: has no checksum',
    ]);
    expect(rules.checkCrates({ packages: [git] }, '', allowed)[0]).toContain('comes from git');
  });

  test('at a package', () => {
    const bad = {
      resolved: 'git+ssh://x',
      integrity: 'sha1-x',
      license: 'SSPL',
      hasInstallScript: true,
    };
    expect(rules.checkPackages({ packages: { 'node_modules/a': bad } }, allowed)).toHaveLength(4);
  });

  test('at a document', () => {
    const component = {
      type: 'library',
      name: 'a',
      version: '1',
      purl: 'pkg:npm/a@1',
      'bom-ref': 'a',
    };
    const bom = {
      bomFormat: 'CycloneDX',
      specVersion: '1.5',
      version: 1,
      serialNumber: 'urn:uuid:35729aba-701a-4d2e-8127-33305d920c59',
      components: [component],
      dependencies: [{ ref: 'a', dependsOn: ['b'] }],
    };
    expect(rules.checkBom(bom)).toEqual(['dependencies: b is no component']);
    expect(rules.checkBom({ ...bom, components: [component, component] })).toHaveLength(2);
    expect(rules.checkBom({ ...bom, specVersion: '2', dependencies: [] })).toHaveLength(1);
  });
});
