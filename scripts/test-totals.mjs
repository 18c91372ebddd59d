// Reads the totals of cargo and vitest, and what they left out. Pure: the tests feed it recorded reports.
import { relative, sep } from 'node:path';

/** The suites that prove what users get: they may not be left out, not even in part. */
export const REQUIRED_SUITES = ['native', 'e2e', 'interop'];

/** Sums cargo's "test result:" lines. */
export function cargoTotals(lines) {
  const totals = { passed: 0, failed: 0, ignored: 0 };
  for (const line of lines) {
    const match = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored;/.exec(line);
    if (match === null) continue;
    totals.passed += Number(match[1]);
    totals.failed += Number(match[2]);
    totals.ignored += Number(match[3]);
  }
  return totals;
}

/** The totals of vitest's JSON report; a file that could not be collected counts as one failure. */
export function vitestTotals(report) {
  const uncollected = report.testResults.filter(
    (file) =>
      file.status === 'failed' && file.assertionResults.every((test) => test.status !== 'failed'),
  );
  return { passed: report.numPassedTests, failed: report.numFailedTests + uncollected.length };
}

/** One sentence for each required suite that did not run, and for each of its tests that was skipped. */
export function suitesLeftOut(report, root) {
  const complaints = [];
  for (const suite of REQUIRED_SUITES) {
    const files = report.testResults.filter((file) =>
      relative(root, file.name).startsWith(`test${sep}${suite}${sep}`),
    );
    const tests = files.flatMap((file) => file.assertionResults);
    if (tests.length === 0) {
      complaints.push(`test/${suite}: no test ran`);
      continue;
    }
    for (const test of tests) {
      if (test.status !== 'passed' && test.status !== 'failed') {
        complaints.push(`test/${suite}: "${test.fullName.trim()}" was skipped`);
      }
    }
  }
  return complaints;
}
