/**
 * `npm run bench:behaviour`: how Servable behaves over load, neighbours, bursts and scale.
 *
 *   --seconds=5            of each measured stretch
 *   --rounds=3             interleaved rounds of what is compared
 *   --burst-seconds=60     of the burst
 *   --max-models=1000      largest number of models
 *   --only=burst,sweep     only these experiments, bench/RESULTS.md stays as it is: connections, payloads, big-bodies, slow-model, burst, steady, sweep, many-models
 *   --flags=--workers=2    flags of `servable serve`, separated by spaces
 *   --no-write             leave bench/RESULTS.md as it is
 */
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { chooseClients } from '../clients.js';
import { CLI } from '../paths.js';
import { benchLibrary, benchPython, makeModels } from '../prepare.js';
import { circumstances, writeResults } from '../report.js';
import { burst, steady } from './burst.js';
import type { Context, Finding } from './common.js';
import { connections } from './connections.js';
import { manyModels } from './many-models.js';
import { bigBodies, slowModel } from './neighbours.js';
import { payloads } from './payloads.js';
import { sweep } from './sweep.js';

const EXPERIMENTS: Readonly<Record<string, (context: Context) => Promise<Finding>>> = {
  connections,
  payloads,
  'big-bodies': bigBodies,
  'slow-model': slowModel,
  burst,
  steady,
  sweep,
  'many-models': manyModels,
};
const MODELS = ['half_plus_two', 'sum224', 'mobilenet_v2', 'total', 'busy'];

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    rounds: { type: 'string', default: '3' },
    'burst-seconds': { type: 'string', default: '60' },
    'max-models': { type: 'string', default: '1000' },
    only: { type: 'string' },
    flags: { type: 'string', default: '' },
    'no-write': { type: 'boolean', default: false },
  },
});

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
  rounds: Number(values.rounds),
  seconds: Number(values.seconds),
  burstSeconds: Number(values['burst-seconds']),
  maxModels: Number(values['max-models']),
};

const parts: string[] = [];
let failed = 0;
for (const name of values.only?.split(',') ?? Object.keys(EXPERIMENTS)) {
  const experiment = EXPERIMENTS[name];
  if (experiment === undefined) throw new Error(`--only=${name}: no such experiment`);
  process.stderr.write(`${name} …\n`);
  const text = await experiment(context).then(render, (error: unknown) => {
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
