// npm run audit: known weaknesses, licences and sources of what we ship; ends with 1 where something is found.
//
//   lockfiles             licences, sources and hashes, by our own rules and deny.toml
//   npm audit             of the production dependencies, where the registry answers
//   cargo deny            licences, bans and sources by deny.toml, without a network
//   cargo deny advisories where RustSec's database can be fetched
//
// What cannot be asked is skipped with the reason. --strict, as the repository's workflow runs it, builds cargo-deny into
// target/tools where it is missing (minutes, once) and makes a skip a failure.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { capture, npm, ROOT, readJson, run } from './lib.mjs';
import { allowedLicences, checkCrates, checkPackages } from './supply-chain.mjs';

const CARGO_DENY = '0.20.2';
const TOOLS = join(ROOT, 'target', 'tools');
const strict = process.argv.includes('--strict');
let found = 0;

lockfiles();
auditPackages();
const deny = await cargoDeny();
if (deny === null) skip('cargo deny', `cargo-deny ${CARGO_DENY} is not on PATH nor in target/tools`);
else {
  judge('cargo deny', spawnDeny(deny, ['--offline'], ['licenses', 'bans', 'sources']), /^$/);
  const unreachable = /failed to (fetch|clone|open|load).*(advisor|db|index)|unable to fetch|network/i;
  judge('cargo deny advisories', spawnDeny(deny, [], ['advisories']), unreachable);
}
process.exit(found === 0 ? 0 : 1);

function lockfiles() {
  const text = (name) => readFileSync(join(ROOT, name), 'utf8');
  const allowed = allowedLicences(text('deny.toml'));
  const metadata = JSON.parse(capture('cargo', ['metadata', '--format-version=1', '--locked']));
  const problems = [
    ...checkCrates(metadata, text('Cargo.lock'), allowed),
    ...checkPackages(readJson('package-lock.json'), allowed),
  ];
  judge('lockfiles', { status: problems.length, output: problems.join('\n') }, /^$/);
}

function auditPackages() {
  const { program, first } = npm();
  const { status, stdout, stderr } = spawnSync(program, [...first, 'audit', '--omit=dev', '--loglevel=warn'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  judge('npm audit', { status, output: stdout + stderr }, /audit endpoint returned an error|ENOTFOUND|ECONN|ETIMEDOUT/);
}

function spawnDeny(program, before, checks) {
  const { status, stdout, stderr } = spawnSync(program, [...before, 'check', ...checks], {
    cwd: ROOT,
    encoding: 'utf8',
    timeout: 300_000,
  });
  return { status, output: stdout + stderr };
}

/** Tells the outcome of one check; `unreachable` is how it says that it could not ask. */
function judge(what, { status, output }, unreachable) {
  if (status === 0) {
    console.log(`ok    ${what}`);
    return;
  }
  const reason = output.split('\n').find((line) => line !== '' && unreachable.test(line));
  if (reason) {
    skip(what, reason.trim());
    return;
  }
  found += 1;
  console.log(`FAIL  ${what}\n${output}`);
}

function skip(what, reason) {
  if (strict) found += 1;
  console.log(`${strict ? 'FAIL ' : 'skip '} ${what}: ${reason}`);
}

/** The program; with --strict built where it is missing. Null where there is none. */
async function cargoDeny() {
  const path = join(TOOLS, 'bin', 'cargo-deny');
  const version = (program) =>
    spawnSync(program, ['--version'], { encoding: 'utf8' }).stdout?.trim() ?? '';
  for (const program of [path, 'cargo-deny']) {
    if (version(program) === `cargo-deny ${CARGO_DENY}`) return program;
  }
  if (!strict) return null;
  console.error(`building cargo-deny ${CARGO_DENY} into target/tools (minutes, once)`);
  const from = ['install', 'cargo-deny', '--version', CARGO_DENY, '--locked'];
  const status = await run('cargo', [...from, '--root', TOOLS, '--force'], {
    env: { ...process.env, CARGO_TARGET_DIR: join(TOOLS, 'build') },
  });
  return status === 0 && existsSync(path) ? path : null;
}
