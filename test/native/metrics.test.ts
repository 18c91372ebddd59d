import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { modelDir, ROOT } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';

const GOLDEN = readFileSync(join(ROOT, 'test', 'fixtures', 'golden', 'metrics.txt'), 'utf8');
const PREDICT = '/v1/models/half_plus_two:predict';
const BODY = JSON.stringify({ instances: [1, 2, 5] });

let server: RunningServer;
let page: string;

async function get(path: string, accept?: string): Promise<Response> {
  return fetch(`${server.rest}${path}`, accept === undefined ? {} : { headers: { accept } });
}

async function status(path: string, init: RequestInit = {}): Promise<number> {
  const answer = await fetch(`${server.rest}${path}`, init);
  await answer.arrayBuffer();
  return answer.status;
}

beforeAll(async () => {
  server = await startServer({
    args: [
      '--model_name=half_plus_two',
      `--model_base_path=${modelDir('half_plus_two')}`,
      '--workers=2',
      '--max_body_bytes=1000',
    ],
    models: ['half_plus_two'],
  });
  const post = { method: 'POST', body: BODY };
  for (let i = 0; i < 3; i += 1) expect(await status(PREDICT, post)).toBe(200);
  expect(await status(PREDICT, { method: 'POST', body: '{"instances": ["x"]}' })).toBe(400);
  expect(await status(PREDICT, { method: 'POST', body: `[${'1,'.repeat(600)}1]` })).toBe(413);
  for (const name of ['a', 'b', 'c']) {
    expect(await status(`/v1/models/${name}:predict`, post)).toBe(404);
    expect(await status(`/v1/models/${name}`)).toBe(404);
  }
  expect(await status('/v1/models/half_plus_two')).toBe(200);
  expect(await status('/v1/models')).toBe(200);
  expect(await status('/v1/nonsense', post)).toBe(400);
  page = await (await get('/monitoring/prometheus/metrics')).text();
}, 60_000);

afterAll(async () => {
  await server.stop();
});

/** The value of one series. */
function value(series: string): number {
  const line = page.split('\n').find((it) => it.startsWith(`${series} `));
  return line === undefined ? Number.NaN : Number(line.slice(series.length + 1));
}

/** The names of the labels of a family's first series, and its bounds. */
function shape(text: string, name: string): { labels: string[]; bounds: string[] } {
  const lines = text
    .split('\n')
    .filter((line) => line.replace(/_bucket\{/, '{').startsWith(`${name}{`));
  const [first = ''] = lines;
  const labels = [...first.matchAll(/(\w+)="/g)].map(([, label]) => label ?? '');
  const series = first.replace(/,?le=.*/, '');
  const own = lines.filter((line) => line.startsWith(series) && line.includes('le="'));
  const bounds = [...new Set(own.map((line) => /le="([^"]+)"/.exec(line)?.[1] ?? ''))];
  return { labels, bounds };
}

describe('the metrics page', () => {
  it('counts what was asked as TensorFlow Serving does, statuses and refusals included', () => {
    const count = ':tensorflow:serving:request_count';
    expect(value(`${count}{model_name="half_plus_two",status="OK"}`)).toBeGreaterThanOrEqual(4);
    expect(value(`${count}{model_name="half_plus_two",status="INVALID_ARGUMENT"}`)).toBe(1);
    expect(value(`${count}{model_name="half_plus_two",status="RESOURCE_EXHAUSTED"}`)).toBe(1);
    expect(value(`${count}{model_name="",status="OK"}`)).toBe(1);
    expect(value(`${count}{model_name="",status="INVALID_ARGUMENT"}`)).toBe(1);
    const latency = ':tensorflow:serving:request_latency_count{model_name="half_plus_two"';
    expect(value(`${latency},API="predict",entrypoint="REST"}`)).toBe(3);
    expect(value(`${latency},API="",entrypoint="REST"}`)).toBeGreaterThanOrEqual(1);
    expect(value(':tensorflow:core:direct_session_runs{}')).toBeGreaterThanOrEqual(3);
  });

  it('counts the models that clients invent as one', () => {
    expect(
      value(':tensorflow:serving:request_count{model_name="(unknown)",status="NOT_FOUND"}'),
    ).toBe(6);
    expect(page).not.toMatch(/model(?:_name)?="[abc]"/);
  });

  it('has every name of the reference with its type, labels and bounds', () => {
    const types = (text: string): string[] =>
      text.split('\n').filter((it) => it.startsWith('# TYPE :'));
    expect(types(page)).toEqual(expect.arrayContaining(types(GOLDEN)));
    for (const [, name = ''] of GOLDEN.matchAll(/^# TYPE (\S+)/gm)) {
      const wanted = shape(GOLDEN, name);
      if (wanted.labels.length === 0) continue;
      expect({ name, ...shape(page, name) }).toEqual({ name, ...wanted });
    }
  });

  it('tells of versions, signatures, protocols and stages', () => {
    const labels = 'model="half_plus_two",version="2",signature="serving_default",protocol="rest"';
    expect(value(`servable_requests_total{${labels},code="OK"}`)).toBe(3);
    for (const stage of ['queue', 'decode', 'run', 'encode']) {
      const times = 'servable_request_stage_duration_seconds';
      expect(value(`${times}_count{${labels},stage="${stage}"}`)).toBe(3);
      expect(value(`${times}_sum{${labels},stage="${stage}"}`)).toBeGreaterThan(0);
    }
    expect(
      value('servable_model_state{model="half_plus_two",version="2",state="AVAILABLE",code="OK"}'),
    ).toBe(1);
    expect(value('servable_requests_in_flight{model="half_plus_two"}')).toBe(0);
    expect(value('servable_ready')).toBe(1);
    expect(value('servable_model_memory_bytes{model="half_plus_two",version="2"}')).toBeGreaterThan(
      1000,
    );
    expect(
      value('servable_model_loads_total{model="half_plus_two",code="OK"}'),
    ).toBeGreaterThanOrEqual(1);
  });

  it('tells of the process and of every worker, whichever of them is asked', () => {
    expect(value('servable_process_resident_memory_bytes')).toBeGreaterThan(1e7);
    expect(value('servable_process_cpu_seconds_total')).toBeGreaterThan(0);
    for (const worker of [0, 1]) {
      const utilization = value(`servable_event_loop_utilization_ratio{worker="${worker}"}`);
      expect(utilization).toBeGreaterThanOrEqual(0);
      expect(value(`servable_heap_used_bytes{worker="${worker}"}`)).toBeGreaterThan(1e6);
    }
  });

  it('explains every metric, names none twice and has no series twice', () => {
    const types = [...page.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name);
    const helps = [...page.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name);
    expect(helps).toEqual(types);
    expect(new Set(types).size).toBe(types.length);
    const series = page.split('\n').filter((it) => it !== '' && !it.startsWith('#'));
    const names = series.map((it) => it.slice(0, it.lastIndexOf(' ')));
    expect(new Set(names).size).toBe(names.length);
  });

  it('is OpenMetrics for those who ask for it', async () => {
    const text = await get('/monitoring/prometheus/metrics');
    expect(text.headers.get('content-type')).toBe('text/plain');
    await text.arrayBuffer();
    const open = await get('/monitoring/prometheus/metrics', 'application/openmetrics-text');
    expect(open.headers.get('content-type')).toMatch(/^application\/openmetrics-text; version=1/);
    expect((await open.text()).endsWith('\n# EOF\n')).toBe(true);
  });
});
