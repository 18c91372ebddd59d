import { getHeapStatistics } from 'node:v8';
import { addon } from '../ts/native/load.js';
import { type Contender, compare, median } from './load/compare.js';
import { grpcEcho, grpcServable, restEcho, restServable } from './load/contenders.js';
import { LARGE_VECTOR, THREE_FLOATS } from './suites/bodies.js';
import { goldenPredict, jsonDecode, jsonPrint } from './suites/kernels.js';
import type { Work } from './suites/measure.js';
import { asker, loadModels } from './suites/predict.js';

/** One figure CI watches: a ratio to a baseline of the same run, or a count. */
export interface Guard {
  readonly name: string;
  /**
   * Measures the figure.
   *
   * @param slowdown how often the guarded path does its work: 1, and more in the test that shows that the guard can fail
   */
  measure(slowdown: number): Promise<number>;
}

/** CPU time of this process for `times` runs, µs: a preempted run costs no more. */
function cpuOf(work: Work, times: number): number {
  const before = process.cpuUsage();
  for (let i = 0; i < times; i += 1) work.run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
}

/** The second work's CPU time as a part of the first's: interleaved rounds, the median of their ratios. */
function ratio(works: readonly Work[], slowdown: number): number {
  const [baseline, ours] = works;
  if (baseline === undefined || ours === undefined) throw new Error('two works wanted');
  const runs = 4;
  cpuOf(baseline, runs);
  cpuOf(ours, runs);
  const ratios = Array.from({ length: 11 }, () => {
    const base = cpuOf(baseline, runs);
    return cpuOf(ours, runs * slowdown) / base;
  });
  return median(ratios);
}

/** A load that asks `times` times for each request it counts. */
function slowed(contender: Contender, times: number): Contender {
  return {
    ...contender,
    async load(port, seconds) {
      const result = await contender.load(port, seconds);
      return { ...result, requests: Math.floor(result.requests / times) };
    },
  };
}

const ONE_WORKER = ['--workers=1'];

function restRatio(body: Buffer): (slowdown: number) => Promise<number> {
  const ours = restServable('half_plus_two', body, ONE_WORKER);
  return (slowdown) => serverRatio(restEcho(body), slowed(ours, slowdown));
}

function grpcRatio(slowdown: number): Promise<number> {
  const message = goldenPredict();
  const ours = grpcServable('half_plus_two', message, ONE_WORKER);
  return serverRatio(grpcEcho(message), slowed(ours, slowdown));
}

/** CPU time per request of one server as a part of another's. */
async function serverRatio(baseline: Contender, ours: Contender): Promise<number> {
  const options = { rounds: 3, seconds: 1, warmupSeconds: 2 };
  const figures = await compare([baseline, ours], options);
  return (figures[1]?.cpuMicros ?? Number.NaN) / (figures[0]?.cpuMicros ?? Number.NaN);
}

/** Calls into the addon per request once a model runs inline; `beginTurn` is one for all requests of a turn. */
async function nativeCalls(slowdown: number): Promise<number> {
  const models = await loadModels();
  const prototype = addon().NativeQueue.prototype;
  const infer = prototype.infer;
  let calls = 0;
  try {
    const ask = asker(models.queue, 'rest.predict', THREE_FLOATS);
    for (let i = 0; i < 200; i += 1) await ask();
    prototype.infer = function counted(...args) {
      for (let i = 1; i < slowdown; i += 1) calls += 1;
      calls += 1;
      return infer.apply(this, args);
    };
    const requests = 100;
    for (let i = 0; i < requests; i += 1) await ask();
    return calls / requests;
  } finally {
    prototype.infer = infer;
    await models.close();
  }
}

/** Copies of input elements per gRPC request with `tensor_content`: the one from the message into aligned memory. */
async function inputCopies(slowdown: number): Promise<number> {
  const models = await loadModels();
  try {
    const ask = asker(models.queue, 'grpc.predict', goldenPredict());
    for (let i = 0; i < 50; i += 1) await ask();
    const before = addon().copyCounters().copies;
    const requests = 100;
    for (let i = 0; i < requests * slowdown; i += 1) await ask();
    return (addon().copyCounters().copies - before) / requests;
  } finally {
    await models.close();
  }
}

/** JavaScript memory that a request takes between two garbage collections, in bytes, with the body and the promise it waits for. */
async function heapBytes(slowdown: number): Promise<number> {
  const models = await loadModels();
  try {
    const ask = asker(models.queue, 'rest.predict', THREE_FLOATS);
    for (let i = 0; i < 2000; i += 1) await ask();
    const requests = 100;
    const figures: number[] = [];
    while (figures.length < 21) {
      const before = getHeapStatistics().used_heap_size;
      for (let i = 0; i < requests * slowdown; i += 1) await ask();
      const taken = getHeapStatistics().used_heap_size - before;
      // A collection came between.
      if (taken > 0) figures.push(taken / requests);
    }
    return median(figures);
  } finally {
    await models.close();
  }
}

/** Every guard; its limit and the reason for it are in limits.json under the same name. */
export const GUARDS: readonly Guard[] = [
  {
    name: 'json_decode_to_json_parse',
    measure: async (slowdown) => ratio(jsonDecode(), slowdown),
  },
  {
    name: 'json_print_to_json_stringify',
    measure: async (slowdown) => ratio(jsonPrint(), slowdown),
  },
  { name: 'rest_predict_to_fastify_echo', measure: restRatio(THREE_FLOATS) },
  { name: 'large_rest_predict_to_fastify_echo', measure: restRatio(LARGE_VECTOR) },
  { name: 'grpc_predict_to_grpc_js_echo', measure: grpcRatio },
  { name: 'native_calls_per_request', measure: nativeCalls },
  { name: 'input_copies_per_request', measure: inputCopies },
  { name: 'heap_bytes_per_request', measure: heapBytes },
];
