// npm run test:chaos: the robustness suite in its long form and the soak; writes what they counted to test/chaos/RESULTS.md.
//
// node scripts/chaos.mjs [--short] [--soak-minutes=30] [--no-soak] [vitest arguments]
//
// `npm test` runs the short form of the same files, and a soak of three minutes. CHAOS_SEED chooses other random inputs.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { chaosResults } from './chaos-results.mjs';
import { capture, ensureRuntime, ROOT, readJson, run } from './lib.mjs';

const REPORT = join(ROOT, 'test', '.cache', 'chaos.jsonl');
const RESULTS = join(ROOT, 'test', 'chaos', 'RESULTS.md');
const own = /^--(soak-minutes=.*|no-soak|short)$/;
const given = process.argv.slice(2);
const passedOn = given.filter((argument) => !own.test(argument));
const minutes = Number(
  given.find((argument) => argument.startsWith('--soak-minutes='))?.split('=')[1] ?? 30,
);
const form = given.includes('--short') ? 'short' : 'long';
const tools = (name, ...path) => join(ROOT, 'node_modules', name, ...path);

mkdirSync(join(ROOT, 'test', '.cache'), { recursive: true });
rmSync(REPORT, { force: true });
const library = await ensureRuntime();
const env = {
  ...process.env,
  SERVABLE_TENSORFLOW_LIBRARY: library,
  CHAOS: form,
  CHAOS_REPORT: REPORT,
};
const vitest = [
  tools('vitest', 'vitest.mjs'),
  'run',
  'test/chaos',
  'test/api/http2/mutations.test.ts',
  '--no-file-parallelism',
  '--testTimeout=1800000',
  ...passedOn,
];
const suites = await run(process.execPath, vitest, { env });
let soak = 0;
if (!given.includes('--no-soak')) {
  const program = [tools('tsx', 'dist', 'cli.mjs'), 'test/chaos/soak.ts'];
  soak = await run(
    process.execPath,
    [...program, `--minutes=${minutes}`, `--report=${REPORT}`],
    { env },
  );
}

const lines = existsSync(REPORT)
  ? readFileSync(REPORT, 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  : [];
const dirty = capture('git', ['status', '--porcelain', '--untracked-files=no']).trim() !== '';
writeFileSync(
  RESULTS,
  chaosResults(lines, {
    version: readJson('package.json').version,
    commit: capture('git', ['rev-parse', '--short', 'HEAD']).trim() + (dirty ? ' with changes' : ''),
    date: new Date().toISOString().slice(0, 10),
    form,
    passed: suites === 0 && soak === 0,
  }),
);
console.log(`${RESULTS}: ${lines.length} lines`);
process.exit(suites === 0 && soak === 0 ? 0 : 1);
