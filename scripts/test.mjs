// npm test: cargo's tests, then vitest's with a soak of three minutes beside them; the last line is the total.
//
// node scripts/test.mjs [--only=cargo|vitest] [vitest arguments]
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureRuntime, npm, ROOT, readJson, run } from './lib.mjs';
import { pythonWithServingApi } from './python-env.mjs';
import { cargoTotals, suitesLeftOut, vitestTotals } from './test-totals.mjs';

const CACHE = join(ROOT, 'test', '.cache');
const REPORT = join(CACHE, 'vitest.json');
const only = process.argv
  .find((argument) => argument.startsWith('--only='))
  ?.slice('--only='.length);
const passedOn = process.argv.slice(2).filter((argument) => !argument.startsWith('--only='));

const failures = [];
let passed = 0;
let failed = 0;
const add = (totals) => {
  passed += totals.passed;
  failed += totals.failed;
};

let concluded = false;
// Whatever ends the script, the total is its last line.
process.on('exit', (status) => {
  if (concluded) return;
  conclude(`ended early with status ${status}`);
  process.exitCode = 1;
});

mkdirSync(CACHE, { recursive: true });
step('building');
const { program, first } = npm();
if ((await run(program, [...first, 'run', '--silent', 'build'])) !== 0) finish('the build failed');

step('TensorFlow runtime');
const library = await ensureRuntime();
console.log(library);
const env = { ...process.env, SERVABLE_TENSORFLOW_LIBRARY: library };

if (only !== 'vitest') {
  step('cargo test --workspace');
  const lines = [];
  const status = await run('cargo', ['test', '--workspace', '--no-fail-fast'], {
    env,
    onLine: (line) => lines.push(line),
  });
  const totals = cargoTotals(lines);
  add(totals);
  if (status !== 0) {
    failures.push('cargo test failed');
    if (totals.failed === 0) failed += 1;
  } else if (totals.passed === 0) {
    failures.push('cargo ran no test');
    failed += 1;
  }
  if (totals.ignored > 0) {
    failures.push(`cargo left out ${totals.ignored} ignored test(s)`);
    failed += 1;
  }
}

if (only !== 'cargo') {
  step('Python client of test/interop');
  env.SERVABLE_TEST_PYTHON = await pythonWithServingApi();
  console.log(env.SERVABLE_TEST_PYTHON);

  step('vitest');
  rmSync(REPORT, { force: true });
  // It reads /proc.
  const soak = passedOn.length === 0 && process.platform === 'linux' ? startSoak() : null;
  const status = await run(
    process.execPath,
    [
      join(ROOT, 'node_modules', 'vitest', 'vitest.mjs'),
      'run',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${REPORT}`,
      ...passedOn,
    ],
    { env },
  );
  const report = existsSync(REPORT) ? readJson('test', '.cache', 'vitest.json') : null;
  const totals = report === null ? { passed: 0, failed: 0 } : vitestTotals(report);
  add(totals);
  if (status !== 0) {
    failures.push('vitest failed');
    if (totals.failed === 0) failed += 1;
  }
  if (soak !== null) {
    step('soak of three minutes, begun beside vitest');
    const { status: soaked, output } = await soak;
    console.log(output);
    add({ passed: soaked === 0 ? 1 : 0, failed: soaked === 0 ? 0 : 1 });
    if (soaked !== 0) failures.push('the soak failed');
  }
  if (report !== null && passedOn.length === 0) {
    for (const complaint of suitesLeftOut(report, ROOT)) {
      failures.push(complaint);
      failed += 1;
    }
  }
}
finish();

/** A server under load beside the tests: its figures are its own, so others may keep the machine busy. */
function startSoak() {
  const program = [join(ROOT, 'node_modules', 'tsx', 'dist', 'cli.mjs'), 'test/chaos/soak.ts'];
  const child = spawn(process.execPath, [...program, '--minutes=3'], { cwd: ROOT, env });
  process.once('exit', () => child.kill());
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk) => {
      output += chunk;
    });
  }
  return new Promise((resolve) => {
    child.once('error', (error) => resolve({ status: 1, output: String(error) }));
    child.once('close', (status) => resolve({ status: status ?? 1, output: output.trimEnd() }));
  });
}

function step(name) {
  console.log(`\n== ${name}`);
}

function finish(reason) {
  conclude(reason);
  process.exit(failed === 0 ? 0 : 1);
}

function conclude(reason) {
  concluded = true;
  if (reason !== undefined) {
    failures.push(reason);
    failed += 1;
  }
  mkdirSync(CACHE, { recursive: true });
  writeFileSync(
    join(CACHE, 'summary.json'),
    `${JSON.stringify({ passed, failed, failures })}\n`,
  );
  console.log('');
  for (const failure of failures) console.log(failure);
  console.log(`${passed} passed, ${failed} failed`);
}
