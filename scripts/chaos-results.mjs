// Makes test/chaos/RESULTS.md of the lines that the chaos suites report. Pure but for the machine it names.
import { availableParallelism, cpus, totalmem } from 'node:os';

const number = (value) => value.toLocaleString('en-US').replaceAll(',', ' ');
const sum = (lines, field) => lines.reduce((total, line) => total + (line[field] ?? 0), 0);
const cell = (value) => (value === undefined || value === 0 ? '' : number(value));

/** The document: totals first, then a table a suite. */
export function chaosResults(lines, { version, commit, date, form, passed }) {
  const machine = `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const suites = [...new Set(lines.map((line) => line.suite))];
  const totals = [
    ['faults survived', sum(lines, 'faults')],
    ['bad inputs tried', sum(lines, 'inputs')],
    ['correct answers to other clients meanwhile', sum(lines, 'answered')],
    ['requests of theirs lost', sum(lines, 'lost')],
  ];
  return `# Results of the robustness suite

Written by \`npm run test:chaos\`; do not edit. Every line ends with a correct prediction over REST and gRPC.

servable ${version}, commit ${commit}, ${date}, Node ${process.version}, ${machine}; the ${form} form. ${passed ? 'All suites passed.' : '**Not all suites passed.**'}

| | |
|---|---|
${totals.map(([what, value]) => `| ${what} | ${number(value)} |`).join('\n')}
${suites.map((suite) => table(suite, lines.filter((line) => line.suite === suite))).join('')}`;
}

function table(suite, lines) {
  const rows = lines.map(
    ({ what, faults, inputs, answered, lost, note = '' }) =>
      `| ${what} | ${cell(faults)} | ${cell(inputs)} | ${cell(answered)} | ${lost ?? 0} | ${note} |`,
  );
  return `
## ${suite}

| what | faults | bad inputs | answered | lost | seen |
|---|---|---|---|---|---|
${rows.join('\n')}
`;
}
