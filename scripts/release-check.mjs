// npm run release:dry: everything about a release that can be checked without publishing.
//
//   workflows: parse, no permission by default, every action pinned to a commit
//   packages:  manifests and file lists as they should be, npm's own dry run of each folder
//
// --packed: take npm/ as it is instead of packing first.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, npm, ROOT, readJson } from './lib.mjs';
import { checkFiles, checkManifest, checkWorkflow } from './release-rules.mjs';

const { program, first } = npm();
const out = join(ROOT, 'npm');
const problems = [];

for (const file of readdirSync(join(ROOT, '.github', 'workflows'))) {
  const found = checkWorkflow(readFileSync(join(ROOT, '.github', 'workflows', file), 'utf8'));
  report(`.github/workflows/${file}`, found);
}

if (!process.argv.includes('--packed'))
  capture(process.execPath, [join(ROOT, 'scripts', 'pack.mjs')]);
const root = readJson('package.json');
const folders = readdirSync(out, { withFileTypes: true }).filter((entry) => entry.isDirectory());
if (!folders.some((entry) => entry.name === 'servable'))
  problems.push('npm/servable is missing: run "npm run pack:all"');
for (const { name } of folders) {
  const folder = join(out, name);
  const manifest = readJson('npm', name, 'package.json');
  // npm answers with the file list it would upload; --dry-run touches nothing and needs no login.
  const answer = JSON.parse(
    capture(
      program,
      [...first, 'publish', '--dry-run', '--json', '--access', 'public', '--ignore-scripts'],
      { cwd: folder },
    ),
  );
  const packed = answer.files ? answer : answer[manifest.name];
  const files = packed.files.map((file) => file.path);
  report(
    `npm/${name}`,
    [
      ...checkManifest(manifest, root),
      ...checkFiles(name === 'servable' ? 'main' : 'addon', files),
      ...(existsSync(join(out, packed.filename)) ? [] : [`${packed.filename} is not in npm/`]),
    ],
    `${packed.name}@${packed.version}, ${files.length} files, ${(packed.size / 1024).toFixed(0)} kB`,
  );
}

if (problems.length > 0) {
  console.error(`\n${problems.length} problem(s)`);
  process.exit(1);
}

function report(what, found, note = '') {
  console.log(`${found.length === 0 ? 'ok  ' : 'FAIL'} ${what}${note === '' ? '' : `  ${note}`}`);
  for (const problem of found) console.log(`     ${problem}`);
  problems.push(...found);
}
