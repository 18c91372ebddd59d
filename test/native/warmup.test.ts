import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadModel } from '../../ts/native/model.js';
import {
  type WarmupOptions,
  type WarmupReport,
  warmUp,
  warmupCounters,
} from '../../ts/native/warmup.js';
import { ROOT } from '../support/paths.js';
import { type RunningServer, startServer } from '../support/server.js';
import { ModelService, Models, PLUS_TWO, predictOne } from './manager-support.js';
import { open, versionDir } from './support.js';

const OPTIONS: WarmupOptions = {
  iterations: 0,
  auto: true,
  batchSizes: [1],
  checkMethodName: false,
};
const folder = mkdtempSync(join(tmpdir(), 'servable-warmup-'));

/** A file that TensorFlow's own writer made; see `test/fixtures/make_warmup.py`. */
const fixture = (name: string): string => join(ROOT, 'test', 'fixtures', 'warmup', name);

/** A copy of a fixture model with a warm-up file. */
function withFile(file: string): string {
  const dir = mkdtempSync(join(folder, 'model-'));
  cpSync(versionDir('half_plus_two', 1), dir, { recursive: true });
  mkdirSync(join(dir, 'assets.extra'));
  cpSync(fixture(file), join(dir, 'assets.extra', 'tf_serving_warmup_requests'));
  return dir;
}

async function warm(
  exportDir: string,
  options: Partial<WarmupOptions> = {},
): Promise<WarmupReport> {
  const model = await loadModel({
    exportDir,
    tags: ['serve'],
    configProto: null,
    inputShapeCheck: 'auto',
  });
  try {
    return await warmUp(model, { ...OPTIONS, ...options });
  } finally {
    await model.close();
  }
}

beforeAll(open);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a warm-up file that TensorFlow wrote', () => {
  it('runs predict, classify, regress and multi-inference, whatever model they name', async () => {
    const dir = withFile('every_kind');
    const report = await warm(dir, { iterations: 2 });
    expect(report).toMatchObject({ records: 5, runs: 10, skipped: [] });
    const mine = warmupCounters().filter(({ modelPath }) => modelPath === dir);
    expect(mine.map(({ code, records }) => ({ code, records }))).toEqual([{ code: 0, records: 5 }]);
    expect(mine[0]?.latency.buckets.reduce((sum, count) => sum + count)).toBe(1);
  });

  it.each([
    ['session_run', 'UNIMPLEMENTED', /^Unsupported log_type for warmup: 5$/],
    ['predict_streamed', 'UNIMPLEMENTED', /^Unsupported log_type for warmup: 7$/],
    ['unknown_signature', 'FAILED_PRECONDITION', /^Serving signature key "none" not found\.$/],
    ['not_a_log', 'INVALID_ARGUMENT', /^Failed to parse warmup record: hello from .*_requests$/],
  ])('%s fails with %s', async (file, code, text) => {
    await expect(warm(withFile(file))).rejects.toMatchObject({
      code,
      message: expect.stringMatching(text),
    });
  });

  it('refuses signatures of another method where that is asked for', async () => {
    await expect(warm(withFile('every_kind'), { checkMethodName: true })).resolves.toMatchObject({
      records: 5,
    });
  });
});

describe('without a file', () => {
  it('runs signatures of numbers on zeros and tells why it leaves the others', async () => {
    const report = await warm(versionDir('echo', 1));
    expect(report.records).toBeNull();
    expect(report.runs).toBeGreaterThan(0);
    const skipped = new Map(report.skipped.map(({ signature, reason }) => [signature, reason]));
    expect(skipped.get('echo_string')).toBe('inputs.x is of string');
    expect(skipped.get('any_rank')).toBe('inputs.x has an unknown rank');
    expect(skipped.has('serving_default')).toBe(false);
  });

  it('never runs a signature that assigns a variable', async () => {
    const report = await warm(versionDir('counter', 1));
    expect(report).toMatchObject({ records: null, runs: 0 });
    expect(report.skipped).toContainEqual({
      signature: 'serving_default',
      reason: 'it assigns variables or keeps other state',
    });
  });

  it('a signature whose run fails is told and the model stays loaded', async () => {
    const report = await warm(versionDir('fails', 1), { batchSizes: [1, 2] });
    expect(report.skipped.length).toBeGreaterThan(0);
  });

  it('runs nothing unless asked to', async () => {
    const report = await warm(versionDir('half_plus_two', 1), { auto: false });
    expect(report).toMatchObject({ records: null, runs: 0, skipped: [] });
  });
});

describe('the server', () => {
  const models = new Models();
  let server: RunningServer;
  let service: ModelService;

  beforeAll(async () => {
    for (const [name, file] of [
      ['warm', 'every_kind'],
      ['cold', 'unknown_signature'],
    ] as const) {
      const dir = models.add(name, 1, PLUS_TWO);
      mkdirSync(join(dir, 'assets.extra'));
      cpSync(fixture(file), join(dir, 'assets.extra', 'tf_serving_warmup_requests'));
    }
    const damaged = models.add('damaged', 1, PLUS_TWO);
    mkdirSync(join(damaged, 'assets.extra'));
    writeFileSync(join(damaged, 'assets.extra', 'tf_serving_warmup_requests'), 'x'.repeat(99));
    const entries = ['warm', 'cold', 'damaged'].map(
      (name) =>
        `config { name: '${name}' base_path: '${join(models.path, name)}' model_platform: 'tensorflow' }`,
    );
    const config = models.write('models.config', `model_config_list { ${entries.join('\n')} }`);
    server = await startServer({
      args: [
        `--model_config_file=${config}`,
        '--num_request_iterations_for_warmup=3',
        '--log_format=json',
      ],
      models: ['warm'],
    });
    service = new ModelService(server);
  });

  afterAll(async () => {
    service?.close();
    await server?.stop();
    models.remove();
  });

  it('is available once every record has run, and says how many', async () => {
    expect(await predictOne(server, 'warm')).toBe(2.5);
    await server.printed(/"model":"warm","version":"1","runs":15,"warmupMs":\d+,"records":5,/);
  });

  it('a request that fails is the END of the version, with its text in the status', async () => {
    expect(await service.states('cold')).toEqual({
      1: 'END: Serving signature key "none" not found.',
    });
  });

  it('a damaged file is the END of the version, in TensorFlow’s words', async () => {
    expect(await service.states('damaged')).toEqual({
      1: 'END: corrupted record at 0 (Is this even a TFRecord file?)',
    });
  });

  it('warm-up is not counted as requests', async () => {
    const page = await (await fetch(`${server.rest}/monitoring/prometheus/metrics`)).text();
    expect(page).not.toMatch(/request_count\{model_name="cold"/);
  });
});
