import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { table } from './compare.js';
import { ROOT } from './paths.js';
import type { Row } from './rounds.js';

const RESULTS = join(ROOT, 'bench', 'RESULTS.md');
const TITLE = `# Results

Written by \`npm run bench:load\` and \`npm run bench:behaviour\`; each replaces its own part. Only ratios between rows of one run mean
anything: the machine is shared.
`;

/** The machine and the commit of a run, one line each. */
export function circumstances(): string[] {
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
  const dirty =
    git('status', '--porcelain', '--', ':!bench/RESULTS.md') === ''
      ? ''
      : ' and uncommitted changes';
  return [
    `commit ${git('rev-parse', '--short=12', 'HEAD')}${dirty}, ${new Date().toISOString().slice(0, 16)}Z`,
    `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${(totalmem() / 1e9).toFixed(0)} GB, Linux ${release()}, Node ${process.versions.node}`,
  ];
}

const HEADER = [
  'model',
  'work',
  'by',
  'server',
  'CPU µs/req',
  'req/s',
  'p50 µs',
  'p99 µs',
  'RSS MB',
  '÷ echo',
  '÷ bare run',
];

/** The one table of a load run; the rows without figures have their reasons below it. */
export function loadTable(rows: readonly Row[]): string {
  const lines = rows.map((row) => cells(row, rows));
  return table(HEADER, lines, 4);
}

/** Why rows have no figures, one line each. */
export function skips(rows: readonly Row[]): string[] {
  return rows
    .filter((row) => row.skipped !== null)
    .map(
      (row) =>
        `no figures for ${row.server}, ${by(row)}, ${row.work.model}, ${row.work.what}: ${firstLine(row.skipped ?? '')}`,
    );
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

function cells(row: Row, rows: readonly Row[]): string[] {
  const { work, server, figures } = row;
  const first = [work.model, work.what, by(row), server];
  if (figures === null) return [...first, ...Array<string>(HEADER.length - 4).fill('-')];
  return [
    ...first,
    amount(figures.cpuMicros),
    amount(figures.requestsPerSecond),
    figures.p50.toFixed(0),
    figures.p99.toFixed(0),
    figures.rss.toFixed(0),
    ratio(row, echoOf(row, rows)),
    ratio(row, bareRunOf(row, rows)),
  ];
}

function by({ work }: Row): string {
  if (work.protocol === 'in process') return work.format === 'json' ? 'JSON.parse' : 'in process';
  return work.protocol === 'gRPC' ? 'gRPC' : `REST ${work.format}`;
}

function amount(value: number): string {
  return value.toFixed(value < 100 ? 1 : 0);
}

function ratio(row: Row, base: Row | undefined): string {
  if (row.figures === null || !base?.figures) return '';
  return (row.figures.cpuMicros / base.figures.cpuMicros).toFixed(2);
}

function sameWork(a: Row, b: Row): boolean {
  return a.work.model === b.work.model && a.work.what === b.work.what;
}

function echoOf(row: Row, rows: readonly Row[]): Row | undefined {
  return rows.find((other) => other.work === row.work && / echo$/.test(other.server));
}

function bareRunOf(row: Row, rows: readonly Row[]): Row | undefined {
  return rows.find(
    (other) =>
      sameWork(other, row) && other.work.protocol === 'in process' && other.work.format === 'npy',
  );
}

/** One line for each bound of design.md section 5: what was wanted and what was measured. */
export function verdicts(rows: readonly Row[]): string[] {
  return rows.flatMap((row) => {
    const { target } = row.work;
    if (target === undefined || row.server !== 'servable') return [];
    const base = rows.find(
      (other) =>
        sameWork(other, row) &&
        other.server === target.against &&
        // The measure of a body in process is JSON.parse of it.
        (other.work === row.work || other.work.format === row.work.format),
    );
    const what = `${by(row)} ${row.work.model}, ${row.work.what}: CPU time against ${base === undefined ? target.against : `${by(base) === 'JSON.parse' ? 'JSON.parse' : target.against}`}`;
    const measured = ratio(row, base);
    if (measured === '') return [`${what}: not measured`];
    const met = Number(measured) <= target.ratio ? 'met' : 'NOT MET';
    return [`${what}: ${measured} × (target ≤ ${target.ratio}): ${met}`];
  });
}

/** Replaces one part of bench/RESULTS.md and keeps the others. */
export function writeResults(part: string, markdown: string): void {
  const begin = `<!-- ${part}: begin -->`;
  const end = `<!-- ${part}: end -->`;
  const section = `${begin}\n${markdown.trim()}\n${end}`;
  const old = existsSync(RESULTS) ? readFileSync(RESULTS, 'utf8') : TITLE;
  const from = old.indexOf(begin);
  const to = old.indexOf(end);
  const text =
    from >= 0 && to > from
      ? old.slice(0, from) + section + old.slice(to + end.length)
      : `${old.trimEnd()}\n\n${section}\n`;
  writeFileSync(RESULTS, text);
}
