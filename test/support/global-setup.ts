import { chmodSync, existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CLI, ROOT } from './paths.js';
import { runtimeLibrary } from './runtime.js';

/**
 * Finds the library once for all test files, and says what to run where something is missing.
 *
 * The pure suites run without a build; the others then fail, each at its first use. None is left out.
 *
 * @returns removes what tests and the programs they started left in the temporary folder, which is one of this run's
 */
export function setup(): () => void {
  // A short name: Unix sockets are bound below it, and their paths end at 107 bytes.
  const folder = mkdtempSync(join(tmpdir(), 'svt-'));
  // Some tests start programs as another user.
  chmodSync(folder, 0o755);
  for (const name of ['TMPDIR', 'TEMP', 'TMP']) process.env[name] = folder;

  const missing: string[] = [];
  if (!existsSync(CLI)) missing.push('dist/cli.js is missing: run "npm run build:ts"');
  if (!addonBuilt()) missing.push('the addon is missing: run "npm run build:native"');
  try {
    process.env.SERVABLE_TENSORFLOW_LIBRARY = runtimeLibrary();
  } catch (error) {
    missing.push(error instanceof Error ? error.message : String(error));
  }
  for (const line of missing) process.stderr.write(`\n${line}\n`);
  return () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

function addonBuilt(): boolean {
  const named = process.env.SERVABLE_ADDON;
  if (named !== undefined && named !== '') return existsSync(named);
  return [join(ROOT, 'target', 'napi'), join(ROOT, 'build', 'Release')].some(
    (folder) => existsSync(folder) && readdirSync(folder).some((file) => file.endsWith('.node')),
  );
}
