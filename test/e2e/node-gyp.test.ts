import { execFile } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { CLI, DEMO, ROOT } from '../support/paths.js';

const run = promisify(execFile);
const BUILT = join(ROOT, 'build', 'Release', 'servable.node');

/** Node's headers where they lie beside the binary: node-gyp would download them otherwise. */
function headers(): string[] {
  const prefix = dirname(dirname(process.execPath));
  return existsSync(join(prefix, 'include', 'node', 'node_api.h')) ? [`--nodedir=${prefix}`] : [];
}

test('node-gyp rebuild leaves an addon that loads and reads a model', async () => {
  rmSync(BUILT, { force: true });
  const gyp = join(ROOT, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js');
  await run(process.execPath, [gyp, 'rebuild', ...headers()], {
    cwd: ROOT,
    maxBuffer: 1 << 26,
  });
  const { stdout } = await run(process.execPath, [
    '-p',
    `Object.keys(require(${JSON.stringify(BUILT)})).length`,
  ]);
  expect(Number(stdout)).toBeGreaterThan(0);
  const inspected = await run(process.execPath, [CLI, 'inspect', join(DEMO, '1'), '--json'], {
    env: { ...process.env, SERVABLE_ADDON: BUILT },
  });
  expect(inspected.stdout).toContain('keras_tensor');
}, 600_000);
