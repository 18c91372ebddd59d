import { configDefaults, defineConfig } from 'vitest/config';

// The robustness suite reads /proc and preloads libraries.
const elsewhere = process.platform === 'linux' ? [] : ['test/chaos/**'];
if (elsewhere.length > 0) process.stderr.write('test/chaos is left out: it needs Linux\n');

// The default export is vitest's own convention: it reads nothing else.
// biome-ignore lint/style/noDefaultExport: required by vitest
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...elsewhere],
    globalSetup: ['test/support/global-setup.ts'],
    // libtensorflow lives once in a process and is never unloaded: every test file gets a process of its own.
    pool: 'forks',
    isolate: true,
    maxWorkers: 2,
    // Opening libtensorflow takes half a second alone and several on a busy machine.
    testTimeout: 60_000,
    hookTimeout: 120_000,
    teardownTimeout: 20_000,
  },
});
