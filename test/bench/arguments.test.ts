import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/paths.js';

const LOAD = 'bench/load/run.ts';
const BEHAVIOUR = 'bench/load/behaviour/run.ts';

function run(script: string, ...args: string[]) {
  const options = { cwd: ROOT, encoding: 'utf8' } as const;
  return spawnSync(process.execPath, ['--import', 'tsx', join(ROOT, script), ...args], options);
}

test.each([
  [LOAD, ['--foo'], "npm run bench:load: Unknown option '--foo'; --help lists the options\n"],
  [LOAD, ['--models=x'], /^npm run bench:load: --models: no model "x" in the plan; .*\n$/],
  [LOAD, ['--rounds=many'], /^npm run bench:load: --rounds: got "many", wanted a number above 0; /],
  [BEHAVIOUR, ['--only=x'], /^npm run bench:behaviour: --only: no part "x"; .*\n$/],
  [BEHAVIOUR, ['more'], /^npm run bench:behaviour: Unexpected argument 'more'/],
])('%s %s is refused in one line, before anything is measured', (script, args, message) => {
  const { status, stdout, stderr } = run(script, ...args);
  expect(stderr).toMatch(message);
  expect([status, stdout]).toEqual([2, '']);
});

test.each([LOAD, BEHAVIOUR])('%s --help lists its options', (script) => {
  const { status, stdout } = run(script, '--help');
  expect(status).toBe(0);
  expect(stdout).toMatch(/--rounds=[\s\S]*--no-write/);
});
