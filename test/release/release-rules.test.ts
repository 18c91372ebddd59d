import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../support/paths.js';

interface Rules {
  checkWorkflow(text: string): string[];
  checkManifest(manifest: object, root: object): string[];
  checkFiles(kind: 'main' | 'addon', files: string[]): string[];
}
interface Layout {
  PLATFORMS: { name: string; target: string; limits: object }[];
  mainManifest(root: object, env: object): Record<string, unknown>;
  addonManifest(root: object, platform: object, env: object): Record<string, unknown>;
}

const script = (name: string): string => join(ROOT, 'scripts', name);
const rules = (await import(script('release-rules.mjs'))) as Rules;
const layout = (await import(script('package-layout.mjs'))) as Layout;
const root = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as {
  version: string;
  scripts: object;
  napi: { targets: string[] };
};
const workflows = join(ROOT, '.github', 'workflows');

describe('workflow rules', () => {
  test.each(readdirSync(workflows))('%s keeps them', (file) => {
    expect(rules.checkWorkflow(readFileSync(join(workflows, file), 'utf8'))).toEqual([]);
  });

  const good = `permissions: {}
jobs:
  test:
    permissions: { contents: read }
    timeout-minutes: 5
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
`;
  test('a pinned, named action under stated permissions passes', () => {
    expect(rules.checkWorkflow(good)).toEqual([]);
  });
  test.each([
    ['a tag instead of a commit', good.replace(/@\w{40} # v4.2.2/, '@v4'), /not pinned/],
    [
      'a short commit',
      good.replace('@11bd71901bbe5b1630ceea73d27597364c9af683', '@11bd719'),
      /not pinned/,
    ],
    ['a commit that does not say its tag', good.replace(' # v4.2.2', ''), /which tag/],
    ['permissions for every job', good.replace('{}', '{ contents: write }'), /permissions: \{\}/],
    ['no default permissions', good.replace('permissions: {}\n', ''), /permissions: \{\}/],
    [
      'a job without permissions',
      good.replace('    permissions: { contents: read }\n', ''),
      /states no/,
    ],
    ['a job without a time limit', good.replace('    timeout-minutes: 5\n', ''), /timeout/],
    ['broken YAML', 'jobs: [', /not YAML/],
  ])('%s is refused', (_name, text, problem) => {
    expect(rules.checkWorkflow(text).join('\n')).toMatch(problem);
  });
});

describe('manifest rules', () => {
  const main = layout.mainManifest(root, {});
  test('the published manifests keep them', () => {
    expect(rules.checkManifest(main, root)).toEqual([]);
    for (const platform of layout.PLATFORMS) {
      expect(rules.checkManifest(layout.addonManifest(root, platform, {}), root)).toEqual([]);
    }
  });
  test('the main manifest has no script at all', () => {
    expect(main).not.toHaveProperty('scripts');
    expect(main).not.toHaveProperty('devDependencies');
    expect(root.scripts).toHaveProperty('prepare');
  });
  test('every platform that the addon is built for has a package', () => {
    expect(layout.PLATFORMS.map(({ target }) => target)).toEqual(root.napi.targets);
  });
  test('the repository is named when GitHub builds, which provenance asks for', () => {
    expect(layout.mainManifest(root, { GITHUB_REPOSITORY: 'owner/name' })).toMatchObject({
      repository: { url: 'git+https://github.com/owner/name.git' },
    });
  });
  test.each([
    ['an install script', { scripts: { postinstall: 'node x.js' } }, /postinstall/],
    ['a prepare script', { scripts: { prepare: 'npm run build' } }, /prepare/],
    ['an implicit node-gyp build', { gypfile: true }, /gypfile/],
    ['another version', { version: '9.9.9' }, /9\.9\.9/],
    ['an addon of another version', { optionalDependencies: {} }, /addon-linux-x64-gnu/],
    ['development dependencies', { devDependencies: {} }, /devDependencies/],
  ])('%s is refused', (_name, change, problem) => {
    expect(rules.checkManifest({ ...main, ...change }, root).join('\n')).toMatch(problem);
  });
});

describe('file rules', () => {
  const good = [
    ...['package.json', 'LICENSE', 'README.md', 'CHANGELOG.md'],
    ...['dist/index.js', 'dist/index.d.ts', 'dist/cli.js', 'models/demo/labels.txt'],
    ...['models/demo/1/saved_model.pb', 'models/demo/1/variables/variables.index'],
  ];
  test('what users need passes', () => {
    expect(rules.checkFiles('main', good)).toEqual([]);
    expect(
      rules.checkFiles('addon', ['package.json', 'LICENSE', 'servable.linux-x64-gnu.node']),
    ).toEqual([]);
  });
  test.each([
    'binding.gyp',
    'test/a.test.ts',
    'dist/.env',
    'dist/x.node',
    'crates/codec/src/lib.rs',
  ])('%s does not ship', (file) => {
    expect(rules.checkFiles('main', [...good, file])).not.toEqual([]);
  });
  test.each(good)('a package without %s is refused', (file) => {
    expect(
      rules.checkFiles(
        'main',
        good.filter((one) => one !== file),
      ),
    ).toEqual([`lacks ${file}`]);
  });
  test('an addon package without its library is refused', () => {
    expect(rules.checkFiles('addon', ['package.json'])).not.toEqual([]);
  });
});
