/**
 * `npm run bench`: what things cost on this machine, beside a baseline of the same run.
 *
 * Milliseconds are reported, never gated: see guard.ts for the ratios and counts that CI holds us to.
 */
import { coldStart } from './load/cold-start.js';
import { compare, printFigures, table } from './load/compare.js';
import { grpcEcho, grpcServable, restEcho, restServable } from './load/contenders.js';
import { batchingPair, batchModels } from './suites/batching.js';
import { THREE_FLOATS } from './suites/bodies.js';
import { goldenPredict, jsonDecode, jsonPrint, tensorProto } from './suites/kernels.js';
import { type Timing, timeAsync, timeSync } from './suites/measure.js';
import { accessLines } from './suites/observe.js';
import { loadModels, predicts } from './suites/predict.js';

const SECONDS_EACH = 1;
const ONE_WORKER = ['--workers=1'];

function print(title: string, timings: readonly Timing[]): void {
  const base = timings[0]?.micros ?? Number.NaN;
  const rows = timings.map(({ name, micros, margin }) => [
    name,
    micros.toFixed(1),
    `±${margin.toFixed(0)} %`,
    (micros / base).toFixed(3),
  ]);
  process.stdout.write(`\n${title}\n${table(['', 'µs', '', 'ratio'], rows)}\n`);
}

print('JSON in', timeSync(jsonDecode(), SECONDS_EACH));
print('JSON out', timeSync(jsonPrint(), SECONDS_EACH));
print('TensorProto in', timeSync(tensorProto(), SECONDS_EACH));
print('Access log', timeSync(accessLines(), SECONDS_EACH));

const models = await loadModels();
print(
  'half_plus_two in this process',
  await timeAsync(predicts(models), { rounds: 15, batch: 500 }),
);
await models.close();

const load = { rounds: 5, seconds: 2, warmupSeconds: 1 };
const rest = [restEcho(THREE_FLOATS), restServable('half_plus_two', THREE_FLOATS, ONE_WORKER)];
process.stdout.write(printFigures('REST, 3 floats, 8 connections', await compare(rest, load)));
const message = goldenPredict();
const grpc = [grpcEcho(message), grpcServable('half_plus_two', message, ONE_WORKER)];
process.stdout.write(printFigures('gRPC, 3 floats, 8 connections', await compare(grpc, load)));

const missing = await batchModels();
if (missing === null) {
  for (const [title, model, connections] of [
    ['MLP 784-2048-2048-10, 64 connections', 'mlp2048', 64],
    ['MLP 784-2048-2048-10, 1 connection', 'mlp2048', 1],
    ['MNIST MLP, 8 connections', 'mnist', 8],
  ] as const) {
    const figures = await compare(batchingPair(model, connections), load);
    process.stdout.write(printFigures(`Batching, REST, one row, ${title}`, figures));
  }
} else {
  process.stdout.write(`\nBatching: skipped, ${missing}\n`);
}

const { milliseconds, rss } = await coldStart(7, ONE_WORKER);
process.stdout.write(
  `\nCold start to the first answer, half_plus_two, one worker: ${milliseconds.toFixed(0)} ms, RSS ${rss.toFixed(0)} MB\n`,
);
