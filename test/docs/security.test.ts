import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { OPTIONS } from '../../ts/options/option-table.js';
import { ROOT } from '../support/paths.js';

const text = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8');
const section = (title: string): string => text.split(`## ${title}\n`)[1]?.split('\n## ')[0] ?? '';
const rows = section('Threats and defences')
  .split('\n')
  .filter((line) => line.startsWith('| ') && !line.startsWith('| threat'));

test('every threat has a defence and names tests that are there', () => {
  expect(rows.length).toBeGreaterThan(20);
  for (const row of rows) {
    const [, threat = '', defence = '', shown = ''] = row.split('|').map((cell) => cell.trim());
    expect(threat.length, row).toBeGreaterThan(10);
    expect(defence.length, row).toBeGreaterThan(10);
    const tests = [...shown.matchAll(/`([^`]+)`/g)].map(([, path]) => path ?? '');
    expect(tests.length, row).toBeGreaterThan(0);
    for (const path of tests) expect(existsSync(join(ROOT, path)), path).toBe(true);
  }
});

test('every flag and file it names is there', () => {
  const flags = [...text.matchAll(/--([a-z][a-z0-9_]+)/g)].map(([, name]) => name ?? '');
  const own = flags.filter((name) => name.includes('_') || name === 'supervise');
  expect(own.length).toBeGreaterThan(10);
  expect(own.filter((name) => !Object.hasOwn(OPTIONS, name))).toEqual([]);
  const files = [...text.matchAll(/`((?:crates|test|ts|scripts)\/[\w./-]+)`/g)].map(
    ([, path]) => path,
  );
  expect(files.filter((path) => !existsSync(join(ROOT, path ?? '')))).toEqual([]);
});

test('every chaos suite shows something', () => {
  const suites = readFileSync(join(ROOT, 'SECURITY.md'), 'utf8').match(
    /test\/chaos\/[\w-]+\.test\.ts/g,
  );
  for (const name of [
    'kill',
    'disk',
    'clock',
    'connections',
    'garbage',
    'http2-floods',
    'panics',
  ]) {
    expect(suites).toContain(`test/chaos/${name}.test.ts`);
  }
});
