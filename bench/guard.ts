/** `npm run bench:guard`: fails when a figure is past its limit in limits.json. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { GUARDS } from './guards.js';
import { judge, type Limit, readLimits } from './limits.js';
import { table } from './load/compare.js';
import { ROOT } from './load/paths.js';

/** A figure past its limit is measured again this often: the machine may have been busy with something else. */
const TRIES = 3;

const limits = readLimits(readFileSync(join(ROOT, 'bench', 'limits.json'), 'utf8'));
const rows: string[][] = [];
let failed = 0;
for (const guard of GUARDS) {
  const limit = limits.get(guard.name) as Limit;
  let figure = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < TRIES && !judge(figure, limit); attempt += 1) {
    figure = Math.min(figure, await guard.measure(1));
  }
  const ok = judge(figure, limit);
  if (!ok) failed += 1;
  rows.push([guard.name, figure.toFixed(3), String(limit.limit), ok ? 'ok' : 'PAST ITS LIMIT']);
}
process.stdout.write(`${table(['guard', 'figure', 'limit', ''], rows)}\n`);
if (failed > 0) {
  process.stdout.write(
    `${failed} of ${rows.length} guards failed: bench/limits.json has the reasons\n`,
  );
  process.exitCode = 1;
}
