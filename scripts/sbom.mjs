// Writes what a release is made of as CycloneDX: the packages npm installs with it and the crates inside its addons.
//
// node scripts/sbom.mjs [FILE]            (npm/sbom.cdx.json where no file is named)
//
// Lockfiles are all it reads: neither a registry nor node_modules is asked. TensorFlow is not in it: users install it themselves.
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { capture, npm, ROOT, readJson } from './lib.mjs';
import { PLATFORMS } from './package-layout.mjs';
import { crateComponents, mergeBom } from './sbom-merge.mjs';

const file = resolve(process.argv[2] ?? join(ROOT, 'npm', 'sbom.cdx.json'));
const { program, first } = npm();
const packages = JSON.parse(
  capture(program, [
    ...first,
    'sbom',
    '--sbom-format=cyclonedx',
    '--package-lock-only',
    '--omit=dev',
  ]),
);
const platforms = PLATFORMS.map(({ target }) => `--filter-platform=${target}`);
const metadata = JSON.parse(
  capture('cargo', ['metadata', '--format-version=1', '--locked', '--offline', ...platforms]),
);
const crates = crateComponents(metadata, readFileSync(join(ROOT, 'Cargo.lock'), 'utf8'));
const bom = mergeBom(packages, crates, readJson('package.json'));
mkdirSync(dirname(file), { recursive: true });
writeFileSync(file, `${JSON.stringify(bom, null, 2)}\n`);
console.log(`${file}: ${bom.components.length} components, ${crates.length} of them crates`);
