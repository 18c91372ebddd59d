/** `npm run bench:behaviour`: how Servable behaves over load, neighbours, bursts and scale. `--help` tells the rest. */
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { positive, readArguments, refuse } from '../arguments.js';
import { chooseClients } from '../clients.js';
import { CLI } from '../paths.js';
import { benchLibrary, benchPython, makeModels } from '../prepare.js';
import { circumstances, writeResults } from '../report.js';
import { burst } from './burst.js';
import type { Context, Finding } from './common.js';
import { connections } from './connections.js';
import { manyModels } from './many-models.js';
import { bigBodies, fullQueue, slowModel } from './neighbours.js';
import { payloads } from './payloads.js';
import { steady } from './steady.js';
import { combinations, sweep } from './sweep.js';

const HELP = `npm run bench:behaviour -- [options]

  --seconds=3            of each measured stretch
  --rounds=3             interleaved rounds of what is compared
  --burst-seconds=60     of the burst
  --max-models=1000      largest number of models
  --only=burst,sweep     only these parts; bench/RESULTS.md stays as it is
  --flags=--workers=2    flags of "servable serve", separated by spaces
  --no-write             leave bench/RESULTS.md as it is
  --help                 this text, with the time that the options above it would take

Nothing else should run on the machine. Parts:
`;

type Sizes = Pick<Context, 'seconds' | 'rounds' | 'burstSeconds' | 'maxModels'>;

/** What a part measures, and about how long it takes, seconds. */
interface Part {
  readonly run: (context: Context) => Promise<Finding>;
  readonly what: string;
  readonly takes: (sizes: Sizes) => number;
}

const beside = ({ seconds, rounds }: Sizes): number => 22 + seconds + rounds * (3 * seconds + 2);
const PARTS: Readonly<Record<string, Part>> = {
  connections: {
    run: connections,
    what: '1 to 1000 connections, beside a fastify echo',
    takes: ({ seconds, rounds }) => 14 + 10 * seconds * rounds,
  },
  payloads: {
    run: payloads,
    what: 'bodies of 12 B to 64 MB, memory afterwards',
    takes: ({ seconds }) => 20 + 10 * seconds,
  },
  'big-bodies': {
    run: bigBodies,
    what: 'small requests beside 1.6 MB bodies and beside a CPU burner',
    takes: beside,
  },
  'slow-model': { run: slowModel, what: 'the same beside a model of 100 ms', takes: beside },
  'full-queue': {
    run: fullQueue,
    what: 'a fast model on the pool beside a full queue of one of 100 ms',
    takes: beside,
  },
  burst: {
    run: burst,
    what: 'ten times the sustainable rate',
    takes: ({ seconds, burstSeconds }) => 20 + seconds + Math.max(3, seconds) + burstSeconds,
  },
  steady: {
    run: steady,
    what: 'the demo model at 70 % of its sustainable rate',
    takes: ({ seconds, rounds }) => 14 + seconds * (9 + rounds),
  },
  sweep: {
    run: sweep,
    what: 'workers × inference threads',
    takes: ({ seconds, rounds }) =>
      combinations(availableParallelism()).length * (10 + 2 * seconds * rounds),
  },
  'many-models': {
    run: manyModels,
    what: '1 to 1000 models: start, memory, cost of a request',
    takes: ({ seconds, rounds, maxModels }) =>
      10 + maxModels / 25 + 4 * (12 + 2 * seconds * rounds),
  },
};
const MODELS = ['half_plus_two', 'sum224', 'mobilenet_v2', 'total', 'busy'];

const SCRIPT = 'bench:behaviour';
const values = readArguments(SCRIPT, {
  seconds: { type: 'string', default: '3' },
  rounds: { type: 'string', default: '3' },
  'burst-seconds': { type: 'string', default: '60' },
  'max-models': { type: 'string', default: '1000' },
  only: { type: 'string' },
  flags: { type: 'string', default: '' },
  'no-write': { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
});
const sizes: Sizes = {
  rounds: positive(SCRIPT, 'rounds', values.rounds),
  seconds: positive(SCRIPT, 'seconds', values.seconds),
  burstSeconds: positive(SCRIPT, 'burst-seconds', values['burst-seconds']),
  maxModels: positive(SCRIPT, 'max-models', values['max-models']),
};
const chosen = (values.only?.split(',') ?? Object.keys(PARTS)).map((name) => {
  const part = PARTS[name];
  if (part === undefined) refuse(SCRIPT, `--only: no part "${name}"`);
  return { name, ...part, minutes: part.takes(sizes) / 60 };
});
const minutes = chosen.reduce((sum, part) => sum + part.minutes, 0).toFixed(0);
if (values.help) {
  const lines = chosen.map(
    (part) => `  ${part.name.padEnd(13)}${part.minutes.toFixed(1).padStart(4)} min   ${part.what}`,
  );
  process.stdout.write(`${HELP}${lines.join('\n')}\n  all together ${minutes} min\n`);
  process.exit();
}

if (!existsSync(CLI)) throw new Error('dist/cli.js is missing: run "npm run build"');
const python = await benchPython();
await makeModels(python, MODELS);
const context: Context = {
  setting: {
    python,
    library: await benchLibrary(python),
    flags: values.flags.split(' ').filter((flag) => flag !== ''),
  },
  clients: await chooseClients(),
  ...sizes,
};

const parts: string[] = [];
let failed = 0;
for (const [at, { name, run, minutes: its }] of chosen.entries()) {
  process.stderr.write(
    `${name} (${at + 1} of ${chosen.length}), about ${its.toFixed(1)} of ${minutes} min …\n`,
  );
  const text = await run(context).then(render, (error: unknown) => {
    failed += 1;
    const reason = error instanceof Error ? error.message : String(error);
    return `### ${name}\n\nNo figures: ${reason.split('\n', 1)[0]}\n`;
  });
  process.stdout.write(`\n${text}`);
  parts.push(text);
}
const heading = [
  '## Behaviour\n',
  ...circumstances().map((line) => `- ${line}`),
  `- ${values.seconds} s each, medians of ${values.rounds} interleaved rounds where something is compared, REST by ${context.clients.names.rest} unless a body is large or each request has its time`,
  `- flags of servable serve: ${context.setting.flags.join(' ') || 'none'}\n`,
].join('\n');
// A part of the experiments must not stand where the whole stood.
if (values.only === undefined && !values['no-write']) {
  writeResults('behaviour', `${heading}\n${parts.join('\n')}`);
}
process.exitCode = failed > 0 ? 1 : 0;

function render({ title, text, verdicts }: Finding): string {
  const lines = verdicts.map((line) => `- ${line}\n`).join('');
  return `### ${title}\n\n\`\`\`text\n${text}\n\`\`\`\n\n${lines}`;
}
