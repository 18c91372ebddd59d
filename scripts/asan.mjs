// npm run test:asan: the Rust tests under AddressSanitizer, and under Miri where it is installed.
//
// The stable toolchain carries the sanitizer's runtime; the option is unstable, hence RUSTC_BOOTSTRAP. Its builds have a folder of
// their own: target/asan. Crates that Node or TensorFlow load are not among them: neither is built with the sanitizer, and its
// runtime must be first in a process.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { capture, ensureRuntime, ROOT, run } from './lib.mjs';

const host = /^host: (.*)$/m.exec(capture('rustc', ['-vV']))?.[1] ?? '';
if (!/^(x86_64|aarch64)-(unknown-linux-gnu|apple-darwin)$/.test(host)) {
  console.log(`AddressSanitizer is not available for ${host}: skipped`);
  process.exit(0);
}
const crates = (names) => names.flatMap((name) => ['-p', `servable-${name}`]);
const env = {
  ...process.env,
  RUSTC_BOOTSTRAP: '1',
  RUSTFLAGS: '-Zsanitizer=address',
  CARGO_TARGET_DIR: join(ROOT, 'target', 'asan'),
  SERVABLE_TENSORFLOW_LIBRARY: await ensureRuntime(),
};
const tests = ['--lib', '--tests', '--target', host];
/** Tests of some crates; leaks are looked for where `leaks` says. */
const sanitized = (names, leaks, filter = []) => {
  console.log(`\n== ${names.join(' and ')} under AddressSanitizer`);
  const options = `detect_leaks=${leaks ? 1 : 0}:strict_string_checks=1:detect_stack_use_after_return=1`;
  return run('cargo', ['test', ...crates(names), ...tests, '--', ...filter], {
    env: { ...env, ASAN_OPTIONS: options },
  });
};
// The engine's fake runner leaks on purpose, and TensorFlow keeps its registries until the process ends.
// Freed memory stays in the sanitizer's quarantine, so nothing can be said of the process's size.
const asan =
  (await sanitized(['codec'], true)) +
  (await sanitized(['engine', 'tensorflow'], false, [
    '--skip=ten_thousand_runs_and_fifty_loads_leave_memory_as_it_was',
  ]));

console.log('\n== codec under Miri');
const probe = spawnSync('cargo', ['+nightly', 'miri', '--version'], { encoding: 'utf8' });
let miri = 0;
if (probe.status === 0) {
  miri = await run('cargo', ['+nightly', 'miri', 'test', ...crates(['codec']), '--lib'], {
    env: { ...process.env, MIRIFLAGS: '-Zmiri-disable-isolation' },
  });
} else {
  const reason = (probe.stderr ?? String(probe.error)).trim().split('\n')[0];
  console.log(`skipped: ${reason}; rustup +nightly component add miri`);
}
process.exit(asan === 0 && miri === 0 ? 0 : 1);
