// Builds the addon with cargo alone and copies it: node scripts/build-addon.mjs FILE.node [--target TRIPLE] [--glibc 2.17] [--root FOLDER]
//
// binding.gyp's action and the release's build. --glibc links against that version through cargo-zigbuild, whatever this
// machine has: python3 -m pip install -r scripts/zig-requirements.txt. The cdylib's place is cargo's own word, so
// CARGO_TARGET_DIR and build.target are honoured.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, renameSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { fail, ROOT } from './lib.mjs';

const { values, positionals } = parseArgs({
  options: {
    target: { type: 'string' },
    glibc: { type: 'string' },
    root: { type: 'string', default: ROOT },
  },
  allowPositionals: true,
});
if (positionals.length !== 1)
  fail('usage: node scripts/build-addon.mjs FILE.node [--target TRIPLE] [--glibc 2.17]');
if (values.glibc !== undefined && values.target === undefined) fail('--glibc needs --target');
const file = resolve(positionals[0]);
const zig = values.glibc !== undefined;
const target = zig ? `${values.target}.${values.glibc}` : values.target;

// npm and node-gyp leave a jobserver in MAKEFLAGS whose pipes they do not pass on; cargo then warns on every line.
const { MAKEFLAGS: _flags, MFLAGS: _more, MAKELEVEL: _level, ...env } = process.env;
const cargo = spawnSync(
  'cargo',
  [
    zig ? 'zigbuild' : 'build',
    ...[
      '--release',
      '--locked',
      '-p',
      'servable-addon',
      '--message-format=json-render-diagnostics',
    ],
    ...(target === undefined ? [] : ['--target', target]),
  ],
  { cwd: values.root, env, encoding: 'utf8', maxBuffer: 1 << 28, stdio: ['ignore', 'pipe', 'inherit'] },
);
if (cargo.error?.code === 'ENOENT')
  fail('cargo is not on PATH: install Rust from https://rustup.rs and run this again');
if (cargo.error) throw cargo.error;
if (cargo.status !== 0) process.exit(cargo.status ?? 1);

const libraries = cargo.stdout
  .split('\n')
  .filter((line) => line.startsWith('{'))
  .map((line) => JSON.parse(line))
  .filter(
    (message) => message.reason === 'compiler-artifact' && message.target.kind.includes('cdylib'),
  )
  .flatMap((message) => message.filenames)
  .filter((name) => /\.(so|dylib|dll)$/.test(name));
if (libraries.length !== 1)
  fail(`cargo made ${libraries.length} libraries, wanted 1: ${libraries.join(', ')}`);

mkdirSync(dirname(file), { recursive: true });
// A process may have the old file mapped: put a new one in its place instead of writing into it.
copyFileSync(libraries[0], `${file}.new`);
renameSync(`${file}.new`, file);
console.log(`${file} (from ${libraries[0]})`);
