// A server under steady load with reloads, arriving versions, failures and passing connections: after a warm-up it must end with the
// memory, descriptors and threads it had.
//
// tsx test/chaos/soak.ts [--minutes=3] [--report=FILE]; exit status 1 where it grew or lost a request.
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { ModelService, Models, PLUS_THREE, PLUS_TWO } from '../native/manager-support.js';
import { http, rawConnection } from '../support/http.js';
import { CLI, modelDir, ROOT } from '../support/paths.js';
import { startServer } from '../support/server.js';
import { SteadyLoad } from './support/load.js';
import {
  descriptorKinds,
  megabytes,
  type ProcessFacts,
  processFacts,
} from './support/process-facts.js';
import { WITNESS } from './support/witness.js';

/** How far from where it began a figure may end. */
const TOLERANCE = 0.03;
const SAMPLES = 9;

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '3' }, report: { type: 'string', default: '' } },
});
const minutes = Number(values.minutes);
if (!(minutes > 0)) throw new Error('--minutes: wanted a number above 0');
const totalMs = minutes * 60_000;
// The pools of TensorFlow, V8 and the allocator fill in this time, and the history of versions: an ended one is kept for ten minutes.
const warmUpMs = Math.min(totalMs / 2, 660_000);

const models = new Models();
models.add('arrives', 1, PLUS_TWO);
const entry = (name: string, path: string): string =>
  `config { name: '${name}' base_path: '${path}' model_platform: 'tensorflow' }`;
const BASE = [
  entry(WITNESS, modelDir(WITNESS)),
  entry('arrives', join(models.path, 'arrives')),
  entry('echo', modelDir('echo')),
];
const list = (entries: readonly string[]): string => `model_config_list { ${entries.join('\n')} }`;

const server = await startServer({
  command: [
    process.execPath,
    '--expose-gc',
    '--require',
    join(ROOT, 'test', 'chaos', 'support', 'collect-on-signal.cjs'),
    CLI,
  ],
  args: [
    `--model_config_file=${models.write('models.config', list(BASE))}`,
    '--workers=1',
    '--max_num_load_retries=0',
  ],
  models: [WITNESS, 'arrives', 'echo'],
});
process.on('exit', () => server.child.kill('SIGKILL'));
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => process.exit(1));
const service = new ModelService(server);
let reloads = 0;
let versions = 1;
let answered = 0;
let lost: readonly string[] = [];
let failure = '';

try {
  await strain(warmUpMs);
  const before = await settled();
  tell('after the warm-up', before);
  await strain(totalMs - warmUpMs);
  const after = await settled();
  tell('at the end', after);
  failure = verdict(before, after);
  const line = {
    suite: 'soak',
    what: `${minutes} minutes of load with ${reloads} reloads and ${versions} versions`,
    faults: reloads + versions,
    answered,
    lost: lost.length,
    note: `${facts(before)} after the warm-up, ${facts(after)} at the end`,
  };
  if (values.report !== '') {
    mkdirSync(dirname(values.report), { recursive: true });
    appendFileSync(values.report, `${JSON.stringify(line)}\n`);
  }
  console.log(`soak: ${line.what}, ${answered} answers, ${lost.length} lost`);
} catch (error) {
  failure = error instanceof Error ? (error.stack ?? error.message) : String(error);
} finally {
  service.close();
  const status = await server.stop();
  if (status !== 0) failure += ` the server ended with ${status}: ${server.output().slice(-2000)}`;
  models.remove();
}
if (failure !== '') console.error(`soak: ${failure}`);
process.exit(failure === '' ? 0 : 1);

/** Everything at once for a time; then nothing is under way. */
async function strain(forMs: number): Promise<void> {
  const until = performance.now() + forMs;
  const load = new SteadyLoad(server, { clients: 1, pauseMs: 20 });
  const others = [() => reload(), () => arrive(), () => fail(), () => pass()];
  await Promise.all(
    others.map(async (work) => {
      while (performance.now() < until) await work();
    }),
  );
  const seen = await load.stop();
  answered += seen.answered;
  lost = [...lost, ...seen.lost];
  await back();
}

