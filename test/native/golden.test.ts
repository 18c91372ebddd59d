import { beforeAll, expect, test } from 'vitest';
import { catalog } from '../../ts/native/catalog.js';
import { InferQueue, type Method } from '../../ts/native/infer-queue.js';
import { ask, golden, open, publish } from './support.js';

interface RestCase {
  id: string;
  method: string;
  path: string;
  body: string | null;
  response: { status: number; body: string };
}

interface GrpcCase {
  id: string;
  method: string;
  request_base64: string;
  response: { code: string; details?: string; message_base64?: string };
}

/** Answers that differ on purpose: design decisions, each with its reason. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'dtype.float16.row': 'half is accepted',
  'dtype.bfloat16.col': 'bfloat16 is accepted',
  'dtype.uint16.col': 'uint16 is accepted',
  'dtype.uint16.bad.65536': 'uint16 is accepted and range-checked',
  'dtype.uint8.bad.256': 'an integer out of range is refused, not wrapped',
  'dtype.uint8.bad.-1': 'an integer out of range is refused, not wrapped',
  'predict.bad_json4': 'garbage after the JSON is an error',
  'str.b64': 'the recorded reply is not JSON (bytes that are not UTF-8)',
  'dtype.int8.bad.128': 'an integer out of range is refused, not wrapped',
  'dtype.int16.bad.40000': 'an integer out of range is refused, not wrapped',
};

const MODELS: [string, number][] = [
  ['half_plus_two', 1],
  ['half_plus_two', 2],
  ['half_plus_three', 123],
  ['echo', 1],
  ['multi', 1],
  ['strings', 1],
  ['fails', 1],
  ['lookup', 1],
  ['image', 1],
];

let queue: InferQueue;

beforeAll(async () => {
  open();
  for (const [name, version] of MODELS) await publish(name, version);
  catalog.setLabels('half_plus_two', [
    { label: 'stable', version: 1n },
    { label: 'canary', version: 2n },
  ]);
  queue = new InferQueue();
});

const ROUTE =
  /^\/v1\/models\/([^/:]+)(?:\/versions\/(\d+)|\/labels\/([^/:]+))?:(predict|classify|regress)$/;

test('REST errors have the recorded texts', async () => {
  let seen = 0;
  for (const { id, method, path, body, response } of golden<RestCase>('rest.json')) {
    const match = ROUTE.exec(path);
    if (method !== 'POST' || match === null || response.status === 200 || id in DIFFERENT) continue;
    const [, name = '', version, label, verb] = match;
    const target = queue.target({
      method: `rest.${verb}` as Method,
      name: decodeURIComponent(name),
      version: version === undefined ? null : BigInt(version),
      label: label ?? null,
    });
    const { failure } = await ask(queue, target, body ?? '');
    const wanted = (JSON.parse(response.body) as { error: string }).error;
    expect.soft({ id, text: plain(failure?.message) }).toEqual({ id, text: plain(wanted) });
    expect.soft({ id, status: failure?.httpStatus }).toEqual({ id, status: response.status });
    seen += 1;
  }
  expect(seen).toBeGreaterThan(40);
});

/** TensorFlow Serving puts a random marker before a printed SignatureDef, and ends it with a line break. */
function plain(text: string | undefined): string | undefined {
  return text?.replace(/goo\.gle\/debug\w+ +\n/, '').trimEnd();
}

test('gRPC errors have the recorded codes and texts', async () => {
  let seen = 0;
  for (const { id, method, request_base64, response } of golden<GrpcCase>('grpc.json')) {
    const rpc = /PredictionService\/(Predict|Classify|Regress|MultiInference)$/.exec(method)?.[1];
    if (rpc === undefined || response.code === 'OK' || id in DIFFERENT) continue;
    const { failure } = await ask(queue, grpcTarget(rpc), Buffer.from(request_base64, 'base64'));
    expect
      .soft({ id, code: failure?.code, text: plain(failure?.message) })
      .toEqual({ id, code: response.code, text: plain(response.details) });
    seen += 1;
  }
  expect(seen).toBeGreaterThan(20);
});

function grpcTarget(rpc: string): number {
  const method = `grpc.${rpc.charAt(0).toLowerCase()}${rpc.slice(1)}` as Method;
  return queue.target({ method, name: '', version: null, label: null });
}

test('every recorded success is a success', async () => {
  for (const { id, method, path, body, response } of golden<RestCase>('rest.json')) {
    const match = ROUTE.exec(path);
    if (method !== 'POST' || match === null || response.status !== 200 || id in DIFFERENT) continue;
    const [, name = '', version, label, verb] = match;
    if (!MODELS.some(([known]) => known === name)) continue;
    const target = queue.target({
      method: `rest.${verb}` as Method,
      name,
      version: version === undefined ? null : BigInt(version),
      label: label ?? null,
    });
    const { failure, reply } = await ask(queue, target, body ?? '');
    expect.soft({ id, failure: failure?.message }).toEqual({ id, failure: undefined });
    if (!/\bNaN\b|\bInfinity\b/.test(response.body)) {
      expect
        .soft({ id, value: rounded(JSON.parse(String(reply))) })
        .toEqual({ id, value: rounded(JSON.parse(response.body)) });
    }
  }
  for (const { id, method, request_base64, response } of golden<GrpcCase>('grpc.json')) {
    const rpc = /PredictionService\/(Predict|Classify|Regress|MultiInference)$/.exec(method)?.[1];
    if (rpc === undefined || response.code !== 'OK') continue;
    const { failure } = await ask(queue, grpcTarget(rpc), Buffer.from(request_base64, 'base64'));
    expect.soft({ id, failure: failure?.message }).toEqual({ id, failure: undefined });
  }
});

/** Floats to five digits: the recorded ones have six to nine. */
function rounded(value: unknown): unknown {
  // The recording server's kernels flushed denormal numbers to zero, which depends on the thread they run on.
  if (typeof value === 'number')
    return Math.abs(value) < 1.2e-38 ? 0 : Number(value.toPrecision(5));
  if (Array.isArray(value)) return value.map(rounded);
  if (value !== null && typeof value === 'object') {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, rounded(item)]));
  }
  return value;
}
