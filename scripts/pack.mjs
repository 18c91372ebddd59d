// npm run pack:all: writes the publishable packages into npm/ (folders and tarballs).
//
//   npm/servable/                  the main package: compiled JavaScript, protos, the demo model; no install script
//   npm/addon-<platform>/          the addon of one platform: every one whose .node file is in target/napi
//
// node scripts/pack.mjs [--out npm] [--addons target/napi] [--require-all]
// --require-all (releases): fail unless the addon of every platform is there.
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { capture, fail, npm, ROOT, readJson } from './lib.mjs';
import {
  addonFile,
  addonManifest,
  MAIN_FILES,
  mainManifest,
  PLATFORMS,
} from './package-layout.mjs';

const { values } = parseArgs({
  options: {
    out: { type: 'string', default: join(ROOT, 'npm') },
    addons: { type: 'string', default: join(ROOT, 'target', 'napi') },
    'require-all': { type: 'boolean', default: false },
  },
});
const out = resolve(values.out);
const root = readJson('package.json');
const { program, first } = npm();

rmSync(out, { recursive: true, force: true });
const folders = [packMain(), ...packAddons()];
for (const folder of folders) {
  const [packed] = JSON.parse(
    capture(program, [...first, 'pack', '--json', '--ignore-scripts', '--pack-destination', out], {
      cwd: folder,
    }),
  );
  console.log(
    `${join(out, packed.filename)}  ${(packed.size / 1024).toFixed(0)} kB, ${packed.files.length} files`,
  );
}

function packMain() {
  const folder = join(out, 'servable');
  mkdirSync(folder, { recursive: true });
  // Compiled anew instead of copied: dist/ may hold the output of files that are gone. Source maps would point at files that do not ship.
  capture(process.execPath, [
    join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc'),
    ...['-p', 'tsconfig.build.json', '--outDir', join(folder, 'dist'), '--sourceMap', 'false'],
  ]);
  // tsc does not carry hand-made and generated declarations over.
  const binding = join('native', 'binding.d.ts');
  if (existsSync(join(ROOT, 'ts', binding)))
    copyFileSync(join(ROOT, 'ts', binding), join(folder, 'dist', binding));
  chmodSync(join(folder, 'dist', 'cli.js'), 0o755);
  for (const path of MAIN_FILES) {
    if (!existsSync(join(ROOT, path)))
      fail(`${path} is missing: the published package must hold it`);
    cpSync(join(ROOT, path), join(folder, path), {
      recursive: true,
      filter: (file) => !file.includes('__pycache__'),
    });
  }
  writeManifest(folder, mainManifest(root, process.env));
  return folder;
}

function packAddons() {
  const packed = [];
  for (const platform of PLATFORMS) {
    const file = addonFile(platform);
    const from = join(resolve(values.addons), file);
    if (!existsSync(from)) {
      if (values['require-all'])
        fail(
          `${from} is missing: build it with "node scripts/build-addon.mjs ${from} --target ${platform.target}"`,
        );
      continue;
    }
    const folder = join(out, `addon-${platform.name}`);
    mkdirSync(folder, { recursive: true });
    copyFileSync(from, join(folder, file));
    copyFileSync(join(ROOT, 'LICENSE'), join(folder, 'LICENSE'));
    writeFileSync(
      join(folder, 'README.md'),
      `# @servable/addon-${platform.name}\n\nThe native part of [servable](https://www.npmjs.com/package/servable) for ${platform.words}. ` +
        `Install \`servable\`; npm picks this package by itself.\n`,
    );
    writeManifest(folder, addonManifest(root, platform, process.env));
    packed.push(folder);
  }
  if (packed.length === 0) fail(`${values.addons} holds no addon: run "npm run build:native"`);
  return packed;
}

function writeManifest(folder, manifest) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}
