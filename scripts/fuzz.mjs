// npm run fuzz: every fuzz target for a minute each, from the committed corpora; ends with 1 if one finds something.
//
// node scripts/fuzz.mjs [--seconds=60] [target...]
//
// The Rust targets are crates/codec/fuzz's, run by cargo-fuzz, which is built into target/tools once. What libFuzzer learns goes to
// target/fuzz/corpus and not into the repository; what it finds lies in crates/codec/fuzz/artifacts.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fail, ROOT, run } from './lib.mjs';

const CARGO_FUZZ = '0.13.2';
const FUZZ = join(ROOT, 'crates', 'codec', 'fuzz');
const TOOLS = join(ROOT, 'target', 'tools');
const RUST = ['json_request', 'predict_request', 'example', 'raw_body'];
const TARGETS = [...RUST, 'gzip'];

const options = process.argv.slice(2).filter((argument) => argument.startsWith('--'));
const named = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const seconds = Number(options.find((o) => o.startsWith('--seconds='))?.split('=')[1] ?? 60);
const unknown = named.find((name) => !TARGETS.includes(name));
if (unknown !== undefined) fail(`no fuzz target "${unknown}": there is ${TARGETS.join(', ')}`);
if (!(seconds > 0)) fail('--seconds: wanted a number above 0');

const env = {
  ...process.env,
  PATH: `${join(TOOLS, 'bin')}${delimiter}${process.env.PATH}`,
  // Sanitizers are an unstable option of a stable compiler.
  RUSTC_BOOTSTRAP: '1',
};

/** Builds cargo-fuzz where it is missing. */
async function installCargoFuzz() {
  const path = join(TOOLS, 'bin', 'cargo-fuzz');
  const found = existsSync(path) ? spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout : '';
  if (found.trim() === `cargo-fuzz ${CARGO_FUZZ}`) return;
  console.error(`building cargo-fuzz ${CARGO_FUZZ} into target/tools (minutes, once)`);
  const from = ['--version', CARGO_FUZZ, '--locked'];
  const status = await run('cargo', ['install', 'cargo-fuzz', ...from, '--root', TOOLS, '--force'], {
    env: { ...process.env, CARGO_TARGET_DIR: join(TOOLS, 'build') },
  });
  if (status !== 0) fail(`cargo install cargo-fuzz: exit status ${status}`);
}

/** One Rust target; the first folder is where libFuzzer writes. */
function rust(target) {
  const learned = join(ROOT, 'target', 'fuzz', 'corpus', target);
  mkdirSync(learned, { recursive: true });
  const folders = ['--fuzz-dir', FUZZ, '--target-dir', join(ROOT, 'target', 'fuzz', 'build')];
  const limits = [
    `-max_total_time=${seconds}`,
    '-rss_limit_mb=2048',
    '-max_len=65536',
    '-timeout=10',
    '-verbosity=0',
    '-print_final_stats=1',
  ];
  const corpus = [learned, join(FUZZ, 'corpus', target)];
  return run('cargo', ['fuzz', 'run', ...folders, target, ...corpus, '--', ...limits], { env });
}

function gzip() {
  return run(process.execPath, [join(ROOT, 'scripts', 'fuzz-gzip.mjs'), `--seconds=${seconds}`]);
}

const wanted = named.length > 0 ? named : TARGETS;
if (wanted.some((target) => RUST.includes(target))) await installCargoFuzz();
const found = [];
for (const target of wanted) {
  console.error(`\n== ${target}, ${seconds} s`);
  const status = target === 'gzip' ? await gzip() : await rust(target);
  if (status !== 0) found.push(target);
}
console.log(
  found.length === 0
    ? `${wanted.join(', ')}: ${seconds} s each without a finding`
    : `findings in ${found.join(', ')}: see above`,
);
process.exit(found.length === 0 ? 0 : 1);