/** Models come and go. */
async function reload(): Promise<void> {
  const more = ['image', 'strings', 'lookup', 'multi'].filter((_, bit) => (reloads >> bit) & 1);
  const config = list([...BASE, ...more.map((name) => entry(name, modelDir(name)))]);
  const status = await service.reload(config);
  if (status !== 'OK') throw new Error(`a reload failed: ${status}`);
  reloads += 1;
  await delay(2000);
}

/** Versions come and replace the one before. */
async function arrive(): Promise<void> {
  await delay(5000);
  versions += 1;
  models.add('arrives', versions, versions % 2 === 0 ? PLUS_THREE : PLUS_TWO);
  models.drop('arrives', versions - 2);
}

/** Requests that fail, each in its way, and large ones that do not. */
async function fail(): Promise<void> {
  const port = server.restPort;
  const floats = JSON.stringify({
    signature_name: 'any_rank',
    inputs: new Array<number>(20_000).fill(1.5),
  });
  await http({ port, path: `/v1/models/${WITNESS}:predict`, body: '{"instances": [' });
  await http({ port, path: '/v1/models/none:predict', body: '{}' });
  await http({ port, path: '/v1/models/echo:predict', body: floats });
  await http({ port, path: '/nowhere' });
  await http({ port, path: '/monitoring/prometheus/metrics' });
  await delay(500);
}

/** Connections that leave in the middle. */
async function pass(): Promise<void> {
  for (const port of [server.restPort, server.grpcPort]) {
    const connection = await rawConnection(port);
    connection.socket.write(
      'POST /v1/models/x:predict HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n{',
    );
    await delay(100);
    connection.socket.resetAndDestroy();
  }
}

/** The models of the beginning, and one version of the one that changes. */
async function back(): Promise<void> {
  const status = await service.reload(list(BASE));
  if (status !== 'OK') throw new Error(`the last reload failed: ${status}`);
  await delay(3000);
}

/**
 * Several samples, each after a collection: the median of the memory, and the least descriptors and threads, because a probe of a
 * load or a connection on its way out holds some for seconds while a leak holds them for good.
 */
async function settled(): Promise<ProcessFacts> {
  const samples: ProcessFacts[] = [];
  for (let round = 0; round < SAMPLES; round += 1) {
    server.child.kill('SIGUSR2');
    await delay(1500);
    samples.push(processFacts(server.child.pid));
  }
  const median = (of: (facts: ProcessFacts) => number): number =>
    samples.map(of).sort((a, b) => a - b)[Math.floor(SAMPLES / 2)] ?? Number.NaN;
  console.log(`soak: ${descriptorKinds(server.child.pid)}`);
  return {
    rss: median((it) => it.rss),
    threads: Math.min(...samples.map((it) => it.threads)),
    handles: Math.min(...samples.map((it) => it.handles)),
  };
}

function verdict(before: ProcessFacts, after: ProcessFacts): string {
  const grown = (['rss', 'handles', 'threads'] as const).filter(
    (what) => after[what] > before[what] * (1 + TOLERANCE),
  );
  const problems = grown.map((what) => `${what} grew from ${before[what]} to ${after[what]}`);
  if (lost.length > 0) problems.push(`${lost.length} requests lost, such as ${lost[0]}`);
  if (answered < minutes * 60) problems.push(`only ${answered} answers`);
  return problems.join('; ');
}

function facts({ rss, handles, threads }: ProcessFacts): string {
  return `RSS ${megabytes(rss)}, ${handles} descriptors, ${threads} threads`;
}

function tell(when: string, now: ProcessFacts): void {
  console.log(`soak: ${when} ${facts(now)}`);
}
