// npm run test:asan: the Rust tests and the addon in Node under AddressSanitizer, and the codec under Miri where it is installed.
//
// The stable toolchain carries the sanitizer's runtime; the option is unstable, hence RUSTC_BOOTSTRAP. Its builds have a folder of
// their own: target/asan. Node and TensorFlow are not built with it: what they get from the addon is watched where it is theirs.
import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync } from 'node:fs';
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

const addon = await sanitizedAddon();

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
process.exit(asan === 0 && addon === 0 && miri === 0 ? 0 : 1);

/** Runs suites of the addon in Node, whose process has the sanitizer's runtime in front. */
async function sanitizedAddon() {
  console.log('\n== the addon in Node under AddressSanitizer');
  if (process.platform !== 'linux') {
    console.log('skipped: the runtime is preloaded the way Linux does it');
    return 0;
  }
  const folder = env.CARGO_TARGET_DIR;
  mkdirSync(folder, { recursive: true });
  const runtime = sharedRuntime(folder);
  const built = await run(
    'cargo',
    ['build', '--release', '--locked', '-p', 'servable-addon', '--target', host],
    { env },
  );
  if (built !== 0) return built;
  const file = join(folder, 'servable.asan.node');
  copyFileSync(join(folder, host, 'release', 'libservable_addon.so'), file);
  const suites = ['infer-queue', 'large-body', 'lifetime', 'saved-model', 'bodies', 'batch-queue'];
  return run(
    process.execPath,
    [
      join(ROOT, 'node_modules/vitest/vitest.mjs'),
      'run',
      // As above: nothing can be said of the process's size.
      '--testNamePattern=^(?!.*leave nothing behind)',
      // The sanitizer makes everything several times slower.
      '--testTimeout=600000',
      ...suites.map((name) => `test/native/${name}.test.ts`),
    ],
    {
      env: {
        ...process.env,
        SERVABLE_ADDON: file,
        SERVABLE_TENSORFLOW_LIBRARY: env.SERVABLE_TENSORFLOW_LIBRARY,
        LD_PRELOAD: runtime,
        ASAN_OPTIONS: 'detect_leaks=0:detect_stack_use_after_return=1',
      },
    },
  );
}

/** Rust's runtime of the sanitizer is an archive for programs of its own; Node takes it as a shared library. */
function sharedRuntime(folder) {
  const libraries = capture('rustc', ['--print', 'target-libdir']).trim();
  const name = readdirSync(libraries).find((each) => /rt\.asan\.a$/.test(each));
  if (name === undefined) throw new Error(`no runtime of AddressSanitizer in ${libraries}`);
  const archive = join(folder, 'runtime.a');
  const library = join(folder, 'libasan-runtime.so');
  copyFileSync(join(libraries, name), archive);
  // What a program runs before its libraries; a library cannot have it.
  const preinit = capture('ar', ['t', archive])
    .split('\n')
    .filter((each) => each.includes('preinit'));
  capture('ar', ['d', archive, ...preinit]);
  const whole = ['-Wl,--whole-archive', archive, '-Wl,--no-whole-archive'];
  const system = ['-lpthread', '-ldl', '-lm', '-lrt', '-lresolv', '-lstdc++'];
  capture('cc', ['-shared', '-fPIC', '-o', library, ...whole, ...system]);
  return library;
}

