/** `npm run bench:load`: Servable and its baselines under the same load, in one table. `--help` tells the rest. */
import { existsSync } from 'node:fs';
import { positive, readArguments, refuse } from './arguments.js';
import { chooseClients } from './clients.js';
import { coldStart } from './cold-start.js';
import { CLI } from './paths.js';
import { plan, type Work } from './plan.js';
import { benchLibrary, benchPython, makeModels } from './prepare.js';
import { circumstances, loadTable, skips, verdicts, writeResults } from './report.js';
import { type Effort, measure, Pool, type Row } from './rounds.js';
import type { Setting } from './servers.js';

const SCRIPT = 'bench:load';
const known = [...new Set(plan().flatMap((group) => group.map(({ model }) => model)))];
const HELP = `npm run bench:load -- [options]

  --rounds=5                    interleaved rounds between the servers of one work; medians are reported
  --seconds=4                   of each round
  --warmup=5                    seconds before the first
  --models=half_plus_two,mnist  only these models; bench/RESULTS.md stays as it is
  --servers=servable,tfjs       only servers whose name begins with one of these; likewise
  --flags=--workers=2           flags of "servable serve", separated by spaces
  --results=gpu                 the part of bench/RESULTS.md to write, whatever part of the plan was run
  --no-write                    leave bench/RESULTS.md as it is
  --help                        this text

Nothing else should run on the machine. Models: ${known.join(', ')}
`;

const values = readArguments(SCRIPT, {
  rounds: { type: 'string', default: '5' },
  seconds: { type: 'string', default: '4' },
  warmup: { type: 'string', default: '5' },
  models: { type: 'string' },
  servers: { type: 'string' },
  flags: { type: 'string', default: '' },
  results: { type: 'string' },
  'no-write': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
});
if (values.help) {
  process.stdout.write(HELP);
  process.exit();
}
if (!existsSync(CLI)) throw new Error('dist/cli.js is missing: run "npm run build"');
const effort: Effort = {
  rounds: positive(SCRIPT, 'rounds', values.rounds),
  seconds: positive(SCRIPT, 'seconds', values.seconds),
  warmupSeconds: positive(SCRIPT, 'warmup', values.warmup),
};
const works = chosenWorks();
const python = await benchPython();
const setting: Setting = {
  python,
  library: await benchLibrary(python),
  flags: values.flags.split(' ').filter((flag) => flag !== ''),
};
// cold-start.ts and others start Servable with this process's environment.
process.env.SERVABLE_TENSORFLOW_LIBRARY = setting.library;
await makeModels(python, [...new Set(works.flat().map(({ model }) => model))]);
const clients = await chooseClients();
const rows = await measureAll();
const start = await coldStart(effort.rounds, setting.flags);
const text = render(rows);
process.stdout.write(`\n${text}\n`);
// A part of the plan must not stand where the whole stood.
const whole = values.models === undefined && values.servers === undefined;
const part = values.results ?? (whole ? 'load' : null);
if (part !== null && !values['no-write']) writeResults(part, text);

function chosenWorks(): Work[][] {
  const models = values.models?.split(',');
  const unknown = models?.find((name) => !known.includes(name));
  if (unknown !== undefined) refuse(SCRIPT, `--models: no model "${unknown}" in the plan`);
  const servers = values.servers?.split(',');
  return plan()
    .map((group) =>
      group
        .filter(({ model }) => models?.includes(model) ?? true)
        .map((work) => ({
          ...work,
          servers: work.servers.filter(
            (name) => servers?.some((prefix) => name.startsWith(prefix)) ?? true,
          ),
        })),
    )
    .filter((group) => group.some((work) => work.servers.length > 0));
}

async function measureAll(): Promise<Row[]> {
  const all: Row[] = [];
  let pool: Pool | null = null;
  let model = '';
  try {
    for (const group of works) {
      const next = group[0]?.model ?? model;
      if (pool === null || next !== model) {
        await pool?.stop();
        pool = new Pool(next, setting);
        model = next;
      }
      const [first] = group;
      process.stderr.write(`${model}, ${first?.what}, ${first?.protocol} …\n`);
      all.push(...(await measure(group, pool, clients, effort)));
    }
  } finally {
    await pool?.stop();
  }
  return all;
}

function render(measured: readonly Row[]): string {
  const megabytes = start.rss.toFixed(0);
  return [
    values.results === undefined ? '## Load\n' : `## Load (${values.results})\n`,
    ...circumstances().map((line) => `- ${line}`),
    `- ${effort.rounds} interleaved rounds of ${effort.seconds} s after ${effort.warmupSeconds} s of warm-up, 8 connections, medians; REST by ${clients.names.rest}, gRPC by ${clients.names.grpc}; REST bodies of 100 kB and more by bench/load/http-client.ts, which waits for every answer`,
    `- CPU is user and system time of the server's process, threads and children; RSS after the row's last round, with all the process had served by then`,
    `- flags of servable serve: ${setting.flags.join(' ') || 'none'}`,
    '\n```text',
    loadTable(measured),
    '```\n',
    ...skips(measured).map((line) => `- ${line}`),
    ...verdicts(measured).map((line) => `- ${line}`),
    `- cold start to the first answer, half_plus_two: ${(start.milliseconds / 1000).toFixed(2)} s, ${megabytes} MB (targets ≤ 0.7 s, ≤ 380 MB with one worker)`,
  ].join('\n');
}
