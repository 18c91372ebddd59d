import { defineConfig } from 'vitest/config';

// The default export is vitest's own convention: it reads nothing else.
// biome-ignore lint/style/noDefaultExport: required by vitest
export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
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
