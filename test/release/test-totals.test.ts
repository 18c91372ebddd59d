import { join } from 'node:path';
import { expect, test } from 'vitest';
import { ROOT } from '../support/paths.js';

interface Report {
  numPassedTests: number;
  numFailedTests: number;
  testResults: {
    name: string;
    status: string;
    assertionResults: { status: string; fullName: string }[];
  }[];
}
const totals = (await import(join(ROOT, 'scripts', 'test-totals.mjs'))) as {
  cargoTotals(lines: string[]): { passed: number; failed: number; ignored: number };
  vitestTotals(report: Report): { passed: number; failed: number };
  suitesLeftOut(report: Report, root: string): string[];
};

const file = (path: string, ...statuses: string[]): Report['testResults'][number] => ({
  name: join('/repo', path),
  status: statuses.includes('failed') || statuses.length === 0 ? 'failed' : 'passed',
  assertionResults: statuses.map((status) => ({ status, fullName: ` ${status} one` })),
});
const report = (...testResults: Report['testResults']): Report => {
  const all = testResults.flatMap(({ assertionResults }) => assertionResults);
  return {
    numPassedTests: all.filter(({ status }) => status === 'passed').length,
    numFailedTests: all.filter(({ status }) => status === 'failed').length,
    testResults,
  };
};
const complete = [
  file('test/native/a.test.ts', 'passed'),
  file('test/e2e/a.test.ts', 'passed'),
  file('test/interop/a.test.ts', 'passed'),
];

test("cargo's result lines are summed", () => {
  const lines = [
    'running 3 tests',
    'test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s',
    'test result: FAILED. 5 passed; 2 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s',
  ];
  expect(totals.cargoTotals(lines)).toEqual({ passed: 8, failed: 2, ignored: 1 });
});

test('a file that could not be collected counts as a failure', () => {
  const one = report(file('test/a.test.ts', 'passed', 'failed'), file('test/broken.test.ts'));
  expect(totals.vitestTotals(one)).toEqual({ passed: 1, failed: 2 });
});

test('a run with every required suite is complete', () => {
  expect(totals.suitesLeftOut(report(...complete), '/repo')).toEqual([]);
});

test('a required suite that did not run is a failure', () => {
  const [, ...rest] = complete;
  expect(totals.suitesLeftOut(report(...rest), '/repo')).toEqual(['test/native: no test ran']);
});

test.each(['skipped', 'pending', 'todo'])(
  'a %s test in a required suite is a failure',
  (status) => {
    const one = report(...complete, file('test/e2e/b.test.ts', 'passed', status));
    expect(totals.suitesLeftOut(one, '/repo')).toEqual([`test/e2e: "${status} one" was skipped`]);
  },
);
